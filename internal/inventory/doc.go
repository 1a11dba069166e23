// SPDX-License-Identifier: Apache-2.0

// Package inventory knows what runs in each namespace, and answers what a Pod Security Standard holds against it.
//
// Its data come from watches of the API server: pods, the eight built-in kinds that carry a pod template, and custom kinds (internal/workloadkinds) where they
// are served. A Watcher runs one client-go reflector a kind; each feeds a store of this package instead of an informer's, so that an object is reduced to a
// record of some hundred bytes before anything accumulates it.
//
// Of a pod the inventory keeps its name and a pointer to a cohort: the pods that have the same profile and the same controller. Profiles (see
// standards.Reduce) are shared by all namespaces, and what a level and version holds against one is found out once. So a Verdict is made of a namespace's
// distinct profiles and workloads, not of its pods, and subscribers hear of a namespace only when that set changes.
//
// Custom kinds come and go: a watch of the names of CustomResourceDefinitions says when to ask discovery. A kind that comes joins those whose first list
// verdicts wait for; one that must not be listed is left out after a while, and named by Unwatched.
//
// A pod counts for its topmost controller: a pod of a ReplicaSet for that one's Deployment, a pod of a Job for its CronJob, any of them for the custom object
// at the end of a chain of controllers. One watch a kind serves both as evidence (the template) and as ownership (the controller reference): a second,
// metadata-only watch of ReplicaSets and Jobs would cost the API server and the network twice and could disagree with the first.
//
// What leaves is remembered for a while with the time it was last seen, within bounds (see Options), so that a pod which lived ten seconds still shows.
//
// The package imports internal/standards and internal/workloadkinds and nothing else of this module; it uses client-go, and time comes from an injected clock.
package inventory
