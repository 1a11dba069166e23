// SPDX-License-Identifier: Apache-2.0

// Package integration tests against a real API server: what the CRDs accept,
// refuse and default, and what the operator does.
//
// One control plane (etcd and kube-apiserver, from test/controlplane) serves
// the whole package, so a test touches only objects it made: take a namespace
// from newNamespace, and select by a label of your own.
package integration
