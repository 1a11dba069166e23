// SPDX-License-Identifier: Apache-2.0

// Package reportwatch follows the reports that hold enforce rungs, as long as a
// rollout asks for it, and knows whether it has seen all of them.
//
// Its data come from two watches a kind: one of the kind's CustomResourceDefinition
// alone, which says whether the API server serves it, and while it does one of its
// reports. Reports can be large, and most pass: each is reduced as it arrives to
// what internal/reportgate reads, and kept only while something fails in it.
//
// It may import client-go, and of this project internal/reportgate.
package reportwatch
