// SPDX-License-Identifier: Apache-2.0

package standards

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	psaapi "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"k8s.io/utils/ptr"
)

func mustEvaluator(t testing.TB) *Evaluator {
	t.Helper()
	e, err := NewEvaluator()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func mustLevelVersion(t testing.TB, s string) psaapi.LevelVersion {
	t.Helper()
	lv, err := ParseLevelVersion(s)
	if err != nil {
		t.Fatal(err)
	}
	return lv
}

// restrictedSpec complies with restricted at every version; change adapts it.
func restrictedSpec(change ...func(*corev1.PodSpec)) *corev1.PodSpec {
	spec := &corev1.PodSpec{
		SecurityContext: &corev1.PodSecurityContext{
			RunAsNonRoot:   ptr.To(true),
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
		Containers: []corev1.Container{{Name: "c", SecurityContext: &corev1.SecurityContext{
			AllowPrivilegeEscalation: ptr.To(false),
			Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		}}},
	}
	for _, f := range change {
		f(spec)
	}
	return spec
}

// evaluateTests are what levels and versions hold against pods.
var evaluateTests = map[string]struct {
	lv   string
	meta *metav1.ObjectMeta
	spec *corev1.PodSpec
	want []Finding
}{
	"privileged minds nothing": {
		lv:   "privileged:latest",
		spec: restrictedSpec(func(s *corev1.PodSpec) { s.HostPID = true }),
	},
	"restricted pod complies with restricted": {
		lv:   "restricted:latest",
		spec: restrictedSpec(),
	},
	"nothing at all complies with baseline": {
		lv: "baseline:v1.0",
	},
	"checks come in upstream's order, baseline before restricted": {
		lv: "restricted:v1.37",
		spec: restrictedSpec(func(s *corev1.PodSpec) {
			s.HostPID = true
			s.Containers[0].SecurityContext = &corev1.SecurityContext{Privileged: ptr.To(true)}
		}),
		want: []Finding{
			{Check: "hostNamespaces", Level: "baseline", Reason: "host namespaces", Detail: "hostPID=true"},
			{
				Check: "privileged", Level: "baseline", Reason: "privileged",
				Detail: `container "c" must not set securityContext.privileged=true`,
			},
			{
				Check: "allowPrivilegeEscalation", Level: "restricted", Reason: "allowPrivilegeEscalation != false",
				Detail: `container "c" must set securityContext.allowPrivilegeEscalation=false`,
			},
			{
				Check: "capabilities_restricted", Level: "restricted", Reason: "unrestricted capabilities",
				Detail: `container "c" must set securityContext.capabilities.drop=["ALL"]`,
			},
		},
	},
	"restricted overrides the baseline check of host paths": {
		lv: "restricted:v1.37",
		spec: restrictedSpec(func(s *corev1.PodSpec) {
			s.Volumes = []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/"}}}}
		}),
		want: []Finding{{
			Check: "restrictedVolumes", Level: "restricted", Reason: "restricted volume types",
			Detail: `volume "v" uses restricted volume type "hostPath"`,
		}},
	},
	"an older version forbids what a newer allows": {
		lv:   "baseline:v1.36",
		spec: restrictedSpec(withSysctl("net.ipv4.tcp_notsent_lowat")),
		want: []Finding{{Check: "sysctls", Level: "baseline", Reason: "forbidden sysctls", Detail: "net.ipv4.tcp_notsent_lowat"}},
	},
	"a newer version allows what an older forbids": {
		lv:   "baseline:v1.37",
		spec: restrictedSpec(withSysctl("net.ipv4.tcp_notsent_lowat")),
	},
	"latest is the library's newest": {
		lv:   "baseline:latest",
		spec: restrictedSpec(withSysctl("net.ipv4.tcp_notsent_lowat")),
	},
	"newer than the library is the library's newest": {
		lv:   "baseline:v1.99",
		spec: restrictedSpec(withProbeHost),
		want: []Finding{{
			Check: "hostProbesAndHostLifecycle", Level: "baseline", Reason: "probe or lifecycle host",
			Detail: `container "c" uses probe or lifecycle host "10.0.0.1"`,
		}},
	},
	"a newer version forbids what an older allows": {
		lv:   "baseline:v1.33",
		spec: restrictedSpec(withProbeHost),
	},
	"annotations are read": {
		lv:   "baseline:v1.18",
		meta: &metav1.ObjectMeta{Annotations: map[string]string{"seccomp.security.alpha.kubernetes.io/pod": "unconfined"}},
		spec: restrictedSpec(),
		want: []Finding{{
			Check: "seccompProfile_baseline", Level: "baseline", Reason: "seccompProfile",
			Detail: `forbidden annotation seccomp.security.alpha.kubernetes.io/pod="unconfined"`,
		}},
	},
}

func TestEvaluate(t *testing.T) {
	e := mustEvaluator(t)
	for name, tc := range evaluateTests {
		t.Run(name, func(t *testing.T) {
			got := e.Evaluate(mustLevelVersion(t, tc.lv), tc.meta, tc.spec)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func withSysctl(name string) func(*corev1.PodSpec) {
	return func(s *corev1.PodSpec) { s.SecurityContext.Sysctls = []corev1.Sysctl{{Name: name, Value: "1"}} }
}

func withProbeHost(s *corev1.PodSpec) {
	s.Containers[0].LivenessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Host: "10.0.0.1"}}}
}

func TestNewEvaluatorRefusesInvalidChecks(t *testing.T) {
	checks := []policy.Check{{ID: "empty", Level: psaapi.LevelBaseline}}
	if _, err := newEvaluator(checks); err == nil {
		t.Error("a check without versions was accepted")
	}
}

// A check that forbids without saying why gets the placeholder that upstream's AggregateCheckResults writes, and keeps its ID.
func TestEvaluateNamesTheCheckThatGivesNoReason(t *testing.T) {
	silent := policy.Check{ID: "silent", Level: psaapi.LevelBaseline, Versions: []policy.VersionedCheck{{
		MinimumVersion: psaapi.MajorMinorVersion(1, 0),
		CheckPod:       func(*metav1.ObjectMeta, *corev1.PodSpec) policy.CheckResult { return policy.CheckResult{} },
	}}}
	e, err := newEvaluator([]policy.Check{silent})
	if err != nil {
		t.Fatal(err)
	}
	want := []Finding{{Check: "silent", Level: psaapi.LevelBaseline, Reason: "unknown forbidden reason"}}
	got := e.Evaluate(mustLevelVersion(t, "baseline:v1.0"), nil, nil)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestFindingMessage(t *testing.T) {
	tests := map[string]struct {
		finding Finding
		want    string
	}{
		"reason and detail": {Finding{Reason: "hostPort", Detail: "80"}, "hostPort (80)"},
		"reason alone":      {Finding{Reason: "hostPort"}, "hostPort"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := tc.finding.Message(); got != tc.want {
				t.Errorf("Message() = %q, want %q", got, tc.want)
			}
		})
	}
}

func TestLeastStrictViolated(t *testing.T) {
	tests := map[string]struct {
		spec *corev1.PodSpec
		want psaapi.Level
	}{
		"complies with restricted": {restrictedSpec(), ""},
		"violates restricted only": {restrictedSpec(func(s *corev1.PodSpec) { s.SecurityContext.RunAsNonRoot = nil }), psaapi.LevelRestricted},
		"violates baseline":        {restrictedSpec(func(s *corev1.PodSpec) { s.HostNetwork = true }), psaapi.LevelBaseline},
	}
	e := mustEvaluator(t)
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := e.LeastStrictViolated(NewestVersion(), nil, tc.spec); got != tc.want {
				t.Errorf("LeastStrictViolated() = %q, want %q", got, tc.want)
			}
		})
	}
}

func TestAlwaysCompliant(t *testing.T) {
	tests := map[string]struct {
		spec *corev1.PodSpec
		want bool
	}{
		"complies at every version":         {restrictedSpec(), true},
		"violates restricted":               {restrictedSpec(func(s *corev1.PodSpec) { s.SecurityContext.SeccompProfile = nil }), false},
		"violates an older version only":    {restrictedSpec(withSysctl("net.ipv4.tcp_notsent_lowat")), false},
		"violates the newest versions only": {restrictedSpec(withProbeHost), false},
	}
	e := mustEvaluator(t)
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := e.AlwaysCompliant(nil, tc.spec); got != tc.want {
				t.Errorf("AlwaysCompliant() = %v, want %v", got, tc.want)
			}
		})
	}
}

func TestRevisions(t *testing.T) {
	tests := map[string]struct {
		level    psaapi.Level
		from, to int
		want     []int
	}{
		"baseline of today":                      {psaapi.LevelBaseline, 33, 37, []int{33, 34, 35, 37}},
		"from a revision":                        {psaapi.LevelBaseline, 34, 34, []int{34}},
		"up to the version before a revision":    {psaapi.LevelBaseline, 32, 33, []int{32}},
		"checks of restricted leave baseline be": {psaapi.LevelBaseline, 20, 27, []int{20, 27}},
		"restricted holds baseline's too":        {psaapi.LevelRestricted, 20, 27, []int{20, 22, 23, 25, 27}},
		"privileged never changes":               {psaapi.LevelPrivileged, 0, 37, []int{0}},
		"backwards":                              {psaapi.LevelBaseline, 37, 36, nil},
	}
	e := mustEvaluator(t)
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var want []psaapi.Version
			for _, minor := range tc.want {
				want = append(want, psaapi.MajorMinorVersion(1, minor))
			}
			got := e.Revisions(tc.level, psaapi.MajorMinorVersion(1, tc.from), psaapi.MajorMinorVersion(1, tc.to))
			if !slices.Equal(got, want) {
				t.Errorf("Revisions() = %v, want %v", got, want)
			}
		})
	}
}

func TestOverridden(t *testing.T) {
	want := map[string]string{
		"capabilities_restricted":   "capabilities_baseline",
		"procMount_restricted":      "procMount",
		"restrictedVolumes":         "hostPathVolumes",
		"seccompProfile_restricted": "seccompProfile_baseline",
	}
	e := mustEvaluator(t)
	for _, check := range policy.DefaultChecks() {
		if got := e.Overridden(string(check.ID)); got != want[string(check.ID)] {
			t.Errorf("Overridden(%q) = %q, want %q", check.ID, got, want[string(check.ID)])
		}
	}
}
