// SPDX-License-Identifier: Apache-2.0

package remedy

import (
	psaapi "k8s.io/pod-security-admission/api"
)

// documentation is the page of the standards. It has an anchor for each level.
const documentation = "https://kubernetes.io/docs/concepts/security/pod-security-standards/#"

// Remedy is what makes pods comply with a check.
type Remedy struct {
	// Check is the upstream check ID, Level the level it belongs to.
	Check string
	Level psaapi.Level
	// Text says which field to set to what, in the imperative and in at most 160 characters.
	Text string

	// edits answers the edits that make a pod comply, without their check.
	edits func(*violation) []Edit
	// linuxOnly is set for fields that a pod of Windows cannot have (validateWindows in Kubernetes' pkg/apis/core/validation).
	linuxOnly bool
}

// URL is the section of the Kubernetes documentation that the check is part of.
func (r Remedy) URL() string {
	return documentation + string(r.Level)
}

// For answers the remedy of an upstream check ID, false when there is none.
func For(check string) (Remedy, bool) {
	for i := range table {
		if table[i].Check == check {
			return table[i], true
		}
	}
	return Remedy{}, false
}

// table has one entry for each of upstream's checks, those of baseline first, by ID.
var table = []Remedy{
	{
		Check: "appArmorProfile", Level: psaapi.LevelBaseline, edits: appArmorProfile,
		Text: "set no AppArmor profile, in securityContext.appArmorProfile.type or an annotation, but RuntimeDefault or Localhost",
	},
	{
		Check: "capabilities_baseline", Level: psaapi.LevelBaseline, edits: capabilitiesAdded,
		Text: "remove from securityContext.capabilities.add, in every container, what goes beyond the default set, such as NET_RAW or SYS_ADMIN",
	},
	{
		Check: "hostNamespaces", Level: psaapi.LevelBaseline, edits: hostNamespaces,
		Text: "set hostNetwork, hostPID and hostIPC to false, or leave them out",
	},
	{
		Check: "hostPathVolumes", Level: psaapi.LevelBaseline, edits: volumes,
		Text: "replace volumes[*].hostPath by another type of volume, such as emptyDir, configMap or persistentVolumeClaim",
	},
	{
		Check: "hostPorts", Level: psaapi.LevelBaseline, edits: hostPorts,
		Text: "remove ports[*].hostPort in every container; a Service reaches the pod without it",
	},
	{
		Check: "hostProbesAndHostLifecycle", Level: psaapi.LevelBaseline, edits: hostProbes,
		Text: "remove host from httpGet and tcpSocket in every probe and lifecycle hook; without it they reach the pod itself",
	},
	{
		Check: "privileged", Level: psaapi.LevelBaseline, edits: privileged,
		Text: "set securityContext.privileged: false in every container",
	},
	{
		Check: "procMount", Level: psaapi.LevelBaseline, edits: procMount,
		Text: "remove securityContext.procMount in every container; from v1.35 hostUsers: false will do as well",
	},
	{
		Check: "seLinuxOptions", Level: psaapi.LevelBaseline, edits: seLinuxOptions,
		Text: "remove seLinuxOptions.user and role; set seLinuxOptions.type to container_t, container_init_t or container_kvm_t, or remove it",
	},
	{
		Check: "seccompProfile_baseline", Level: psaapi.LevelBaseline, edits: seccompBaseline,
		Text: "set securityContext.seccompProfile.type: RuntimeDefault (or Localhost) in place of Unconfined, in the pod and every container",
	},
	{
		Check: "sysctls", Level: psaapi.LevelBaseline, edits: sysctls,
		Text: "remove from securityContext.sysctls what the standard does not list as safe",
	},
	{
		Check: "windowsHostProcess", Level: psaapi.LevelBaseline, edits: windowsHostProcess,
		Text: "set securityContext.windowsOptions.hostProcess: false in the pod and every container",
	},
	{
		Check: "allowPrivilegeEscalation", Level: psaapi.LevelRestricted, edits: allowPrivilegeEscalation, linuxOnly: true,
		Text: "set securityContext.allowPrivilegeEscalation: false in every container",
	},
	{
		Check: "capabilities_restricted", Level: psaapi.LevelRestricted, edits: capabilitiesRestricted, linuxOnly: true,
		Text: `set securityContext.capabilities.drop: ["ALL"] in every container, and add none but NET_BIND_SERVICE`,
	},
	{
		Check: "procMount_restricted", Level: psaapi.LevelRestricted, edits: procMount,
		Text: "remove securityContext.procMount in every container",
	},
	{
		Check: "restrictedVolumes", Level: psaapi.LevelRestricted, edits: volumes,
		Text: "use volumes of type configMap, csi, downwardAPI, emptyDir, ephemeral, image, persistentVolumeClaim, projected and secret only",
	},
	{
		Check: "runAsNonRoot", Level: psaapi.LevelRestricted, edits: runAsNonRoot,
		Text: "set securityContext.runAsNonRoot: true in the pod, and false in no container; the image has to name a user other than root",
	},
	{
		Check: "runAsUser", Level: psaapi.LevelRestricted, edits: runAsUser,
		Text: "remove securityContext.runAsUser: 0 in the pod and every container, or set it to another user",
	},
	{
		Check: "seccompProfile_restricted", Level: psaapi.LevelRestricted, edits: seccompRestricted, linuxOnly: true,
		Text: "set securityContext.seccompProfile.type: RuntimeDefault (or Localhost) in the pod, and no other type in any container",
	},
}
