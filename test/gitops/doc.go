// SPDX-License-Identifier: Apache-2.0

// Package gitops holds what GitOps tools make of both kinds against what
// docs/gitops.md says: kstatus, which Flux reads them by, the Lua of
// config/gitops/argocd in the interpreter that Argo CD runs it in, and the CEL
// of config/gitops/flux as Flux evaluates it.
//
// All three judge the same table of states (states_test.go), which
// internal/summary makes. The fight over labels is in test/integration.
package gitops
