// SPDX-License-Identifier: Apache-2.0

// Package reports says what the status of a namespace says as a Report of
// OpenReports (openreports.io/v1alpha1), for the dashboards that read those.
//
// It is pure: values in, values out. It may import the API, internal/remedy and
// internal/summary. Reports are unstructured: the definition is not ours, and
// their Go module pins an older Kubernetes.
package reports
