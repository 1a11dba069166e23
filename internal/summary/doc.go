// SPDX-License-Identifier: Apache-2.0

// Package summary turns verdicts and decisions into status: bounded, stably
// ordered, and equal when nothing has changed, so that no write follows.
//
// It is pure: values in, values out, time as an argument. It may import the
// API, internal/gate, internal/ladder and internal/standards.
package summary
