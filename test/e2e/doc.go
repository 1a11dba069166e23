// SPDX-License-Identifier: Apache-2.0

// Package e2e tests the operator as it runs in a cluster: a process of its own
// with the rights that config/default gives it, on a control plane whose
// controllers make real pods out of manifests that nobody wrote for this project.
//
// One control plane and one operator serve the whole package, so a test touches
// only objects it made, and selects by a label of its own.
package e2e
