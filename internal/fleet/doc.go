// SPDX-License-Identifier: Apache-2.0

// Package fleet decides over many namespaces at once: which rollout a
// namespace belongs to, and by which target.
//
// It is pure: values in, values out, time as an argument. It may import the
// API, internal/ladder and internal/standards.
package fleet
