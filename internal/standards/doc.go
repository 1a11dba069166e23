// SPDX-License-Identifier: Apache-2.0

// Package standards answers one question: what does a Pod Security Standard of a level and a version hold against a pod?
//
// The answer is upstream's: the checks of k8s.io/pod-security-admission, the very code a kube-apiserver enforces with. This package adds what
// upstream leaves out:
//
//   - each Finding says which check made it (upstream results carry a reason and a detail, but no check ID);
//   - Reduce answers the small part of a pod that any check of any level and version can read, its Profile, so that equal pods are stored
//     and evaluated once. Findings on a profile and on the whole pod are the same to the letter; test/conformance proves it for every
//     upstream fixture and for random pods;
//   - Effective says what a server of a given version makes of a level and version.
//
// Everything here is a pure function of its arguments: no client, no logger, no wall clock. The package imports Kubernetes' API types and
// pod-security-admission, and nothing of this module.
package standards
