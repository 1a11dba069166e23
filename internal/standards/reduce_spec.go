// SPDX-License-Identifier: Apache-2.0

package standards

import (
	"reflect"

	corev1 "k8s.io/api/core/v1"
)

// reduceSpec keeps of a pod spec what upstream's policy/check_*.go read, and the runtime class for exemptions.
func reduceSpec(spec *corev1.PodSpec) corev1.PodSpec {
	return corev1.PodSpec{
		Volumes:             reduceVolumes(spec.Volumes),
		InitContainers:      reduceContainers(spec.InitContainers),
		Containers:          reduceContainers(spec.Containers),
		EphemeralContainers: reduceEphemeralContainers(spec.EphemeralContainers),
		HostNetwork:         spec.HostNetwork,
		HostPID:             spec.HostPID,
		HostIPC:             spec.HostIPC,
		HostUsers:           only(spec.HostUsers, false),
		OS:                  reduceOS(spec.OS),
		RuntimeClassName:    reduceRuntimeClass(spec.RuntimeClassName),
		SecurityContext:     reducePodSecurityContext(spec.SecurityContext),
	}
}

// only keeps a value that matters and forgets every other: checks that ask whether a field is set to one value cannot tell the others from nothing.
func only[T comparable](value *T, matters T) *T {
	if value == nil || *value != matters {
		return nil
	}
	return &matters
}

// copied is a pointer to a copy of what value points to, nil for nil.
func copied[T any](value *T) *T {
	if value == nil {
		return nil
	}
	c := *value
	return &c
}

// orNil forgets a struct in which nothing is set.
func orNil[T any](value T) *T {
	if reflect.ValueOf(&value).Elem().IsZero() {
		return nil
	}
	return &value
}

// reduceOS: checks from v1.25 on ask for windows and nothing else.
func reduceOS(os *corev1.PodOS) *corev1.PodOS {
	if os == nil || os.Name != corev1.Windows {
		return nil
	}
	return &corev1.PodOS{Name: corev1.Windows}
}

// reduceRuntimeClass: no check reads it, exemptions do (upstream's Admission.exemptRuntimeClass, to which an empty name is none).
func reduceRuntimeClass(name *string) *string {
	if name == nil || *name == "" {
		return nil
	}
	return copied(name)
}

func reducePodSecurityContext(sc *corev1.PodSecurityContext) *corev1.PodSecurityContext {
	if sc == nil {
		return nil
	}
	return orNil(corev1.PodSecurityContext{
		AppArmorProfile: reduceAppArmor(sc.AppArmorProfile),
		RunAsNonRoot:    copied(sc.RunAsNonRoot),
		RunAsUser:       only(sc.RunAsUser, 0),
		SELinuxOptions:  reduceSELinux(sc.SELinuxOptions),
		SeccompProfile:  reduceSeccomp(sc.SeccompProfile),
		Sysctls:         reduceSysctls(sc.Sysctls),
		WindowsOptions:  reduceWindows(sc.WindowsOptions),
	})
}

// reduceSysctls keeps the names in their order, repetitions included: the sysctls check lists them so.
func reduceSysctls(sysctls []corev1.Sysctl) []corev1.Sysctl {
	var kept []corev1.Sysctl
	for i := range sysctls {
		kept = append(kept, corev1.Sysctl{Name: sysctls[i].Name})
	}
	return kept
}

// reduceAppArmor keeps the type. An empty type is a bad one, so it is not the same as no profile.
func reduceAppArmor(profile *corev1.AppArmorProfile) *corev1.AppArmorProfile {
	if profile == nil {
		return nil
	}
	return &corev1.AppArmorProfile{Type: profile.Type}
}

// reduceSeccomp keeps the type. An empty type is a bad one, so it is not the same as no profile.
func reduceSeccomp(profile *corev1.SeccompProfile) *corev1.SeccompProfile {
	if profile == nil {
		return nil
	}
	return &corev1.SeccompProfile{Type: profile.Type}
}

// reduceSELinux keeps the type, and of user and role that they are set: the check neither allows nor repeats any.
func reduceSELinux(options *corev1.SELinuxOptions) *corev1.SELinuxOptions {
	if options == nil {
		return nil
	}
	return orNil(corev1.SELinuxOptions{Type: options.Type, User: presence(options.User), Role: presence(options.Role)})
}

// presence stands for any value but none.
func presence(value string) string {
	if value == "" {
		return ""
	}
	return "set"
}

func reduceWindows(options *corev1.WindowsSecurityContextOptions) *corev1.WindowsSecurityContextOptions {
	if options == nil {
		return nil
	}
	return orNil(corev1.WindowsSecurityContextOptions{HostProcess: only(options.HostProcess, true)})
}
