// SPDX-License-Identifier: Apache-2.0

package standards

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

type change = func(*metav1.ObjectMeta, *corev1.PodSpec)

func reduced(c change) Profile {
	meta, spec := &metav1.ObjectMeta{Name: "web"}, &corev1.PodSpec{Containers: []corev1.Container{{Name: "c"}}}
	if c != nil {
		c(meta, spec)
	}
	return Reduce(meta, spec)
}

func container(f func(*corev1.Container)) change {
	return func(_ *metav1.ObjectMeta, s *corev1.PodSpec) { f(&s.Containers[0]) }
}

func security(sc corev1.SecurityContext) change {
	return container(func(c *corev1.Container) { c.SecurityContext = &sc })
}

func podSecurity(sc corev1.PodSecurityContext) change {
	return func(_ *metav1.ObjectMeta, s *corev1.PodSpec) { s.SecurityContext = &sc }
}

func podSpec(f func(*corev1.PodSpec)) change {
	return func(_ *metav1.ObjectMeta, s *corev1.PodSpec) { f(s) }
}

func volume(source corev1.VolumeSource) change {
	return podSpec(func(s *corev1.PodSpec) { s.Volumes = append(s.Volumes, corev1.Volume{Name: "v", VolumeSource: source}) })
}

func annotation(key, value string) change {
	return func(m *metav1.ObjectMeta, _ *corev1.PodSpec) { m.Annotations = map[string]string{key: value} }
}

// What no check can tell apart has one profile and one key.
func TestReduceIsCanonical(t *testing.T) {
	tests := map[string]struct{ a, b change }{
		"fields no check reads": {nil, func(m *metav1.ObjectMeta, s *corev1.PodSpec) {
			m.Name, m.Labels, m.Annotations = "other", map[string]string{"a": "b"}, map[string]string{"a": "b"}
			s.NodeName, s.ServiceAccountName = "n", "sa"
			s.Containers[0].Image, s.Containers[0].Env = "i", []corev1.EnvVar{{Name: "E", Value: "v"}}
			s.Containers[0].VolumeMounts, s.Containers[0].Args = []corev1.VolumeMount{{Name: "v"}}, []string{"x"}
		}},
		"an empty security context":       {nil, security(corev1.SecurityContext{})},
		"an empty pod security context":   {nil, podSecurity(corev1.PodSecurityContext{FSGroup: ptr.To[int64](3)})},
		"privileged: false":               {nil, security(corev1.SecurityContext{Privileged: ptr.To(false)})},
		"allowPrivilegeEscalation: true":  {nil, security(corev1.SecurityContext{AllowPrivilegeEscalation: ptr.To(true)})},
		"a user that is not root":         {security(corev1.SecurityContext{RunAsUser: ptr.To[int64](1)}), security(corev1.SecurityContext{RunAsUser: ptr.To[int64](2)})},
		"hostProcess: false":              {nil, podSecurity(corev1.PodSecurityContext{WindowsOptions: &corev1.WindowsSecurityContextOptions{HostProcess: ptr.To(false)}})},
		"an SELinux level":                {nil, security(corev1.SecurityContext{SELinuxOptions: &corev1.SELinuxOptions{Level: "s0:c1,c2"}})},
		"SELinux users":                   {security(corev1.SecurityContext{SELinuxOptions: &corev1.SELinuxOptions{User: "a"}}), security(corev1.SecurityContext{SELinuxOptions: &corev1.SELinuxOptions{User: "b"}})},
		"the file of a localhost profile": {security(corev1.SecurityContext{SeccompProfile: &corev1.SeccompProfile{Type: "Localhost"}}), security(corev1.SecurityContext{SeccompProfile: &corev1.SeccompProfile{Type: "Localhost", LocalhostProfile: ptr.To("p")}})},
		"the order of capabilities":       {security(corev1.SecurityContext{Capabilities: &corev1.Capabilities{Add: []corev1.Capability{"A", "B", "A"}}}), security(corev1.SecurityContext{Capabilities: &corev1.Capabilities{Add: []corev1.Capability{"B", "A"}}})},
		"dropping less than all":          {nil, security(corev1.SecurityContext{Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"KILL"}}})},
		"dropping more than all":          {security(corev1.SecurityContext{Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}}), security(corev1.SecurityContext{Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"KILL", "ALL"}}})},
		"values of sysctls":               {podSecurity(corev1.PodSecurityContext{Sysctls: []corev1.Sysctl{{Name: "a", Value: "1"}}}), podSecurity(corev1.PodSecurityContext{Sysctls: []corev1.Sysctl{{Name: "a", Value: "2"}}})},
		"hostUsers: true":                 {nil, podSpec(func(s *corev1.PodSpec) { s.HostUsers = ptr.To(true) })},
		"linux":                           {nil, podSpec(func(s *corev1.PodSpec) { s.OS = &corev1.PodOS{Name: corev1.Linux} })},
		"an empty runtime class":          {nil, podSpec(func(s *corev1.PodSpec) { s.RuntimeClassName = ptr.To("") })},
		"container ports":                 {nil, container(func(c *corev1.Container) { c.Ports = []corev1.ContainerPort{{ContainerPort: 80}} })},
		"the order of host ports": {container(func(c *corev1.Container) {
			c.Ports = []corev1.ContainerPort{{HostPort: 2}, {HostPort: 1}, {HostPort: 2}}
		}), container(func(c *corev1.Container) { c.Ports = []corev1.ContainerPort{{HostPort: 1}, {HostPort: 2}} })},
		"a probe without host": {nil, container(func(c *corev1.Container) {
			c.ReadinessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/"}, Exec: &corev1.ExecAction{}}}
		})},
		"a lifecycle without host": {nil, container(func(c *corev1.Container) {
			c.Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{TCPSocket: &corev1.TCPSocketAction{}}}
		})},
		"the token volume of each pod":         {nil, volume(corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{}})},
		"the path of a host path":              {volume(corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/a"}}), volume(corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/b"}})},
		"a seccomp annotation of no container": {nil, annotation("container.seccomp.security.alpha.kubernetes.io/x", "unconfined")},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			a, b := reduced(tc.a), reduced(tc.b)
			if diff := cmp.Diff(a, b); diff != "" {
				t.Errorf("profiles differ:\n%s", diff)
			}
			if a.Key() != b.Key() {
				t.Error("keys differ")
			}
		})
	}
}

// What some check, or an exemption, can tell apart has profiles and keys of its own.
func TestReduceKeepsWhatIsRead(t *testing.T) {
	changes := map[string]change{
		"nothing":              nil,
		"privileged":           security(corev1.SecurityContext{Privileged: ptr.To(true)}),
		"no escalation":        security(corev1.SecurityContext{AllowPrivilegeEscalation: ptr.To(false)}),
		"root":                 security(corev1.SecurityContext{RunAsUser: ptr.To[int64](0)}),
		"non-root":             security(corev1.SecurityContext{RunAsNonRoot: ptr.To(true)}),
		"explicitly root":      security(corev1.SecurityContext{RunAsNonRoot: ptr.To(false)}),
		"proc mount":           security(corev1.SecurityContext{ProcMount: ptr.To(corev1.UnmaskedProcMount)}),
		"seccomp without type": security(corev1.SecurityContext{SeccompProfile: &corev1.SeccompProfile{}}),
		"AppArmor":             security(corev1.SecurityContext{AppArmorProfile: &corev1.AppArmorProfile{Type: "Unconfined"}}),
		"host process":         security(corev1.SecurityContext{WindowsOptions: &corev1.WindowsSecurityContextOptions{HostProcess: ptr.To(true)}}),
		"SELinux role":         security(corev1.SecurityContext{SELinuxOptions: &corev1.SELinuxOptions{Role: "r"}}),
		"pod root":             podSecurity(corev1.PodSecurityContext{RunAsUser: ptr.To[int64](0)}),
		"sysctl":               podSecurity(corev1.PodSecurityContext{Sysctls: []corev1.Sysctl{{Name: "a"}}}),
		"sysctls twice":        podSecurity(corev1.PodSecurityContext{Sysctls: []corev1.Sysctl{{Name: "a"}, {Name: "a"}}}),
		"user namespace":       podSpec(func(s *corev1.PodSpec) { s.HostUsers = ptr.To(false) }),
		"windows":              podSpec(func(s *corev1.PodSpec) { s.OS = &corev1.PodOS{Name: corev1.Windows} }),
		"runtime class":        podSpec(func(s *corev1.PodSpec) { s.RuntimeClassName = ptr.To("gvisor") }),
		"host network":         podSpec(func(s *corev1.PodSpec) { s.HostNetwork = true }),
		"container name":       container(func(c *corev1.Container) { c.Name = "d" }),
		"init container": podSpec(func(s *corev1.PodSpec) {
			s.InitContainers = []corev1.Container{{Name: "d"}}
		}),
		"ephemeral container": podSpec(func(s *corev1.PodSpec) {
			s.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "d"}}}
		}),
		"host port":          container(func(c *corev1.Container) { c.Ports = []corev1.ContainerPort{{HostPort: 80}} }),
		"probe host":         podSpec(withProbeHost),
		"host path":          volume(corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{}}),
		"NFS":                volume(corev1.VolumeSource{NFS: &corev1.NFSVolumeSource{}}),
		"volume of no type":  volume(corev1.VolumeSource{}),
		"two volume types":   volume(corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{}, Secret: &corev1.SecretVolumeSource{}}),
		"seccomp annotation": annotation("container.seccomp.security.alpha.kubernetes.io/c", "unconfined"),
		"AppArmor annotation": annotation("container.apparmor.security.beta.kubernetes.io/x",
			"unconfined"),
	}
	seen := map[Key]string{}
	for name, change := range changes {
		key := reduced(change).Key()
		if other, ok := seen[key]; ok {
			t.Errorf("%q and %q have the same profile", name, other)
		}
		seen[key] = name
	}
}

func TestReduceFindsContainersInAllLists(t *testing.T) {
	const prefix = "container.seccomp.security.alpha.kubernetes.io/"
	meta := &metav1.ObjectMeta{Annotations: map[string]string{prefix + "init": "a", prefix + "main": "b", prefix + "debug": "c", prefix + "none": "d"}}
	spec := &corev1.PodSpec{
		InitContainers:      []corev1.Container{{Name: "init"}},
		Containers:          []corev1.Container{{Name: "main"}},
		EphemeralContainers: []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "debug"}}},
	}
	want := map[string]string{prefix + "init": "a", prefix + "main": "b", prefix + "debug": "c"}
	if diff := cmp.Diff(want, Reduce(meta, spec).Meta.Annotations); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}
}

func TestReduceOfNothing(t *testing.T) {
	if diff := cmp.Diff(Profile{}, Reduce(nil, nil)); diff != "" {
		t.Errorf("Reduce(nil, nil) (-want +got):\n%s", diff)
	}
}

func TestKeyReadsBack(t *testing.T) {
	want := reduced(func(m *metav1.ObjectMeta, s *corev1.PodSpec) {
		m.Annotations = map[string]string{"container.apparmor.security.beta.kubernetes.io/c": "unconfined"}
		s.RuntimeClassName = ptr.To("gvisor")
		s.Containers[0].SecurityContext = &corev1.SecurityContext{RunAsUser: ptr.To[int64](0), ProcMount: ptr.To(corev1.UnmaskedProcMount)}
	})
	got, err := want.Key().Profile()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("profile read back (-want +got):\n%s", diff)
	}
	if got.RuntimeClass() != "gvisor" || reduced(nil).RuntimeClass() != "" {
		t.Errorf("RuntimeClass() = %q and %q", got.RuntimeClass(), reduced(nil).RuntimeClass())
	}
	if _, err := Key("\xff").Profile(); err == nil {
		t.Error("a broken key was read")
	}
}
