// SPDX-License-Identifier: Apache-2.0

// Package policy tests the ValidatingAdmissionPolicies of config/policy on a real
// API server: each has a table of who writes what, by which verb, and what comes
// of it. The operator and the others act by impersonation and by real tokens, with
// more rights than config/rbac gives, so that what refuses is the policy and not
// RBAC.
//
// It may import api/v1alpha1 and test/controlplane. All of it is in _test.go files.
package policy
