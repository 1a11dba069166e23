// SPDX-License-Identifier: Apache-2.0

package nslabels

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	psaapi "k8s.io/pod-security-admission/api"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/ladder"
)

// Keys are the six labels, each mode's level before its version.
var Keys = []string{
	psaapi.EnforceLevelLabel, psaapi.EnforceVersionLabel,
	psaapi.AuditLevelLabel, psaapi.AuditVersionLabel,
	psaapi.WarnLevelLabel, psaapi.WarnVersionLabel,
}

// keysOf answers the level and the version label of a mode.
func keysOf(mode v1alpha1.Mode) (level, version string) {
	switch mode {
	case v1alpha1.ModeAudit:
		return psaapi.AuditLevelLabel, psaapi.AuditVersionLabel
	case v1alpha1.ModeWarn:
		return psaapi.WarnLevelLabel, psaapi.WarnVersionLabel
	default:
		return psaapi.EnforceLevelLabel, psaapi.EnforceVersionLabel
	}
}

// Wanted answers the two labels that a rung writes.
func Wanted(r ladder.Rung) map[string]string {
	level, version := keysOf(r.Mode)
	return map[string]string{level: string(r.To.Level), version: r.To.Version.String()}
}

// State is what a namespace's labels say.
type State struct {
	// Policy is the policy in force, as upstream's PolicyToEvaluate answers it:
	// invalid labels count as what the API server takes them for.
	Policy psaapi.Policy
	// Invalid are the labels that the API server cannot parse.
	Invalid map[string]string
}

// Read answers the policy in force on a namespace, given the cluster's defaults.
func Read(ns *corev1.Namespace, defaults psaapi.Policy) State {
	policy, _ := psaapi.PolicyToEvaluate(ns.Labels, defaults)
	state := State{Policy: policy, Invalid: map[string]string{}}
	for _, key := range Keys {
		value, ok := ns.Labels[key]
		if !ok {
			continue
		}
		if _, errs := psaapi.PolicyToEvaluate(map[string]string{key: value}, defaults); len(errs) > 0 {
			state.Invalid[key] = value
		}
	}
	return state
}

// InvalidAfter answers the labels, as "key=value", that stay invalid once the
// rung is written; all that are invalid when there is no rung.
func (s State) InvalidAfter(r *ladder.Rung) []string {
	var wanted map[string]string
	if r != nil {
		wanted = Wanted(*r)
	}
	var left []string
	for _, key := range Keys {
		value, invalid := s.Invalid[key]
		if _, replaced := wanted[key]; invalid && !replaced {
			left = append(left, fmt.Sprintf("%s=%s", key, value))
		}
	}
	return left
}

// LastApplied answers when the operator last wrote a label of the namespace,
// the zero time for never. It is read from managedFields, so it survives a lost
// status.
func LastApplied(ns *corev1.Namespace) time.Time {
	i := slices.IndexFunc(ns.ManagedFields, isOurs)
	if i < 0 || ns.ManagedFields[i].Time == nil {
		return time.Time{}
	}
	return ns.ManagedFields[i].Time.Time
}
