// SPDX-License-Identifier: Apache-2.0

// Package install tests what config/default installs: the operator's binary, with
// its ServiceAccount's own token and the flags of its Deployment, on a real API
// server; what a replica that stands by does when the leader ends, what each right
// is for, what an upgrade and a removal lose, and how much memory it takes.
//
// It may import api/v1alpha1 and what is in test. All of it is
// in _test.go files.
package install
