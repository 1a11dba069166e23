// SPDX-License-Identifier: Apache-2.0

// Package preview is `kubectl podsecurity preview`: the strictest level that
// each namespace meets today, what holds it below the next one, and what a
// rollout would do. It needs nothing installed and writes nothing.
//
// It may import the API, internal/fleet, internal/gate, internal/ladder,
// internal/nslabels, internal/standards and the plugin's shared packages.
package preview
