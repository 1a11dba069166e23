// SPDX-License-Identifier: Apache-2.0

// Package survey looks at a cluster once: its namespaces, and by one paged list
// of each kind what runs in them, in the operator's own inventory. It answers
// the evidence as the operator's controllers have it, with nothing installed.
//
// It may import the API, internal/cli/cluster, internal/cli/term,
// internal/gate, internal/inventory, internal/ladder, internal/nslabels,
// internal/psaconfig, internal/reportgate, internal/standards, internal/summary and client-go.
package survey
