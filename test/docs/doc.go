// SPDX-License-Identifier: Apache-2.0

// Package docs tests what users read, README.md and all Markdown below docs:
// every relative link leads somewhere, every page is reachable from the index,
// every condition type and reason has an entry that says what to do, and every
// manifest of ours decodes strictly. It asks no network and no cluster.
//
// It may import api/v1alpha1, internal/fleet and hack/reasons/constants. The tests are in _test.go files.
package docs
