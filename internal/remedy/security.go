// SPDX-License-Identifier: Apache-2.0

package remedy

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func privileged(v *violation) []Edit {
	var edits []Edit
	for _, c := range v.containers {
		if isTrue(c.security.Privileged) {
			edits = append(edits, change(c.securityPath("privileged"), false))
		}
	}
	return edits
}

// allowPrivilegeEscalation contradicts a privileged container, and one that adds CAP_SYS_ADMIN under that name: the API refuses the two together
// (ValidateSecurityContext in Kubernetes' pkg/apis/core/validation).
func allowPrivilegeEscalation(v *violation) []Edit {
	var edits []Edit
	for _, c := range v.containers {
		field := c.securityPath("allowPrivilegeEscalation")
		switch {
		case c.security.AllowPrivilegeEscalation == nil && !isTrue(c.security.Privileged) && !adds(c, "CAP_SYS_ADMIN"):
			edits = append(edits, add(field, false))
		case c.security.AllowPrivilegeEscalation == nil || *c.security.AllowPrivilegeEscalation:
			edits = append(edits, change(field, false))
		}
	}
	return edits
}

func isTrue(b *bool) bool {
	return b != nil && *b
}

func adds(c container, capability corev1.Capability) bool {
	return c.security.Capabilities != nil && slices.Contains(c.security.Capabilities.Add, capability)
}

const capabilityAll corev1.Capability = "ALL"

// capabilitiesRestricted drops all, which stands for whatever was dropped before.
func capabilitiesRestricted(v *violation) []Edit {
	var edits []Edit
	for _, c := range v.containers {
		if c.security.Capabilities == nil || !slices.Contains(c.security.Capabilities.Drop, capabilityAll) {
			edits = append(edits, add(c.securityPath("capabilities", "drop"), []any{string(capabilityAll)}))
		}
	}
	return append(edits, capabilitiesAdded(v)...)
}

// capabilitiesAdded removes the added capabilities that the check minds.
func capabilitiesAdded(v *violation) []Edit {
	var edits []Edit
	for _, c := range v.containers {
		if c.security.Capabilities == nil {
			continue
		}
		added := c.security.Capabilities.Add
		edits = append(edits, removeItems(c.securityPath("capabilities", "add"), len(added), func(i int) bool {
			one := &corev1.Capabilities{Drop: []corev1.Capability{capabilityAll}, Add: added[i : i+1]}
			return v.mindsContainer(corev1.SecurityContext{Capabilities: one})
		})...)
	}
	return edits
}

func procMount(v *violation) []Edit {
	var edits []Edit
	for _, c := range v.containers {
		if c.security.ProcMount != nil && *c.security.ProcMount != corev1.DefaultProcMount {
			edits = append(edits, remove(c.securityPath("procMount")))
		}
	}
	return edits
}

// appArmorProfile removes profiles rather than name the default: a host without AppArmor does not run a pod that names one.
func appArmorProfile(v *violation) []Edit {
	edits := annotations(v)
	if v.mindsPod(corev1.PodSecurityContext{AppArmorProfile: v.security.AppArmorProfile}) {
		edits = append(edits, remove(podSecurity("appArmorProfile")))
	}
	for _, c := range v.containers {
		if v.mindsContainer(corev1.SecurityContext{AppArmorProfile: c.security.AppArmorProfile}) {
			edits = append(edits, remove(c.securityPath("appArmorProfile")))
		}
	}
	return edits
}

// annotations removes those that the check minds. It is for checks that do not mind what is missing.
func annotations(v *violation) []Edit {
	var named corev1.PodSpec // seccomp annotations count for containers that exist
	for _, c := range v.containers {
		named.Containers = append(named.Containers, corev1.Container{Name: c.Name})
	}
	var edits []Edit
	for _, key := range slices.Sorted(maps.Keys(v.meta.Annotations)) {
		if v.minds(&metav1.ObjectMeta{Annotations: map[string]string{key: v.meta.Annotations[key]}}, &named) {
			edits = append(edits, remove(path("metadata", "annotations", key)))
		}
	}
	return edits
}

func seLinuxOptions(v *violation) []Edit {
	edits := seLinuxFields(podSecurity("seLinuxOptions"), v.security.SELinuxOptions, func(one *corev1.SELinuxOptions) bool {
		return v.mindsPod(corev1.PodSecurityContext{SELinuxOptions: one})
	})
	for _, c := range v.containers {
		edits = append(edits, seLinuxFields(c.securityPath("seLinuxOptions"), c.security.SELinuxOptions, func(one *corev1.SELinuxOptions) bool {
			return v.mindsContainer(corev1.SecurityContext{SELinuxOptions: one})
		})...)
	}
	return edits
}

// seLinuxFields removes the fields that the check minds, each by itself: the level (MCS label) may stay.
func seLinuxFields(p Path, options *corev1.SELinuxOptions, minds func(*corev1.SELinuxOptions) bool) []Edit {
	if options == nil {
		return nil
	}
	var edits []Edit
	if minds(&corev1.SELinuxOptions{Type: options.Type}) {
		edits = append(edits, remove(p.child("type")))
	}
	if minds(&corev1.SELinuxOptions{User: options.User}) {
		edits = append(edits, remove(p.child("user")))
	}
	if minds(&corev1.SELinuxOptions{Role: options.Role}) {
		edits = append(edits, remove(p.child("role")))
	}
	return edits
}

func windowsHostProcess(v *violation) []Edit {
	var edits []Edit
	if options := v.security.WindowsOptions; options != nil && isTrue(options.HostProcess) {
		edits = append(edits, change(podSecurity("windowsOptions", "hostProcess"), false))
	}
	for _, c := range v.containers {
		if options := c.security.WindowsOptions; options != nil && isTrue(options.HostProcess) {
			edits = append(edits, change(c.securityPath("windowsOptions", "hostProcess"), false))
		}
	}
	return edits
}
