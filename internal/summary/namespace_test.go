// SPDX-License-Identifier: Apache-2.0

package summary

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	psaapi "k8s.io/pod-security-admission/api"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/gate"
	"github.com/podsecurity-rollout/operator/internal/ladder"
)

func TestConditionsOnTheWay(t *testing.T) {
	for name, tc := range map[string]struct {
		in   NamespaceInput
		want map[string]string
	}{
		"climbing": {midway(), map[string]string{
			"Ready":       "True Accepted: PodSecurityRollout platform is acted on here",
			"Stalled":     "False NotStalled: The rollout's spec is acted on",
			"Progressing": "True Climbing: Climbing enforce=baseline:v1.37",
			"Complete":    "False InProgress: Next is enforce=baseline:v1.37",
			"Compliant":   "True Compliant: All 5 pods of 3 workloads comply with baseline:v1.37",
			"Rejecting":   "False NoRejections: No pod is refused",
		}},
		"held by violations": {
			with(held(v1alpha1.ReasonViolations, "Deployment web: privileged"), func(in *NamespaceInput) {
				in.Evidence[0].ViolatingWorkloads = 2
				in.Evidence[0].Violations = []v1alpha1.Violation{violation("web", "privileged", v1alpha1.SourcePod)}
			}),
			map[string]string{
				"Ready":       "True Accepted: PodSecurityRollout platform is acted on here",
				"Progressing": "False Violations: Deployment web: privileged",
				"Complete":    "False InProgress: Next is enforce=baseline:v1.37",
				"Compliant": `False Violations: 2 of 3 workloads violate baseline:v1.37: ` +
					`Deployment web: privileged (container "c") in pod web-0, and 1 more workload`,
			},
		},
		"the evidence is not complete": {
			with(held(v1alpha1.ReasonInconclusive, "waits"), func(in *NamespaceInput) { in.Evidence[0].Known = false }),
			map[string]string{
				"Progressing": "True Inconclusive: waits",
				"Compliant":   "Unknown Inconclusive: The evidence is not complete: not every watch of pods and workloads has synced",
			},
		},
		"pods are refused on the way": {
			with(held(v1alpha1.ReasonSoaking, "waits"), func(in *NamespaceInput) {
				in.Rejected = []v1alpha1.Rejection{rejection("web", nine), rejection("api", nine)}
			}),
			map[string]string{
				"Progressing": "True Soaking: waits",
				"Complete":    "False InProgress: Next is enforce=baseline:v1.37",
				"Rejecting": `True PodsRejected: Pods of Deployment web are refused: ` +
					`violates PodSecurity "baseline:v1.37": privileged, and of 1 more workload`,
			},
		},
		"going back": {
			with(held(v1alpha1.ReasonRolledBack, "Rolling back"), func(in *NamespaceInput) {
				in.Next = &ladder.Rung{Mode: v1alpha1.ModeEnforce, From: baseline, To: psaapi.LevelVersion{Level: psaapi.LevelPrivileged, Version: server}}
			}),
			map[string]string{
				"Progressing": "False RolledBack: Rolling back",
				"Complete":    "False InProgress: Next is enforce=privileged:v1.37",
				"Compliant":   "True Compliant: All 5 pods of 3 workloads comply with baseline:v1.37",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			wantConditions(t, tc.want, Namespace(v1alpha1.NamespaceRolloutStatus{}, tc.in).Conditions)
		})
	}
}

func TestConditionsAtTheTarget(t *testing.T) {
	const atTarget = "The target is reached"
	enforced := []v1alpha1.HistoryEntry{climbed(v1alpha1.ModeEnforce, privileged, baseline, nine.Add(-4*time.Minute))}
	ahead := func(in *NamespaceInput) {
		in.Current.Enforce, in.Current.Audit = restricted, restricted
		in.Ahead = []v1alpha1.Mode{v1alpha1.ModeAudit, v1alpha1.ModeEnforce}
	}
	for name, tc := range map[string]struct {
		history []v1alpha1.HistoryEntry
		in      NamespaceInput
		want    map[string]string
	}{
		"complete": {nil, arrived(), map[string]string{
			"Progressing": "False Complete: " + atTarget, "Complete": "True Complete: " + atTarget,
			"Compliant": "True Compliant: All 5 pods of 3 workloads comply with baseline:v1.37",
		}},
		"ahead of the target": {nil, with(arrived(), ahead), map[string]string{
			"Progressing": "False AheadOfTarget: The target is reached; stricter or newer than it, and left so: audit=restricted:v1.37, enforce=restricted:v1.37",
			"Complete":    "True AheadOfTarget: The target is reached; stricter or newer than it, and left so: audit=restricted:v1.37, enforce=restricted:v1.37",
		}},
		"one mode ahead of the target": {nil, with(arrived(), func(in *NamespaceInput) { in.Current.Audit, in.Ahead = restricted, []v1alpha1.Mode{v1alpha1.ModeAudit} }), map[string]string{
			"Progressing": "False AheadOfTarget: The target is reached; stricter or newer than it, and left so: audit=restricted:v1.37",
		}},
		"baking": {enforced, with(arrived(), func(in *NamespaceInput) { in.Bake = 10 * time.Minute; ahead(in) }), map[string]string{
			"Progressing": "True Baking: The target is reached; refused pods are watched for until 2026-11-23T09:06:01Z",
			"Complete":    "False Baking: The target is reached; refused pods are watched for until 2026-11-23T09:06:01Z",
		}},
		"the bake is over": {enforced, with(arrived(), func(in *NamespaceInput) { in.Bake = 4*time.Minute - time.Second }), map[string]string{
			"Progressing": "False Complete: " + atTarget, "Complete": "True Complete: " + atTarget,
		}},
		"rejecting while baking": {
			enforced, with(arrived(), func(in *NamespaceInput) {
				in.Bake, in.Rejected = 10*time.Minute, []v1alpha1.Rejection{rejection("web", nine)}
			}), map[string]string{
				"Progressing": `False Rejecting: Pods of Deployment web are refused: violates PodSecurity "baseline:v1.37": privileged`,
				"Complete":    `False Rejecting: Pods of Deployment web are refused: violates PodSecurity "baseline:v1.37": privileged`,
				"Rejecting":   `True PodsRejected: Pods of Deployment web are refused: violates PodSecurity "baseline:v1.37": privileged`,
			},
		},
		"invalid labels": {nil, with(arrived(), func(in *NamespaceInput) { in.InvalidLabels = []string{"a=x", "b=y"} }), map[string]string{
			"Progressing": "False InvalidLabels: The namespace has labels that Pod Security cannot parse: a=x, b=y. Correct or remove them",
			"Complete":    "False InvalidLabels: The namespace has labels that Pod Security cannot parse: a=x, b=y. Correct or remove them",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			old := v1alpha1.NamespaceRolloutStatus{History: tc.history}
			wantConditions(t, tc.want, Namespace(old, tc.in).Conditions)
		})
	}
}

// Once the target is reached, Compliant speaks of the first level of it that
// something violates.
func TestCompliantAtTheTarget(t *testing.T) {
	violating := midway().Evidence[1]
	for name, tc := range map[string]struct {
		evidence []Evidence
		want     string
	}{
		"a stricter level of warn is violated": {
			[]Evidence{{Level: baseline, Known: true}, violating},
			`False Violations: 1 of 3 workloads violates restricted:v1.37: Deployment web: runAsNonRoot (container "c") in pod web-0`,
		},
		"one level is not known": {
			[]Evidence{{Level: baseline, Known: true}, {Level: restricted}},
			"Unknown Inconclusive: The evidence is not complete: not every watch of pods and workloads has synced",
		},
		"all levels are complied with": {
			[]Evidence{{Level: baseline, Known: true, Pods: 4, Workloads: 2}, {Level: restricted, Known: true}},
			"True Compliant: All 4 pods of 2 workloads comply with baseline:v1.37",
		},
		"the target is privileged": {nil, "True Compliant: Everything complies with privileged"},
	} {
		t.Run(name, func(t *testing.T) {
			in := arrived()
			in.Evidence = tc.evidence
			wantConditions(t, map[string]string{"Compliant": tc.want}, Namespace(v1alpha1.NamespaceRolloutStatus{}, in).Conditions)
		})
	}
}

// Progressing is True for what moves by itself, and False for what waits for a
// person. Its reason and message are the gate's.
func TestProgressingByReason(t *testing.T) {
	for reason, want := range map[string]metav1.ConditionStatus{
		v1alpha1.ReasonClimbing:         metav1.ConditionTrue,
		v1alpha1.ReasonSoaking:          metav1.ConditionTrue,
		v1alpha1.ReasonAwaitingTurn:     metav1.ConditionTrue,
		v1alpha1.ReasonInconclusive:     metav1.ConditionTrue,
		v1alpha1.ReasonServerDisagrees:  metav1.ConditionTrue,
		v1alpha1.ReasonTerminating:      metav1.ConditionTrue,
		v1alpha1.ReasonSuspended:        metav1.ConditionFalse,
		v1alpha1.ReasonObserving:        metav1.ConditionFalse,
		v1alpha1.ReasonExempt:           metav1.ConditionFalse,
		v1alpha1.ReasonLabelConflict:    metav1.ConditionFalse,
		v1alpha1.ReasonInvalidLabels:    metav1.ConditionFalse,
		v1alpha1.ReasonViolations:       metav1.ConditionFalse,
		v1alpha1.ReasonRolledBack:       metav1.ConditionFalse,
		v1alpha1.ReasonAwaitingApproval: metav1.ConditionFalse,
		v1alpha1.ReasonReportsFailing:   metav1.ConditionFalse,
		v1alpha1.ReasonWriteRefused:     metav1.ConditionFalse,
	} {
		t.Run(reason, func(t *testing.T) {
			status := Namespace(v1alpha1.NamespaceRolloutStatus{}, held(reason, "why"))
			wantConditions(t, map[string]string{
				"Progressing": string(want) + " " + reason + ": why",
				"Complete":    "False InProgress: Next is enforce=baseline:v1.37",
			}, status.Conditions)
			if gotReason, message := State(status); gotReason != reason || message != "why" {
				t.Errorf("state %q, %q; want %q, %q", gotReason, message, reason, "why")
			}
		})
	}
}

func TestStateOfNothing(t *testing.T) {
	if reason, message := State(v1alpha1.NamespaceRolloutStatus{}); reason != "" || message != "" {
		t.Errorf("state %q, %q of a status that nothing was written to", reason, message)
	}
}

func TestNamespaceFields(t *testing.T) {
	in := midway()
	in.SoakUntil = nine.Add(time.Hour + 300*time.Millisecond)
	in.RejectionsSeen = &metav1.Time{Time: nine.Add(-time.Minute)}
	in.Rejected = []v1alpha1.Rejection{rejection("web", nine)}
	in.Rollback = &v1alpha1.Rollback{Rung: "restricted:v1.37", To: "baseline:v1.37"}
	fleet := &v1alpha1.FleetStatus{Target: "everyone", EnforceTurn: v1alpha1.EnforceTurnWaiting}
	got := Namespace(v1alpha1.NamespaceRolloutStatus{Fleet: fleet, ObservedGeneration: 2}, in)
	got.Conditions, got.Violations, got.Compliance = nil, nil, nil
	want := v1alpha1.NamespaceRolloutStatus{
		ObservedGeneration: 3, Fleet: fleet,
		Target:    &v1alpha1.Policy{Enforce: "baseline:v1.37", Warn: "restricted:v1.37", Audit: "restricted:v1.37"},
		Current:   &v1alpha1.Policy{Enforce: "privileged:latest", Warn: "baseline:v1.37", Audit: "baseline:v1.37"},
		Next:      &v1alpha1.Rung{Mode: v1alpha1.ModeEnforce, To: "baseline:v1.37", Rung: "enforce=baseline:v1.37"},
		SoakUntil: &metav1.Time{Time: nine.Add(time.Hour)},
		Rollback:  in.Rollback, RejectionsSeen: in.RejectionsSeen, Rejections: in.Rejected,
		ViolationsTotal: 1, ViolatingWorkloads: 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	if got := Namespace(got, arrived()); got.Next != nil || got.SoakUntil != nil {
		t.Errorf("next %v, soak until %v; want neither at the target", got.Next, got.SoakUntil)
	}
}

// A spec that is not acted on leaves what is known as it is, and says why.
func TestUnaccepted(t *testing.T) {
	before := Namespace(v1alpha1.NamespaceRolloutStatus{Fleet: &v1alpha1.FleetStatus{Target: "everyone"}}, arrived())
	in := NamespaceInput{
		Now: nine.Add(time.Hour), Generation: 4,
		Accepted: Acceptance{Reason: v1alpha1.ReasonVersionNotServed, Message: "pin v1.37"},
	}
	got := Unaccepted(before, in)
	wantConditions(t, map[string]string{
		"Ready":       "False VersionNotServed: pin v1.37",
		"Stalled":     "True VersionNotServed: pin v1.37",
		"Progressing": "False VersionNotServed: pin v1.37",
		"Complete":    "False InProgress: pin v1.37",
		"Compliant":   "True Compliant: All 5 pods of 3 workloads comply with baseline:v1.37",
		"Rejecting":   "False NoRejections: No pod is refused",
	}, got.Conditions)
	if got.ObservedGeneration != 4 {
		t.Errorf("the status is of generation %d, want 4", got.ObservedGeneration)
	}
	for _, kind := range []string{v1alpha1.ConditionReady, v1alpha1.ConditionStalled, v1alpha1.ConditionProgressing, v1alpha1.ConditionComplete} {
		if c := meta.FindStatusCondition(got.Conditions, kind); c.ObservedGeneration != 4 {
			t.Errorf("%s is of generation %d, want 4", kind, c.ObservedGeneration)
		}
	}
	if again := Unaccepted(written(t, got), in); cmp.Diff(got, again) != "" {
		t.Errorf("not stable (-first +second):\n%s", cmp.Diff(got, again))
	}
	got.Conditions, got.ObservedGeneration = before.Conditions, before.ObservedGeneration
	if diff := cmp.Diff(before, got); diff != "" {
		t.Errorf("what was known has changed (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(before, Namespace(got, arrived())); diff != "" {
		t.Errorf("accepted again (-before +after):\n%s", diff)
	}
}

func TestTransitionTimes(t *testing.T) {
	first := Namespace(v1alpha1.NamespaceRolloutStatus{}, held(v1alpha1.ReasonSoaking, "waits"))
	later := with(held(v1alpha1.ReasonAwaitingTurn, "waits for its turn"), func(in *NamespaceInput) {
		in.Now, in.Generation = nine.Add(time.Hour), 4
		in.Rejected = []v1alpha1.Rejection{rejection("web", nine)}
	})
	second := Namespace(first, later)
	for kind, want := range map[string]time.Time{
		v1alpha1.ConditionReady:       nine,
		v1alpha1.ConditionProgressing: nine, // another reason is no transition
		v1alpha1.ConditionComplete:    nine,
		v1alpha1.ConditionCompliant:   nine,
		v1alpha1.ConditionRejecting:   nine.Add(time.Hour),
	} {
		c := meta.FindStatusCondition(second.Conditions, kind)
		if !c.LastTransitionTime.Equal(&metav1.Time{Time: want}) {
			t.Errorf("%s is so since %v, want %v", kind, c.LastTransitionTime, want)
		}
		if c.ObservedGeneration != 4 {
			t.Errorf("%s is of generation %d, want 4", kind, c.ObservedGeneration)
		}
	}
}

func TestEvidenceForTheGate(t *testing.T) {
	violations := []v1alpha1.Violation{violation("web", "privileged", v1alpha1.SourceTemplate), violation("web", "hostPorts", v1alpha1.SourcePod)}
	bare := v1alpha1.Violation{Workload: v1alpha1.WorkloadReference{Kind: "Pod", Name: "debug"}, Message: "host namespaces", Example: "debug"}
	for name, tc := range map[string]struct {
		evidence Evidence
		verdict  v1alpha1.Verdict
		want     gate.Evidence
	}{
		"not known": {Evidence{}, v1alpha1.VerdictInconclusive, gate.Evidence{}},
		"nothing":   {Evidence{Known: true}, v1alpha1.VerdictCompliant, gate.Evidence{}},
		"a template": {
			Evidence{Known: true, ViolatingWorkloads: 1, Violations: violations}, v1alpha1.VerdictViolating,
			gate.Evidence{
				Workloads: 1, Worst: `Deployment web: privileged (container "c")`,
				Pods: 1, WorstPods: `Deployment web: hostPorts (container "c") in pod web-0`,
			},
		},
		"a pod of a workload is named": {
			Evidence{Known: true, ViolatingWorkloads: 2, Violations: violations[1:]}, v1alpha1.VerdictViolating,
			gate.Evidence{
				Workloads: 2, Worst: `Deployment web: hostPorts (container "c") in pod web-0`,
				Pods: 1, WorstPods: `Deployment web: hostPorts (container "c") in pod web-0`,
			},
		},
		"a pod of its own is not named twice": {
			Evidence{Known: true, ViolatingWorkloads: 1, Violations: []v1alpha1.Violation{bare}}, v1alpha1.VerdictViolating,
			gate.Evidence{Workloads: 1, Worst: "Pod debug: host namespaces"},
		},
		"what has departed does not count": {
			Evidence{Known: true, Departed: violations}, v1alpha1.VerdictCompliant, gate.Evidence{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tc.evidence.Verdict(); got != tc.verdict {
				t.Errorf("verdict %s, want %s", got, tc.verdict)
			}
			if diff := cmp.Diff(tc.want, tc.evidence.ForGate()); diff != "" {
				t.Errorf("evidence (-want +got):\n%s", diff)
			}
		})
	}
}
