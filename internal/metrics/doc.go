// SPDX-License-Identifier: Apache-2.0

// Package metrics has the operator's own metrics, on the registry that the manager
// serves. Names follow the Prometheus conventions, and docs/metrics.md is generated
// from them.
//
// What is a state is translated at each scrape from the statuses in the manager's
// cache and from the inventory's counts, so that no series outlives what it tells
// of. What happens is counted where it happens. Labels are bounded: the names of
// rollouts and namespaces, and words of the API; never those of pods or workloads.
//
// It may import the API, the pure packages, the inventory for its counts, and
// controller-runtime for its registry and its cache.
package metrics
