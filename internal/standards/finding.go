// SPDX-License-Identifier: Apache-2.0

package standards

import (
	psaapi "k8s.io/pod-security-admission/api"
)

// Finding is one upstream check that a pod violates.
type Finding struct {
	// Check is the upstream check ID, e.g. "runAsNonRoot".
	Check string
	// Level is the level the check belongs to, baseline or restricted. Restricted includes the baseline checks that it does not override, so
	// a restricted evaluation holds findings of both.
	Level psaapi.Level
	// Reason is upstream's CheckResult.ForbiddenReason, never empty.
	Reason string
	// Detail is upstream's CheckResult.ForbiddenDetail: the containers, volumes or values at fault. It may be empty.
	Detail string
}

// Message is `reason (detail)`, as upstream's AggregateCheckResult.ForbiddenDetail writes a single result: the reason alone when there is no detail.
// The messages of a pod's findings, joined by ", ", are what upstream writes for that pod.
func (f Finding) Message() string {
	if f.Detail == "" {
		return f.Reason
	}
	return f.Reason + " (" + f.Detail + ")"
}
