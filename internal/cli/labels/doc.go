// SPDX-License-Identifier: Apache-2.0

// Package labels is `kubectl podsecurity labels`: the pod-security labels of a
// namespace's next rung, or of its whole target, as a patch for Git, where Git
// owns the labels and the operator yields.
//
// It may import the API, internal/fleet, internal/ladder, internal/nslabels and
// the plugin's shared packages.
package labels
