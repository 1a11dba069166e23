// SPDX-License-Identifier: Apache-2.0

// Package output is how the plugin's commands show what violates, to people and
// to machines: the -o flag, the JSON and YAML documents, violations grouped by
// the workload that has to be put right, each with its remedy.
//
// It may import the API, internal/cli/term and internal/remedy.
package output
