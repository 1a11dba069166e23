// SPDX-License-Identifier: Apache-2.0

// Package steer is `kubectl podsecurity approve`, `retry`, `suspend` and
// `resume`: each changes one field of a spec, says what it changed and how to
// undo it, and refuses with a reason what would change nothing.
//
// It may import the API, internal/standards,
// internal/summary and the plugin's shared packages.
package steer
