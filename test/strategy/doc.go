// SPDX-License-Identifier: Apache-2.0

// Package strategy tests spec.strategy end to end: the operator as a process of
// its own, with the rights that config/default gives it, on a real control
// plane whose controllers make the pods.
//
// When something was written is taken from the API server's audit log and from
// nobody else, least of all from the operator or from the clock of the test.
//
// Most tests share one cluster and one operator, which none of them disturbs.
// Those that kill the operator, stop it or restart the API server have a cluster
// of their own. A test touches only objects it made, see scene.
package strategy
