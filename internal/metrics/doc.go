// SPDX-License-Identifier: Apache-2.0

// Package metrics has the operator's own metrics, on the registry that the manager
// serves. Names follow the Prometheus conventions.
//
// It may import the API and the pure packages.
package metrics
