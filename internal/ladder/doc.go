// SPDX-License-Identifier: Apache-2.0

// Package ladder answers the next rung: which one mode of a namespace goes to
// which level and version next, on the way from the policy in force to the
// target.
//
// It is pure: values in, values out. It may import the API and
// internal/standards, and nothing else of this project. The policy in force
// comes from internal/nslabels, the target from a PodSecurityRollout.
package ladder
