// SPDX-License-Identifier: Apache-2.0

// Package explain is `kubectl podsecurity explain`: one namespace, its ladder
// done and to come, what each rule of the gate says of the next rung, and every
// workload that violates, with what puts it right. Without the operator it shows
// what a preview knows.
//
// It may import the API, internal/gate, internal/inventory, internal/ladder, internal/nslabels,
// internal/summary and the plugin's shared packages.
package explain
