// SPDX-License-Identifier: Apache-2.0

package remedy_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	psaapi "k8s.io/pod-security-admission/api"
	"k8s.io/utils/ptr"

	"github.com/podsecurity-rollout/operator/internal/remedy"
	"github.com/podsecurity-rollout/operator/internal/standards"
)

func mustLevelVersion(t testing.TB, s string) psaapi.LevelVersion {
	t.Helper()
	lv, err := standards.ParseLevelVersion(s)
	if err != nil {
		t.Fatal(err)
	}
	return lv
}

// restricted is a template that complies with restricted at every version; change adapts it.
func restricted(change ...func(*corev1.PodTemplateSpec)) *corev1.PodTemplateSpec {
	template := &corev1.PodTemplateSpec{Spec: corev1.PodSpec{
		SecurityContext: &corev1.PodSecurityContext{
			RunAsNonRoot:   ptr.To(true),
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
		Containers: []corev1.Container{hardened("web", nil)},
	}}
	for _, f := range change {
		f(template)
	}
	return template
}

// hardened is a container that complies with restricted in such a pod.
func hardened(name string, change func(*corev1.SecurityContext)) corev1.Container {
	c := corev1.Container{Name: name, SecurityContext: &corev1.SecurityContext{
		AllowPrivilegeEscalation: ptr.To(false),
		Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
	}}
	if change != nil {
		change(c.SecurityContext)
	}
	return c
}

// spec changes the spec of a template.
func spec(f func(*corev1.PodSpec)) func(*corev1.PodTemplateSpec) {
	return func(t *corev1.PodTemplateSpec) { f(&t.Spec) }
}

// web changes the security context of the container.
func web(f func(*corev1.SecurityContext)) func(*corev1.PodTemplateSpec) {
	return spec(func(s *corev1.PodSpec) { f(s.Containers[0].SecurityContext) })
}

func hostPath(name string) corev1.Volume {
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/"}}}
}

func emptyDir(name string) corev1.Volume {
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}
}

func mounts(names ...string) []corev1.VolumeMount {
	var mounts []corev1.VolumeMount
	for _, name := range names {
		mounts = append(mounts, corev1.VolumeMount{Name: name, MountPath: "/" + name})
	}
	return mounts
}

type editsTest struct {
	lv            string
	template      *corev1.PodTemplateSpec
	want          []string // class, check and edit
	wantUnfixable []string // check and reason
}

// bareTests start from pods in which little is set.
var bareTests = map[string]editsTest{
	"a pod that complies": {lv: "restricted:latest", template: restricted()},
	"a pod in which nothing is set gets the pod's fields once": {
		lv: "restricted:v1.37",
		template: &corev1.PodTemplateSpec{Spec: corev1.PodSpec{
			InitContainers: []corev1.Container{{Name: "init"}}, Containers: []corev1.Container{{Name: "web"}},
		}},
		want: []string{
			`Safe allowPrivilegeEscalation: set spec.initContainers[0].securityContext.allowPrivilegeEscalation: false`,
			`Safe allowPrivilegeEscalation: set spec.containers[0].securityContext.allowPrivilegeEscalation: false`,
			`Safe capabilities_restricted: set spec.initContainers[0].securityContext.capabilities.drop: ["ALL"]`,
			`Safe capabilities_restricted: set spec.containers[0].securityContext.capabilities.drop: ["ALL"]`,
			`Safe runAsNonRoot: set spec.securityContext.runAsNonRoot: true`,
			`Safe seccompProfile_restricted: set spec.securityContext.seccompProfile: {"type":"RuntimeDefault"}`,
		},
	},
	"ephemeral containers count": {
		lv: "restricted:v1.37",
		template: restricted(spec(func(s *corev1.PodSpec) {
			s.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "debug"}}}
		})),
		want: []string{
			`Safe allowPrivilegeEscalation: set spec.ephemeralContainers[0].securityContext.allowPrivilegeEscalation: false`,
			`Safe capabilities_restricted: set spec.ephemeralContainers[0].securityContext.capabilities.drop: ["ALL"]`,
		},
	},
	"nothing that a version does not ask for": {
		lv:       "restricted:v1.7",
		template: &corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "web"}}}},
		want:     []string{`Safe runAsNonRoot: set spec.securityContext.runAsNonRoot: true`},
	},
	"all capabilities are dropped in place of some": {
		lv:       "restricted:v1.37",
		template: restricted(web(func(c *corev1.SecurityContext) { c.Capabilities.Drop = []corev1.Capability{"NET_RAW", "all"} })),
		want:     []string{`Safe capabilities_restricted: set spec.containers[0].securityContext.capabilities.drop: ["ALL"]`},
	},
	"a pod of Windows need not set what it cannot": {
		lv: "restricted:v1.25",
		template: &corev1.PodTemplateSpec{Spec: corev1.PodSpec{
			OS: &corev1.PodOS{Name: corev1.Windows}, Containers: []corev1.Container{{Name: "web"}},
		}},
		want: []string{`Safe runAsNonRoot: set spec.securityContext.runAsNonRoot: true`},
	},
	"a pod of Windows cannot set what versions before v1.25 ask for": {
		lv: "restricted:v1.24",
		template: &corev1.PodTemplateSpec{Spec: corev1.PodSpec{
			OS: &corev1.PodOS{Name: corev1.Windows}, Containers: []corev1.Container{{Name: "web"}},
		}},
		want: []string{`Safe runAsNonRoot: set spec.securityContext.runAsNonRoot: true`},
		wantUnfixable: []string{
			"allowPrivilegeEscalation: a pod of Windows cannot set what versions before v1.25 ask of it",
			"capabilities_restricted: a pod of Windows cannot set what versions before v1.25 ask of it",
			"seccompProfile_restricted: a pod of Windows cannot set what versions before v1.25 ask of it",
		},
	},
}

// userTests are about runAsNonRoot and runAsUser.
var userTests = map[string]editsTest{
	"a container that contradicts is edited itself": {
		lv: "restricted:v1.37",
		template: restricted(spec(func(s *corev1.PodSpec) {
			s.SecurityContext.RunAsNonRoot = nil
			s.Containers = []corev1.Container{
				hardened("web", nil),
				hardened("root", func(c *corev1.SecurityContext) { c.RunAsNonRoot = ptr.To(false) }),
			}
		})),
		want: []string{
			`Safe runAsNonRoot: set spec.securityContext.runAsNonRoot: true`,
			`Invasive runAsNonRoot: set spec.containers[1].securityContext.runAsNonRoot: true`,
		},
	},
	"a pod that says false is edited, its containers follow": {
		lv:       "restricted:v1.37",
		template: restricted(spec(func(s *corev1.PodSpec) { s.SecurityContext.RunAsNonRoot = ptr.To(false) })),
		want:     []string{`Invasive runAsNonRoot: set spec.securityContext.runAsNonRoot: true`},
	},
	"containers that all say true need no more": {
		lv: "restricted:v1.37",
		template: restricted(spec(func(s *corev1.PodSpec) {
			s.SecurityContext.RunAsNonRoot = nil
			s.Containers[0] = hardened("web", func(c *corev1.SecurityContext) { c.RunAsNonRoot = ptr.To(true) })
		})),
	},
	"user 0 contradicts, so the others get it themselves": {
		lv: "restricted:v1.37",
		template: restricted(spec(func(s *corev1.PodSpec) {
			s.SecurityContext.RunAsNonRoot = nil
			s.Containers = []corev1.Container{
				hardened("web", nil),
				hardened("root", func(c *corev1.SecurityContext) { c.RunAsUser = ptr.To[int64](0) }),
			}
		})),
		want: []string{
			`Safe runAsNonRoot: set spec.containers[0].securityContext.runAsNonRoot: true`,
			`Invasive runAsNonRoot: set spec.containers[1].securityContext.runAsNonRoot: true`,
			`Invasive runAsUser: remove spec.containers[1].securityContext.runAsUser`,
		},
	},
	"a pod of user 0": {
		lv: "restricted:v1.37",
		template: restricted(spec(func(s *corev1.PodSpec) {
			s.SecurityContext.RunAsNonRoot, s.SecurityContext.RunAsUser = nil, ptr.To[int64](0)
		})),
		want: []string{
			`Invasive runAsNonRoot: set spec.securityContext.runAsNonRoot: true`,
			`Invasive runAsUser: remove spec.securityContext.runAsUser`,
		},
	},
	"user 0 does not start as non-root, at versions that do not mind it either": {
		lv: "restricted:v1.22",
		template: restricted(spec(func(s *corev1.PodSpec) {
			s.SecurityContext.RunAsNonRoot, s.SecurityContext.RunAsUser = nil, ptr.To[int64](0)
		})),
		want: []string{
			`Invasive runAsNonRoot: set spec.securityContext.runAsNonRoot: true`,
			`Invasive runAsNonRoot: remove spec.securityContext.runAsUser`,
		},
	},
	"in a user namespace root may stay": {
		lv: "restricted:v1.35",
		template: restricted(spec(func(s *corev1.PodSpec) {
			s.HostUsers = ptr.To(false)
			s.SecurityContext.RunAsNonRoot, s.SecurityContext.RunAsUser = nil, ptr.To[int64](0)
		})),
	},
}

// containerTests are about the other fields of security contexts.
var containerTests = map[string]editsTest{
	"a privileged container": {
		lv:       "baseline:v1.37",
		template: restricted(web(func(c *corev1.SecurityContext) { c.Privileged = ptr.To(true) })),
		want:     []string{`Invasive privileged: set spec.containers[0].securityContext.privileged: false`},
	},
	"what the API refuses beside privileged waits for it": {
		lv: "restricted:v1.37",
		template: restricted(web(func(c *corev1.SecurityContext) {
			c.Privileged, c.AllowPrivilegeEscalation = ptr.To(true), nil
		})),
		want: []string{
			`Invasive privileged: set spec.containers[0].securityContext.privileged: false`,
			`Invasive allowPrivilegeEscalation: set spec.containers[0].securityContext.allowPrivilegeEscalation: false`,
		},
	},
	"and beside CAP_SYS_ADMIN": {
		lv: "restricted:v1.37",
		template: restricted(web(func(c *corev1.SecurityContext) {
			c.Capabilities.Add, c.AllowPrivilegeEscalation = []corev1.Capability{"CAP_SYS_ADMIN"}, nil
		})),
		want: []string{
			`Invasive allowPrivilegeEscalation: set spec.containers[0].securityContext.allowPrivilegeEscalation: false`,
			`Invasive capabilities_restricted: remove spec.containers[0].securityContext.capabilities.add`,
		},
	},
	"privilege escalation that is asked for": {
		lv:       "restricted:v1.37",
		template: restricted(web(func(c *corev1.SecurityContext) { c.AllowPrivilegeEscalation = ptr.To(true) })),
		want:     []string{`Invasive allowPrivilegeEscalation: set spec.containers[0].securityContext.allowPrivilegeEscalation: false`},
	},
	"baseline leaves the default capabilities": {
		lv: "baseline:v1.37",
		template: restricted(web(func(c *corev1.SecurityContext) {
			c.Capabilities.Add = []corev1.Capability{"NET_RAW", "CHOWN", "SYS_ADMIN"}
		})),
		want: []string{
			`Invasive capabilities_baseline: remove spec.containers[0].securityContext.capabilities.add[2]`,
			`Invasive capabilities_baseline: remove spec.containers[0].securityContext.capabilities.add[0]`,
		},
	},
	"restricted leaves one": {
		lv: "restricted:v1.37",
		template: restricted(web(func(c *corev1.SecurityContext) {
			c.Capabilities.Add = []corev1.Capability{"CHOWN", "NET_BIND_SERVICE"}
		})),
		want: []string{`Invasive capabilities_restricted: remove spec.containers[0].securityContext.capabilities.add[0]`},
	},
	"an unmasked /proc": {
		lv:       "restricted:v1.35",
		template: restricted(web(func(c *corev1.SecurityContext) { c.ProcMount = ptr.To(corev1.UnmaskedProcMount) })),
		want:     []string{`Invasive procMount_restricted: remove spec.containers[0].securityContext.procMount`},
	},
	"an unmasked /proc in a user namespace, which baseline allows": {
		lv: "baseline:v1.35",
		template: restricted(
			spec(func(s *corev1.PodSpec) { s.HostUsers = ptr.To(false) }),
			web(func(c *corev1.SecurityContext) { c.ProcMount = ptr.To(corev1.UnmaskedProcMount) }),
		),
	},
	"seccomp profiles where they stand": {
		lv: "restricted:v1.37",
		template: restricted(spec(func(s *corev1.PodSpec) {
			s.SecurityContext.SeccompProfile.Type = corev1.SeccompProfileTypeUnconfined
			s.Containers[0] = hardened("web", func(c *corev1.SecurityContext) {
				c.SeccompProfile = &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeUnconfined}
			})
		})),
		want: []string{
			`Invasive seccompProfile_restricted: set spec.securityContext.seccompProfile: {"type":"RuntimeDefault"}`,
			`Invasive seccompProfile_restricted: set spec.containers[0].securityContext.seccompProfile: {"type":"RuntimeDefault"}`,
		},
	},
	"AppArmor in fields": {
		lv: "baseline:v1.37",
		template: restricted(spec(func(s *corev1.PodSpec) {
			s.SecurityContext.AppArmorProfile = &corev1.AppArmorProfile{Type: corev1.AppArmorProfileTypeUnconfined}
			s.Containers[0].SecurityContext.AppArmorProfile = &corev1.AppArmorProfile{Type: corev1.AppArmorProfileTypeUnconfined}
		})),
		want: []string{
			`Invasive appArmorProfile: remove spec.securityContext.appArmorProfile`,
			`Invasive appArmorProfile: remove spec.containers[0].securityContext.appArmorProfile`,
		},
	},
	"SELinux keeps its level, and a type that the version allows": {
		lv: "baseline:v1.31",
		template: restricted(
			spec(func(s *corev1.PodSpec) {
				s.SecurityContext.SELinuxOptions = &corev1.SELinuxOptions{User: "u", Role: "r", Type: "container_engine_t", Level: "s0"}
			}),
			web(func(c *corev1.SecurityContext) { c.SELinuxOptions = &corev1.SELinuxOptions{Type: "spc_t"} }),
		),
		want: []string{
			`Invasive seLinuxOptions: remove spec.securityContext.seLinuxOptions.user`,
			`Invasive seLinuxOptions: remove spec.securityContext.seLinuxOptions.role`,
			`Invasive seLinuxOptions: remove spec.containers[0].securityContext.seLinuxOptions.type`,
		},
	},
	"SELinux type that an older version does not allow": {
		lv: "baseline:v1.30",
		template: restricted(web(func(c *corev1.SecurityContext) {
			c.SELinuxOptions = &corev1.SELinuxOptions{Type: "container_engine_t"}
		})),
		want: []string{`Invasive seLinuxOptions: remove spec.containers[0].securityContext.seLinuxOptions.type`},
	},
	"a process of the Windows host": {
		lv: "baseline:v1.37",
		template: restricted(
			spec(func(s *corev1.PodSpec) {
				s.HostNetwork = true
				s.SecurityContext.WindowsOptions = &corev1.WindowsSecurityContextOptions{HostProcess: ptr.To(true)}
			}),
			web(func(c *corev1.SecurityContext) {
				c.WindowsOptions = &corev1.WindowsSecurityContextOptions{HostProcess: ptr.To(true)}
			}),
		),
		want: []string{
			`Invasive hostNamespaces: set spec.hostNetwork: false`,
			`Invasive windowsHostProcess: set spec.securityContext.windowsOptions.hostProcess: false`,
			`Invasive windowsHostProcess: set spec.containers[0].securityContext.windowsOptions.hostProcess: false`,
		},
	},
}

// hostTests are about what pods get of the host.
var hostTests = map[string]editsTest{
	"namespaces": {
		lv: "baseline:v1.37",
		template: restricted(spec(func(s *corev1.PodSpec) {
			s.HostNetwork, s.HostPID, s.HostIPC = true, true, true
		})),
		want: []string{
			`Invasive hostNamespaces: set spec.hostNetwork: false`,
			`Invasive hostNamespaces: set spec.hostPID: false`,
			`Invasive hostNamespaces: set spec.hostIPC: false`,
		},
	},
	"volumes go with their mounts, the last first": {
		lv: "baseline:v1.37",
		template: restricted(spec(func(s *corev1.PodSpec) {
			s.Volumes = []corev1.Volume{hostPath("a"), emptyDir("b"), hostPath("c")}
			s.Containers[0].VolumeMounts = mounts("a", "b", "c", "a")
			init := hardened("init", nil)
			init.VolumeMounts = mounts("c")
			s.InitContainers = []corev1.Container{init}
		})),
		want: []string{
			`Invasive hostPathVolumes: remove spec.volumes[2]`,
			`Invasive hostPathVolumes: remove spec.volumes[0]`,
			`Invasive hostPathVolumes: remove spec.initContainers[0].volumeMounts`,
			`Invasive hostPathVolumes: remove spec.containers[0].volumeMounts[3]`,
			`Invasive hostPathVolumes: remove spec.containers[0].volumeMounts[2]`,
			`Invasive hostPathVolumes: remove spec.containers[0].volumeMounts[0]`,
		},
	},
	"volumes that only restricted minds, and one whose source nobody knows": {
		lv: "restricted:v1.37",
		template: restricted(spec(func(s *corev1.PodSpec) {
			s.Volumes = []corev1.Volume{
				{Name: "share", VolumeSource: corev1.VolumeSource{NFS: &corev1.NFSVolumeSource{}}}, {Name: "new"}, {Name: "newer"},
			}
		})),
		want: []string{`Invasive restrictedVolumes: remove spec.volumes[0]`},
		wantUnfixable: []string{
			`restrictedVolumes: volume "new" has no source known here`,
			`restrictedVolumes: volume "newer" has no source known here`,
		},
	},
	"ports": {
		lv: "baseline:v1.37",
		template: restricted(spec(func(s *corev1.PodSpec) {
			s.Containers[0].Ports = []corev1.ContainerPort{{ContainerPort: 80, HostPort: 80}, {ContainerPort: 443}}
		})),
		want: []string{`Invasive hostPorts: remove spec.containers[0].ports[0].hostPort`},
	},
	"sysctls that the version does not allow": {
		lv: "baseline:v1.36",
		template: restricted(spec(func(s *corev1.PodSpec) {
			s.SecurityContext.Sysctls = []corev1.Sysctl{{Name: "net.ipv4.tcp_notsent_lowat"}, {Name: "net.ipv4.tcp_rmem"}, {Name: "kernel.msgmax"}}
		})),
		want: []string{
			`Invasive sysctls: remove spec.securityContext.sysctls[2]`,
			`Invasive sysctls: remove spec.securityContext.sysctls[0]`,
		},
	},
	"hosts of probes and hooks": {
		lv: "baseline:v1.34",
		template: restricted(spec(func(s *corev1.PodSpec) {
			httpGet, tcpSocket := &corev1.HTTPGetAction{Host: "127.0.0.1"}, &corev1.TCPSocketAction{Host: "10.0.0.1"}
			c := &s.Containers[0]
			c.LivenessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: httpGet}}
			c.ReadinessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{TCPSocket: tcpSocket}}
			c.StartupProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{Exec: &corev1.ExecAction{}}}
			c.Lifecycle = &corev1.Lifecycle{
				PostStart: &corev1.LifecycleHandler{HTTPGet: httpGet}, PreStop: &corev1.LifecycleHandler{TCPSocket: tcpSocket},
			}
		})),
		want: []string{
			`Invasive hostProbesAndHostLifecycle: remove spec.containers[0].livenessProbe.httpGet.host`,
			`Invasive hostProbesAndHostLifecycle: remove spec.containers[0].readinessProbe.tcpSocket.host`,
			`Invasive hostProbesAndHostLifecycle: remove spec.containers[0].lifecycle.postStart.httpGet.host`,
			`Invasive hostProbesAndHostLifecycle: remove spec.containers[0].lifecycle.preStop.tcpSocket.host`,
		},
	},
	"annotations of seccomp count for containers that exist, up to v1.18": {
		lv: "baseline:v1.18",
		template: restricted(func(t *corev1.PodTemplateSpec) {
			t.Annotations = map[string]string{
				"seccomp.security.alpha.kubernetes.io/pod":           "unconfined",
				"container.seccomp.security.alpha.kubernetes.io/web": "unconfined",
				"container.seccomp.security.alpha.kubernetes.io/was": "unconfined",
				"container.apparmor.security.beta.kubernetes.io/was": "unconfined",
				"container.apparmor.security.beta.kubernetes.io/web": "localhost/web",
			}
		}),
		want: []string{
			`Invasive appArmorProfile: remove metadata.annotations[container.apparmor.security.beta.kubernetes.io/was]`,
			`Invasive seccompProfile_baseline: remove metadata.annotations[container.seccomp.security.alpha.kubernetes.io/web]`,
			`Invasive seccompProfile_baseline: remove metadata.annotations[seccomp.security.alpha.kubernetes.io/pod]`,
		},
	},
}

func TestEdits(t *testing.T) {
	e := mustEvaluator(t)
	for group, tests := range map[string]map[string]editsTest{
		"bare": bareTests, "user": userTests, "containers": containerTests, "host": hostTests,
	} {
		for name, tc := range tests {
			t.Run(group+"/"+name, func(t *testing.T) { checkEdits(t, e, tc) })
		}
	}
}

func checkEdits(t *testing.T, e *standards.Evaluator, tc editsTest) {
	edits, unfixable := remedy.Edits(e, mustLevelVersion(t, tc.lv), &tc.template.ObjectMeta, &tc.template.Spec)
	var got, gotUnfixable []string
	for _, edit := range edits {
		got = append(got, string(edit.Class)+" "+edit.Check+": "+edit.String())
	}
	for _, u := range unfixable {
		gotUnfixable = append(gotUnfixable, u.Check+": "+u.Reason)
	}
	if diff := cmp.Diff(tc.want, got); diff != "" {
		t.Errorf("edits (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(tc.wantUnfixable, gotUnfixable); diff != "" {
		t.Errorf("unfixable (-want +got):\n%s", diff)
	}
}

func TestEditsOfNothing(t *testing.T) {
	edits, unfixable := remedy.Edits(mustEvaluator(t), mustLevelVersion(t, "restricted:latest"), nil, nil)
	if edits != nil || unfixable != nil {
		t.Errorf("Edits(nil, nil) = %v, %v", edits, unfixable)
	}
}

func TestApply(t *testing.T) {
	before := restricted(spec(func(s *corev1.PodSpec) {
		s.HostPID = true
		s.SecurityContext = nil
		s.Volumes = []corev1.Volume{hostPath("a"), emptyDir("b"), hostPath("c")}
		s.Containers[0].SecurityContext = nil
		s.Containers[0].VolumeMounts = mounts("a", "b")
		s.Containers[0].Image = "registry.k8s.io/pause"
	}), func(t *corev1.PodTemplateSpec) {
		t.ObjectMeta = metav1.ObjectMeta{Name: "web", Annotations: map[string]string{
			"container.apparmor.security.beta.kubernetes.io/web": "unconfined", "example.com/a": "b",
		}}
	})
	unchanged := before.DeepCopy()
	edits, _ := remedy.Edits(mustEvaluator(t), mustLevelVersion(t, "restricted:v1.37"), &before.ObjectMeta, &before.Spec)
	got := mustApply(t, edits, before)
	want := restricted(spec(func(s *corev1.PodSpec) {
		s.Volumes = []corev1.Volume{emptyDir("b")}
		s.Containers[0].VolumeMounts = mounts("b")
		s.Containers[0].Image = "registry.k8s.io/pause"
	}), func(t *corev1.PodTemplateSpec) {
		t.ObjectMeta = metav1.ObjectMeta{Name: "web", Annotations: map[string]string{"example.com/a": "b"}}
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("edited template (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(unchanged, before); diff != "" {
		t.Errorf("the template given has changed (-want +got):\n%s", diff)
	}
}

func TestApplyFails(t *testing.T) {
	tests := map[string]remedy.Edit{
		"nothing there to remove": {Op: remedy.Remove, Path: remedy.Path{{Name: "spec"}, {Name: "volumes"}}},
		"no such item":            {Op: remedy.Remove, Path: remedy.Path{{Name: "spec"}, {Name: "containers"}, {Index: 1}}},
		"no JSON":                 {Op: remedy.Set, Path: remedy.Path{{Name: "spec"}, {Name: "hostPID"}}, Value: func() {}},
		"of another type":         {Op: remedy.Set, Path: remedy.Path{{Name: "spec"}, {Name: "hostPID"}}, Value: "yes"},
	}
	for name, edit := range tests {
		t.Run(name, func(t *testing.T) {
			if got, err := remedy.Apply([]remedy.Edit{edit}, restricted()); err == nil {
				t.Errorf("Apply(%s) = %v", edit, got)
			}
		})
	}
}
