// SPDX-License-Identifier: Apache-2.0

// Package report is `kubectl podsecurity report`: for the people who fix the
// workloads, what violates which level, by owner, namespace or check; as a table,
// JSON, CSV, or one HTML page that holds everything it needs.
//
// It may import the API, internal/nslabels and the plugin's shared packages.
package report
