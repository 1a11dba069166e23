// SPDX-License-Identifier: Apache-2.0

package preview

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/kubernetes/fake"
	psaapi "k8s.io/pod-security-admission/api"
	"k8s.io/utils/ptr"

	"github.com/podsecurity-rollout/operator/internal/cli/survey"
	"github.com/podsecurity-rollout/operator/internal/cli/term"
	"github.com/podsecurity-rollout/operator/internal/inventory"
	"github.com/podsecurity-rollout/operator/internal/psaconfig"
)

var server = psaapi.MajorMinorVersion(1, 37)

func namespace(name string, labels ...string) *corev1.Namespace {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"team": "shop"}}}
	for i := 0; i < len(labels); i += 2 {
		ns.Labels["pod-security.kubernetes.io/"+labels[i]] = labels[i+1]
	}
	return ns
}

// pod answers a pod that meets a level and no stricter one.
func pod(namespace, name string, level psaapi.Level) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "app"}}}}
	switch level {
	case psaapi.LevelPrivileged:
		p.Spec.HostNetwork = true
	case psaapi.LevelRestricted:
		p.Spec.SecurityContext = &corev1.PodSecurityContext{
			RunAsNonRoot: ptr.To(true), SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		}
		p.Spec.Containers[0].SecurityContext = &corev1.SecurityContext{
			AllowPrivilegeEscalation: ptr.To(false), Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		}
	}
	return p
}

func take(t *testing.T, objects ...runtime.Object) *survey.Survey {
	t.Helper()
	s, err := survey.Take(t.Context(), inventory.Clients{Typed: fake.NewClientset(objects...)}, survey.Options{
		Server: server, Config: psaconfig.Config{Defaults: defaults(t), ExemptNamespaces: sets.New("exempt")},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func defaults(t *testing.T) psaapi.Policy {
	t.Helper()
	config, err := psaconfig.Load("")
	if err != nil {
		t.Fatal(err)
	}
	return config.Defaults
}

func TestPreview(t *testing.T) {
	objects := []runtime.Object{
		namespace("empty"), namespace("exempt"), pod("exempt", "web", psaapi.LevelPrivileged),
		namespace("held", "enforce", "restricted"), namespace("half"), pod("half", "web", psaapi.LevelBaseline),
		namespace("meets"), pod("meets", "web", psaapi.LevelRestricted),
	}
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		objects = append(objects, pod("held", name, psaapi.LevelPrivileged))
	}
	s := take(t, objects...)
	tests := map[string]struct {
		question      question
		want          string
		wantViolating int
	}{
		"the next level": {question{version: server}, `NAMESPACE   PODS   WORKLOADS   ENFORCES     MEETS        HELD BELOW BY
empty          0           0   privileged   restricted
exempt         1           1   privileged   privileged   baseline: Pod web: hostNamespaces
                                                         (exempt in the API server's configuration)
half           1           1   privileged   baseline     restricted: Pod web: allowPrivilegeEscalation, capabilities_restricted, runAsNonRoot, seccompProfile_restricted
held           5           5   restricted   privileged   baseline: Pod a: hostNamespaces
                                                         Pod b: hostNamespaces
                                                         Pod c: hostNamespaces
                                                         and 2 more
meets          1           1   privileged   restricted

5 namespaces, 8 pods, judged by the standards of v1.37: 2 meet restricted, 1 baseline only, 2 do not meet baseline.
`, 3},
		"a level": {question{level: psaapi.LevelRestricted, version: server}, `NAMESPACE   PODS   WORKLOADS   ENFORCES     MEETS        HELD BELOW BY
empty          0           0   privileged   restricted
exempt         1           1   privileged   privileged   restricted: Pod web: hostNamespaces, allowPrivilegeEscalation, capabilities_restricted, runAsNonRoot, seccompProfile_restricted
                                                         (exempt in the API server's configuration)
half           1           1   privileged   baseline     restricted: Pod web: allowPrivilegeEscalation, capabilities_restricted, runAsNonRoot, seccompProfile_restricted
held           5           5   restricted   privileged   restricted: Pod a: hostNamespaces, allowPrivilegeEscalation, capabilities_restricted, runAsNonRoot, seccompProfile_restricted
                                                         Pod b: hostNamespaces, allowPrivilegeEscalation, capabilities_restricted, runAsNonRoot, seccompProfile_restricted
                                                         Pod c: hostNamespaces, allowPrivilegeEscalation, capabilities_restricted, runAsNonRoot, seccompProfile_restricted
                                                         and 2 more
meets          1           1   privileged   restricted

5 namespaces, 8 pods, judged by the standards of v1.37: 2 meet restricted, 3 do not.
`, 3},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			p := look(s, test.question)
			writeTable(&term.Terminal{Writer: &out}, p, false)
			if diff := cmp.Diff(test.want, out.String()); diff != "" {
				t.Errorf("the table (-want +got):\n%s", diff)
			}
			if got := p.violating(); got != test.wantViolating {
				t.Errorf("%d namespaces violate, want %d", got, test.wantViolating)
			}
		})
	}
}

func TestPlan(t *testing.T) {
	const spec = `spec:
  targets: [{name: shop, namespaceSelector: {matchLabels: {team: shop}}, enforce: baseline, audit: restricted}]
  strategy:
    audit: {require: None}
    warn: {soak: 1h}
    enforce: {approval: Manual, reports: [{source: falco, minSeverity: high}, {source: kyverno}]}
    waves: [{name: canary, namespaceSelector: {matchLabels: {team: shop}}}]
`
	rollout, err := decode([]byte(head + spec))
	if err != nil {
		t.Fatal(err)
	}
	conflicting := namespace("conflicting", "warn", "privileged")
	conflicting.ManagedFields = []metav1.ManagedFieldsEntry{{
		Manager: "argocd", Operation: metav1.ManagedFieldsOperationApply,
		FieldsV1: metav1.NewFieldsV1(`{"f:metadata":{"f:labels":{"f:pod-security.kubernetes.io/warn":{}}}}`),
	}}
	other := namespace("other")
	other.Labels = nil
	s := take(t, namespace("clean"), conflicting, namespace("kube-system"), other, namespace("held"), pod("held", "web", psaapi.LevelPrivileged),
		namespace("there", "enforce", "baseline", "enforce-version", "v1.37", "warn", "baseline", "warn-version", "v1.37", "audit", "restricted", "audit-version", "v1.37"))
	plan, err := planOf(s, rollout, time.Unix(1e9, 0))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	writePlan(&term.Terminal{Writer: &out}, plan, false)
	want := `PodSecurityRollout platform, by what runs now (API server at v1.37)

NAMESPACE     TARGET   RUNG                     TODAY
clean         shop     audit=baseline:v1.37     would go
                       warn=baseline:v1.37      would go, after a soak of 1h0m0s
                       enforce=baseline:v1.37   would go, after an approval and reports of falco, kyverno that do not fail and its turn in wave canary
                       audit=restricted:v1.37   would go
conflicting   shop     audit=baseline:v1.37     would go
                       warn=baseline:v1.37      held, LabelConflict: warn=baseline:v1.37 waits: field manager "argocd" owns pod-security.kubernetes.io/warn=privileged. Remove the label from what that manager applies, or set labelConflicts: TakeOver in the rollout
                       enforce=baseline:v1.37   not reached
                       audit=restricted:v1.37   not reached
held          shop     audit=baseline:v1.37     would go
                       warn=baseline:v1.37      held, Violations: Pod web: host namespaces (hostNetwork=true)
                       enforce=baseline:v1.37   not reached, and held by 1 workload
                       audit=restricted:v1.37   not reached
there         shop     -                        is there already

4 namespaces selected: 2 would reach the target, 2 would climb and then be held, 0 would be held where they are. Not selected: 2.
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("the plan (-want +got):\n%s", diff)
	}
}

// TestPlanOfVersionNotServed errs as the operator does.
func TestPlanOfVersionNotServed(t *testing.T) {
	rollout, err := decode([]byte(head + "spec: {targets: [{name: all, namespaceSelector: {}, enforce: baseline, version: v1.38}]}"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := planOf(take(t), rollout, time.Unix(1e9, 0)); err == nil {
		t.Error("a version is planned with that the API server does not have")
	}
}
