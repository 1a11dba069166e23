// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clocktesting "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

var morning = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

func condition(kind string, status metav1.ConditionStatus, reason string, ago time.Duration) metav1.Condition {
	return metav1.Condition{Type: kind, Status: status, Reason: reason, LastTransitionTime: metav1.NewTime(morning.Add(-ago))}
}

func claimIn(namespace string, status v1alpha1.NamespaceRolloutStatus) *v1alpha1.NamespaceRollout {
	return &v1alpha1.NamespaceRollout{
		ObjectMeta: metav1.ObjectMeta{
			Name: v1alpha1.NamespaceRolloutName, Namespace: namespace,
			OwnerReferences: []metav1.OwnerReference{{Kind: "PodSecurityRollout", Name: "platform", Controller: ptr.To(true)}},
		},
		Status: status,
	}
}

func violation(check, workload string, source v1alpha1.Source) v1alpha1.Violation {
	return v1alpha1.Violation{Check: check, Source: source, Workload: v1alpha1.WorkloadReference{Kind: "Deployment", Name: workload}}
}

func departed(v v1alpha1.Violation) v1alpha1.Violation {
	v.LastSeen = ptr.To(metav1.NewTime(morning))
	return v
}

func rung(mode v1alpha1.Mode, to v1alpha1.LevelVersion) *v1alpha1.Rung {
	return &v1alpha1.Rung{Mode: mode, To: to}
}

var fleets = map[string]struct {
	objects []client.Object
	// want are the samples, without their help.
	want string
}{
	"nothing": {},
	"a rollout": {
		objects: []client.Object{&v1alpha1.PodSecurityRollout{ObjectMeta: metav1.ObjectMeta{Name: "platform"}, Status: v1alpha1.PodSecurityRolloutStatus{
			Conditions: []metav1.Condition{
				condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonAccepted, 0),
				condition(v1alpha1.ConditionStalled, metav1.ConditionFalse, v1alpha1.ReasonNotStalled, 0),
			},
			LastProgressTime: ptr.To(metav1.NewTime(time.Unix(1000, 0))),
			Namespaces:       &v1alpha1.NamespaceCounts{Selected: 3, Complete: 1, Conflicted: 2},
		}}},
		want: `
podsecurity_rollout_condition{condition="Ready",rollout="platform"} 1
podsecurity_rollout_condition{condition="Stalled",rollout="platform"} 0
podsecurity_rollout_last_progress_timestamp_seconds{rollout="platform"} 1000
podsecurity_rollout_namespaces{group="conflicted",rollout="platform",state="Conflicted"} 2
`,
	},
	"a namespace that was not looked at, of nobody": {
		objects: []client.Object{&v1alpha1.NamespaceRollout{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: v1alpha1.NamespaceRolloutName}}},
		want: `
podsecurity_rollout_namespace_state{group="progressing",level="",mode="",namespace="shop",rollout="",state="Pending"} 1
podsecurity_rollout_namespace_violating_workloads{namespace="shop",rollout=""} 0
podsecurity_rollout_namespaces{group="progressing",rollout="",state="Pending"} 1
`,
	},
	"two complete namespaces": {
		objects: []client.Object{claimIn("bank", complete), claimIn("shop", complete)},
		want: `
podsecurity_rollout_namespace_state{group="complete",level="",mode="",namespace="bank",rollout="platform",state="Complete"} 1
podsecurity_rollout_namespace_state{group="complete",level="",mode="",namespace="shop",rollout="platform",state="Complete"} 1
podsecurity_rollout_namespace_violating_workloads{namespace="bank",rollout="platform"} 0
podsecurity_rollout_namespace_violating_workloads{namespace="shop",rollout="platform"} 0
podsecurity_rollout_namespaces_at_level{level="baseline",mode="enforce",rollout="platform"} 2
podsecurity_rollout_namespaces_at_level{level="restricted",mode="audit",rollout="platform"} 2
podsecurity_rollout_namespaces_at_level{level="restricted",mode="warn",rollout="platform"} 2
podsecurity_rollout_namespaces{group="complete",rollout="platform",state="Complete"} 2
`,
	},
	"a namespace held by violations": {
		objects: []client.Object{claimIn("shop", v1alpha1.NamespaceRolloutStatus{
			Conditions:         []metav1.Condition{condition(v1alpha1.ConditionProgressing, metav1.ConditionFalse, v1alpha1.ReasonViolations, time.Hour)},
			Next:               rung(v1alpha1.ModeEnforce, "baseline:v1.37"),
			ViolatingWorkloads: 40,
			Violations: []v1alpha1.Violation{
				violation("hostNamespaces", "web", v1alpha1.SourcePod), violation("hostNamespaces", "web", v1alpha1.SourceTemplate),
				violation("hostNamespaces", "api", v1alpha1.SourcePod), violation("privileged", "web", v1alpha1.SourcePod),
				departed(violation("seccompProfile_baseline", "web", v1alpha1.SourcePod)),
			},
		})},
		want: `
podsecurity_rollout_namespace_blocked_since_timestamp_seconds{namespace="shop",rollout="platform",state="Violations"} 1.7955072e+09
podsecurity_rollout_namespace_state{group="blocked",level="baseline",mode="enforce",namespace="shop",rollout="platform",state="Violations"} 1
podsecurity_rollout_namespace_violating_workloads{namespace="shop",rollout="platform"} 40
podsecurity_rollout_namespaces{group="blocked",rollout="platform",state="Violations"} 1
podsecurity_rollout_rungs_held{level="baseline",mode="enforce",reason="Violations",rollout="platform"} 1
podsecurity_rollout_violating_workloads{check="hostNamespaces",namespace="shop",rollout="platform"} 2
podsecurity_rollout_violating_workloads{check="privileged",namespace="shop",rollout="platform"} 1
`,
	},
	"a soak that lasts": {
		objects: []client.Object{claimIn("shop", soaking(90*time.Second))},
		want:    soakingWith("90"),
	},
	"a soak that is over, and the look to come": {
		objects: []client.Object{claimIn("shop", soaking(-time.Second))},
		want:    soakingWith("0"),
	},
	"a namespace that climbs is not held": {
		objects: []client.Object{claimIn("shop", v1alpha1.NamespaceRolloutStatus{
			Conditions: []metav1.Condition{condition(v1alpha1.ConditionProgressing, metav1.ConditionTrue, v1alpha1.ReasonClimbing, 0)},
			Next:       rung(v1alpha1.ModeAudit, "baseline:latest"),
		})},
		want: `
podsecurity_rollout_namespace_state{group="progressing",level="baseline",mode="audit",namespace="shop",rollout="platform",state="Climbing"} 1
podsecurity_rollout_namespace_violating_workloads{namespace="shop",rollout="platform"} 0
podsecurity_rollout_namespaces{group="progressing",rollout="platform",state="Climbing"} 1
`,
	},
	"refused pods and an API server that disagrees": {
		objects: []client.Object{claimIn("shop", v1alpha1.NamespaceRolloutStatus{
			Conditions: []metav1.Condition{
				condition(v1alpha1.ConditionProgressing, metav1.ConditionTrue, v1alpha1.ReasonServerDisagrees, time.Minute),
				condition(v1alpha1.ConditionRejecting, metav1.ConditionTrue, v1alpha1.ReasonPodsRejected, time.Minute),
				condition(v1alpha1.ConditionEvaluatorDisagrees, metav1.ConditionTrue, v1alpha1.ReasonServerStricter, time.Minute),
			},
			Rejections: []v1alpha1.Rejection{{Message: "one"}, {Message: "two"}},
		})},
		want: `
podsecurity_rollout_namespace_evaluator_disagrees{namespace="shop",reason="ServerStricter",rollout="platform"} 1
podsecurity_rollout_namespace_rejected_workloads{namespace="shop",rollout="platform"} 2
podsecurity_rollout_namespace_state{group="inconclusive",level="",mode="",namespace="shop",rollout="platform",state="ServerDisagrees"} 1
podsecurity_rollout_namespace_violating_workloads{namespace="shop",rollout="platform"} 0
podsecurity_rollout_namespaces{group="inconclusive",rollout="platform",state="ServerDisagrees"} 1
`,
	},
}

var complete = v1alpha1.NamespaceRolloutStatus{
	Conditions: []metav1.Condition{
		condition(v1alpha1.ConditionProgressing, metav1.ConditionFalse, v1alpha1.ReasonComplete, time.Hour),
		condition(v1alpha1.ConditionComplete, metav1.ConditionTrue, v1alpha1.ReasonComplete, time.Hour),
		condition(v1alpha1.ConditionRejecting, metav1.ConditionFalse, v1alpha1.ReasonNoRejections, time.Hour),
		condition(v1alpha1.ConditionEvaluatorDisagrees, metav1.ConditionFalse, v1alpha1.ReasonAgrees, time.Hour),
	},
	Current: &v1alpha1.Policy{Enforce: "baseline:v1.37", Warn: "restricted:v1.37", Audit: "restricted:latest"},
}

func soaking(left time.Duration) v1alpha1.NamespaceRolloutStatus {
	return v1alpha1.NamespaceRolloutStatus{
		Conditions: []metav1.Condition{condition(v1alpha1.ConditionProgressing, metav1.ConditionTrue, v1alpha1.ReasonSoaking, 0)},
		Next:       rung(v1alpha1.ModeWarn, "restricted:v1.37"),
		SoakUntil:  ptr.To(metav1.NewTime(morning.Add(left))),
	}
}

func soakingWith(seconds string) string {
	return `
podsecurity_rollout_namespace_soak_remaining_seconds{namespace="shop",rollout="platform"} ` + seconds + `
podsecurity_rollout_namespace_state{group="progressing",level="restricted",mode="warn",namespace="shop",rollout="platform",state="Soaking"} 1
podsecurity_rollout_namespace_violating_workloads{namespace="shop",rollout="platform"} 0
podsecurity_rollout_namespaces{group="progressing",rollout="platform",state="Soaking"} 1
podsecurity_rollout_rungs_held{level="restricted",mode="warn",reason="Soaking",rollout="platform"} 1
`
}

func TestFleet(t *testing.T) {
	for name, tc := range fleets {
		t.Run(name, func(t *testing.T) {
			f := &Fleet{Reader: newFake(t).WithObjects(tc.objects...).Build(), Clock: clocktesting.NewFakePassiveClock(morning)}
			if err := testutil.CollectAndCompare(f, strings.NewReader(exposition(fleetGauges, tc.want))); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestFleetThatCannotBeListed(t *testing.T) {
	broken := errors.New("no cache")
	f := &Fleet{Clock: clocktesting.NewFakePassiveClock(morning), Reader: newFake(t).WithInterceptorFuncs(interceptor.Funcs{
		List: func(_ context.Context, _ client.WithWatch, _ client.ObjectList, _ ...client.ListOption) error {
			return broken
		},
	}).Build()}
	if err := testutil.CollectAndCompare(f, strings.NewReader("")); err == nil || !strings.Contains(err.Error(), broken.Error()) {
		t.Errorf("scraping answers %v, want %v", err, broken)
	}
}

func newFake(t *testing.T) *fake.ClientBuilder {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	return fake.NewClientBuilder().WithScheme(scheme)
}

// exposition adds the help and type of each gauge before its first sample.
func exposition(gauges []*gauge, samples string) string {
	var out strings.Builder
	for _, g := range gauges {
		headed := false
		for line := range strings.Lines(samples) {
			name, _, _ := strings.Cut(line, " ")
			if name, _, _ = strings.Cut(name, "{"); strings.TrimSpace(name) != g.Name {
				continue
			}
			if !headed {
				out.WriteString("# HELP " + g.Name + " " + g.Help + "\n# TYPE " + g.Name + " gauge\n")
				headed = true
			}
			out.WriteString(line)
		}
	}
	return out.String()
}
