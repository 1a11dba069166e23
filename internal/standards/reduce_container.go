// SPDX-License-Identifier: Apache-2.0

package standards

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// capabilityAll is what restricted wants dropped (policy/check_capabilities_restricted.go).
const capabilityAll corev1.Capability = "ALL"

func reduceContainers(containers []corev1.Container) []corev1.Container {
	var kept []corev1.Container
	for i := range containers {
		kept = append(kept, reduceContainer(&containers[i]))
	}
	return kept
}

// reduceEphemeralContainers: checks read them as they read containers (upstream's visitContainers).
func reduceEphemeralContainers(containers []corev1.EphemeralContainer) []corev1.EphemeralContainer {
	var kept []corev1.EphemeralContainer
	for i := range containers {
		common := reduceContainer((*corev1.Container)(&containers[i].EphemeralContainerCommon))
		kept = append(kept, corev1.EphemeralContainer{EphemeralContainerCommon: corev1.EphemeralContainerCommon(common)})
	}
	return kept
}

// reduceContainer always keeps the name: findings name the containers that leave something unset, too.
func reduceContainer(c *corev1.Container) corev1.Container {
	return corev1.Container{
		Name:            c.Name,
		Ports:           reducePorts(c.Ports),
		LivenessProbe:   reduceProbe(c.LivenessProbe),
		ReadinessProbe:  reduceProbe(c.ReadinessProbe),
		StartupProbe:    reduceProbe(c.StartupProbe),
		Lifecycle:       reduceLifecycle(c.Lifecycle),
		SecurityContext: reduceSecurityContext(c.SecurityContext),
	}
}

// reducePorts keeps the set of host ports.
func reducePorts(ports []corev1.ContainerPort) []corev1.ContainerPort {
	var hostPorts []int32
	for i := range ports {
		if ports[i].HostPort != 0 {
			hostPorts = append(hostPorts, ports[i].HostPort)
		}
	}
	slices.Sort(hostPorts)
	var kept []corev1.ContainerPort
	for _, hostPort := range slices.Compact(hostPorts) {
		kept = append(kept, corev1.ContainerPort{HostPort: hostPort})
	}
	return kept
}

// reduceProbe keeps the hosts that a probe names.
func reduceProbe(probe *corev1.Probe) *corev1.Probe {
	if probe == nil {
		return nil
	}
	return orNil(corev1.Probe{ProbeHandler: corev1.ProbeHandler{
		HTTPGet:   reduceHTTPGet(probe.HTTPGet),
		TCPSocket: reduceTCPSocket(probe.TCPSocket),
	}})
}

func reduceLifecycle(lifecycle *corev1.Lifecycle) *corev1.Lifecycle {
	if lifecycle == nil {
		return nil
	}
	return orNil(corev1.Lifecycle{
		PostStart: reduceLifecycleHandler(lifecycle.PostStart),
		PreStop:   reduceLifecycleHandler(lifecycle.PreStop),
	})
}

func reduceLifecycleHandler(handler *corev1.LifecycleHandler) *corev1.LifecycleHandler {
	if handler == nil {
		return nil
	}
	return orNil(corev1.LifecycleHandler{
		HTTPGet:   reduceHTTPGet(handler.HTTPGet),
		TCPSocket: reduceTCPSocket(handler.TCPSocket),
	})
}

func reduceHTTPGet(action *corev1.HTTPGetAction) *corev1.HTTPGetAction {
	if action == nil {
		return nil
	}
	return orNil(corev1.HTTPGetAction{Host: action.Host})
}

func reduceTCPSocket(action *corev1.TCPSocketAction) *corev1.TCPSocketAction {
	if action == nil {
		return nil
	}
	return orNil(corev1.TCPSocketAction{Host: action.Host})
}

func reduceSecurityContext(sc *corev1.SecurityContext) *corev1.SecurityContext {
	if sc == nil {
		return nil
	}
	return orNil(corev1.SecurityContext{
		AllowPrivilegeEscalation: only(sc.AllowPrivilegeEscalation, false),
		AppArmorProfile:          reduceAppArmor(sc.AppArmorProfile),
		Capabilities:             reduceCapabilities(sc.Capabilities),
		Privileged:               only(sc.Privileged, true),
		ProcMount:                copied(sc.ProcMount),
		RunAsNonRoot:             copied(sc.RunAsNonRoot),
		RunAsUser:                only(sc.RunAsUser, 0),
		SELinuxOptions:           reduceSELinux(sc.SELinuxOptions),
		SeccompProfile:           reduceSeccomp(sc.SeccompProfile),
		WindowsOptions:           reduceWindows(sc.WindowsOptions),
	})
}

// reduceCapabilities keeps the set of what is added, and whether all is dropped: dropping less does not count.
func reduceCapabilities(capabilities *corev1.Capabilities) *corev1.Capabilities {
	if capabilities == nil {
		return nil
	}
	var kept corev1.Capabilities
	if len(capabilities.Add) > 0 {
		kept.Add = slices.Compact(slices.Sorted(slices.Values(capabilities.Add)))
	}
	if slices.Contains(capabilities.Drop, capabilityAll) {
		kept.Drop = []corev1.Capability{capabilityAll}
	}
	return orNil(kept)
}
