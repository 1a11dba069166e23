// SPDX-License-Identifier: Apache-2.0

package remedy

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// seccompBaseline minds annotations up to v1.18, and fields from v1.19 on.
func seccompBaseline(v *violation) []Edit {
	return append(annotations(v), seccompGiven(v)...)
}

// seccompRestricted gives the pod a profile for the containers without their own.
func seccompRestricted(v *violation) []Edit {
	edits := seccompGiven(v)
	lacks := func(c container) bool { return c.security.SeccompProfile == nil }
	if v.security.SeccompProfile == nil && slices.ContainsFunc(v.containers, lacks) {
		edits = append(edits, add(podSecurity("seccompProfile"), runtimeDefault()))
	}
	return edits
}

// seccompGiven replaces the profiles that the check minds where they stand. Without Unconfined a pod would comply with baseline, and still run unconfined
// on most nodes: that is not what the standard is for.
func seccompGiven(v *violation) []Edit {
	var edits []Edit
	if given := v.security.SeccompProfile; given != nil && v.mindsPod(corev1.PodSecurityContext{SeccompProfile: given}) {
		edits = append(edits, change(podSecurity("seccompProfile"), runtimeDefault()))
	}
	for _, c := range v.containers {
		if given := c.security.SeccompProfile; given != nil && v.mindsContainer(corev1.SecurityContext{SeccompProfile: given}) {
			edits = append(edits, change(c.securityPath("seccompProfile"), runtimeDefault()))
		}
	}
	return edits
}

// runtimeDefault is the whole profile, since a localhostProfile beside it would be refused.
func runtimeDefault() map[string]any {
	return map[string]any{"type": string(corev1.SeccompProfileTypeRuntimeDefault)}
}
