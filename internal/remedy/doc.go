// SPDX-License-Identifier: Apache-2.0

// Package remedy says how a pod template is made to comply with a Pod Security Standard.
//
//   - For answers what an owner is told about a check: which field to set to what, in a line, and where the standard is documented.
//   - Edits answers the edits of one pod template that make it comply with a level at a version, and what no edit can put right. An edit is Safe when
//     it gives a field that nobody has set, and Invasive when it takes away what somebody wrote; callers choose which to apply.
//   - Apply carries edits out on a template.
//
// The table has every check of k8s.io/pod-security-admission; a test fails when upstream adds one. Which values a version allows is never copied from
// upstream: the evaluator is asked about a pod that holds the value in question and nothing else.
//
// Everything here is a pure function of its arguments: no client, no logger, no wall clock. Of this module the package imports internal/standards.
package remedy
