// SPDX-License-Identifier: Apache-2.0

// Package status is `kubectl podsecurity status`: how far the rollouts are, their
// waves, and which namespaces are held by what; once, or live.
//
// It may import the API, internal/summary, controller-runtime's client and cache,
// and the plugin's shared packages.
package status
