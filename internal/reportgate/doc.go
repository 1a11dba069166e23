// SPDX-License-Identifier: Apache-2.0

// Package reportgate says what reports of other tools hold against an enforce
// rung: Reports of OpenReports (openreports.io/v1alpha1) and PolicyReports
// (wgpolicyk8s.io/v1alpha2) of a namespace, as falcosidekick, Kyverno and the
// adapter of the Trivy operator write them.
//
// What counts is a result "fail", and a result "error": the tool could not tell,
// which is never taken for a pass. "warn", "skip" and "pass" do not count. A
// result without a severity counts whatever least severity is asked for.
//
// It is pure: values in, values out. It may import the API, internal/reports and
// internal/summary. Reports are unstructured, and read with patience: what is not
// of the expected shape is passed over.
package reportgate
