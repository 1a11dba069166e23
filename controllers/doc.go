// SPDX-License-Identifier: Apache-2.0

// Package controllers is the shell around the decisions: it gathers what they
// need, calls them, acts and records. One file a kind, and no decision in any
// that a table test of the pure packages could hold.
//
//   - PodSecurityRolloutReconciler (the fleet) matches namespaces, claims them
//     by a NamespaceRollout each, and sums their status up.
//   - NamespaceRolloutReconciler (one namespace) climbs, one rung at a time.
//
// It may import every internal package. Objects come from the manager's cache;
// what a write hangs on is read again from the API server just before it.
package controllers
