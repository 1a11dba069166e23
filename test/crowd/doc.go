// SPDX-License-Identifier: Apache-2.0

// Package crowd fills a cluster with many workloads, as the controllers would have
// made them: for tests of scale on a control plane without a controller manager,
// which would take an hour for as many.
//
// It may import API machinery and nothing of this module.
package crowd
