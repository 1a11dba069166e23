// SPDX-License-Identifier: Apache-2.0

package remedy

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
)

func hostNamespaces(v *violation) []Edit {
	var edits []Edit
	if v.spec.HostNetwork {
		edits = append(edits, change(path("spec", "hostNetwork"), false))
	}
	if v.spec.HostPID {
		edits = append(edits, change(path("spec", "hostPID"), false))
	}
	if v.spec.HostIPC {
		edits = append(edits, change(path("spec", "hostIPC"), false))
	}
	return edits
}

func hostPorts(v *violation) []Edit {
	var edits []Edit
	for _, c := range v.containers {
		for i := range c.Ports {
			if c.Ports[i].HostPort != 0 {
				edits = append(edits, remove(c.path.child("ports").item(i).child("hostPort")))
			}
		}
	}
	return edits
}

func sysctls(v *violation) []Edit {
	given := v.security.Sysctls
	return removeItems(podSecurity("sysctls"), len(given), func(i int) bool {
		return v.mindsPod(corev1.PodSecurityContext{Sysctls: given[i : i+1]})
	})
}

// volumes removes those that the check minds, and their mounts.
func volumes(v *violation) []Edit {
	given := v.spec.Volumes
	gone := map[string]bool{}
	edits := removeItems(path("spec", "volumes"), len(given), func(i int) bool {
		switch {
		case !v.minds(nil, &corev1.PodSpec{Volumes: given[i : i+1]}):
			return false
		case given[i].VolumeSource == corev1.VolumeSource{}:
			v.giveUp(fmt.Sprintf("volume %q has no source known here", given[i].Name))
			return false
		}
		gone[given[i].Name] = true
		return true
	})
	for _, c := range v.containers {
		mounts := c.VolumeMounts
		edits = append(edits, removeItems(c.path.child("volumeMounts"), len(mounts), func(i int) bool { return gone[mounts[i].Name] })...)
	}
	return edits
}

// hostProbes removes the hosts that probes and lifecycle hooks name.
func hostProbes(v *violation) []Edit {
	var edits []Edit
	for _, c := range v.containers {
		edits = append(edits, probeHosts(c.path.child("livenessProbe"), c.LivenessProbe)...)
		edits = append(edits, probeHosts(c.path.child("readinessProbe"), c.ReadinessProbe)...)
		edits = append(edits, probeHosts(c.path.child("startupProbe"), c.StartupProbe)...)
		if c.Lifecycle != nil {
			edits = append(edits, hookHosts(c.path.child("lifecycle", "postStart"), c.Lifecycle.PostStart)...)
			edits = append(edits, hookHosts(c.path.child("lifecycle", "preStop"), c.Lifecycle.PreStop)...)
		}
	}
	return edits
}

func probeHosts(p Path, probe *corev1.Probe) []Edit {
	if probe == nil {
		return nil
	}
	return hosts(p, probe.HTTPGet, probe.TCPSocket)
}

func hookHosts(p Path, hook *corev1.LifecycleHandler) []Edit {
	if hook == nil {
		return nil
	}
	return hosts(p, hook.HTTPGet, hook.TCPSocket)
}

func hosts(p Path, httpGet *corev1.HTTPGetAction, tcpSocket *corev1.TCPSocketAction) []Edit {
	var edits []Edit
	if httpGet != nil && httpGet.Host != "" {
		edits = append(edits, remove(p.child("httpGet", "host")))
	}
	if tcpSocket != nil && tcpSocket.Host != "" {
		edits = append(edits, remove(p.child("tcpSocket", "host")))
	}
	return edits
}
