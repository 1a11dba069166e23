// SPDX-License-Identifier: Apache-2.0

// Package check is `kubectl podsecurity check`: what a level holds against the pods of manifests, with the file and line of each finding, without a cluster.
//
// Findings come from internal/standards, and their places from the edits of internal/remedy, which name the fields at fault. A Report is what all outputs are
// written from; as JSON and YAML it is an API of its own, see docs/check.md.
//
// It may import internal/cli, cli/offline, manifest, remedy and standards.
package check
