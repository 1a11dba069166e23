// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	psaapi "k8s.io/pod-security-admission/api"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/gate"
	"github.com/podsecurity-rollout/operator/internal/summary"
)

// questionOf is what the gate is asked after a look.
func questionOf(t *testing.T, s *snapshot) gate.Input {
	t.Helper()
	in, err := s.look()
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.question(in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// climbedAndRolledBack is the history of enforce=baseline being climbed, taken
// back a minute later, and of another rung after that.
func climbedAndRolledBack() []v1alpha1.HistoryEntry {
	ago := func(minutes time.Duration) metav1.Time { return metav1.Time{Time: morning.Add(-minutes * time.Minute)} }
	return []v1alpha1.HistoryEntry{
		{Mode: v1alpha1.ModeWarn, To: "baseline:v1.37", Time: ago(0)},
		{Mode: v1alpha1.ModeEnforce, To: "baseline:v1.37", Time: ago(1), Reason: v1alpha1.ReasonRolledBack},
		{Mode: v1alpha1.ModeEnforce, To: "baseline:v1.37", Time: ago(2)},
	}
}

var questionTests = map[string]struct {
	change func(*snapshot)
	want   func(*gate.Input)
}{
	"suspended":   {func(s *snapshot) { suspend(s.rollout) }, func(in *gate.Input) { in.Suspended = true }},
	"observing":   {func(s *snapshot) { s.rollout.Spec.Mode = v1alpha1.RolloutModeObserve }, func(in *gate.Input) { in.Observe = true }},
	"taking over": {func(s *snapshot) { s.rollout.Spec.LabelConflicts = v1alpha1.LabelConflictTakeOver }, func(in *gate.Input) { in.TakeOver = true }},
	"climbed before, by us and not taken back": {
		func(s *snapshot) { s.claim.Status.History = climbedAndRolledBack() },
		func(in *gate.Input) { in.LastClimbed = morning.Add(-2 * time.Minute) },
	},
	"exempt":      {func(s *snapshot) { s.namespace.Name = "vendor" }, func(in *gate.Input) { in.Exempt = true }},
	"terminating": {func(s *snapshot) { s.namespace.DeletionTimestamp = &metav1.Time{Time: morning} }, func(in *gate.Input) { in.Terminating = true }},
	"unsynced": {
		func(s *snapshot) {
			s.evidence = func(lv psaapi.LevelVersion) summary.Evidence { return summary.Evidence{Level: lv} }
		},
		func(in *gate.Input) { in.Synced = false },
	},
	"violating": {
		func(s *snapshot) { s.evidence = webViolates(baselinePinned, v1alpha1.SourceTemplate) },
		func(in *gate.Input) { in.Evidence = gate.Evidence{Workloads: 1, Worst: "Deployment web: privileged"} },
	},
	"clean for a while, and to soak": {
		func(s *snapshot) {
			enforcing(v1alpha1.EnforceStrategy{Soak: hours(24), Approval: v1alpha1.ApprovalManual})(s.rollout)
			s.claim.Status.Compliance = []v1alpha1.Compliance{{
				Level: "baseline", Version: "v1.37", Verdict: v1alpha1.VerdictCompliant, Since: &metav1.Time{Time: morning.Add(-time.Minute)},
			}}
		},
		func(in *gate.Input) {
			in.Soak, in.CleanSince, in.ManualApproval = 24*time.Hour, morning.Add(-time.Minute), true
		},
	},
	"reports that fail, and some that cannot be read": {
		func(s *snapshot) { gatedByFalco(s); s.reports = falcoFails("more to come") },
		func(in *gate.Input) {
			in.FailingReports = []string{"falco (high or worse): Report falco-report has 2 failing results, such as syscall/shell (Pod web-0)"}
			in.UnreadReports = "more to come"
		},
	},
	"reports that pass":                 {gatedByFalco, func(*gate.Input) {}},
	"reports fail that nobody asks for": {func(s *snapshot) { s.reports = falcoFails("") }, func(*gate.Input) {}},
	"approved":                          {func(s *snapshot) { s.claim.Spec.ApprovedEnforce = "baseline:v1.37" }, func(in *gate.Input) { in.Approved = "baseline:v1.37" }},
	"an approval that was used": {func(s *snapshot) {
		s.claim.Spec.ApprovedEnforce, s.claim.Status.ApprovalUsedGeneration = "baseline:v1.37", 2
	}, func(*gate.Input) {}},
	"approved again": {
		func(s *snapshot) {
			s.claim.Spec.ApprovedEnforce, s.claim.Status.ApprovalUsedGeneration = "baseline:v1.37", 1
		},
		func(in *gate.Input) { in.Approved = "baseline:v1.37" },
	},
	"rolled back":          {rolledBackFrom("baseline:v1.37"), func(in *gate.Input) { in.RolledBack = "web was refused" }},
	"rolled back, another": {rolledBackFrom("restricted:v1.37"), func(*gate.Input) {}},
}

func TestQuestion(t *testing.T) {
	base := questionOf(t, shopSnapshot())
	want := gate.Input{
		Enforced: privilegedLatest,
		Now:      morning, Rung: enforceBaseline, Synced: true, Server: served, Library: served, Require: v1alpha1.RequirementCompliant,
		CleanSince: morning, LastRung: morning.Add(time.Second - time.Hour),
	}
	if diff := cmp.Diff(want, base, allowVersions); diff != "" {
		t.Errorf("question (-want +got):\n%s", diff)
	}
	for name, tc := range questionTests {
		t.Run(name, func(t *testing.T) {
			want := base
			tc.want(&want)
			if diff := cmp.Diff(want, questionOf(t, shopSnapshot(tc.change)), allowVersions); diff != "" {
				t.Errorf("question (-want +got):\n%s", diff)
			}
		})
	}
}

func rolledBackFrom(rung v1alpha1.LevelVersion) func(*snapshot) {
	return func(s *snapshot) {
		s.claim.Status.Rollback = &v1alpha1.Rollback{Rung: rung, Message: "web was refused", RolloutGeneration: 4, ApprovalGeneration: 2}
	}
}

func TestQuestionNamesOwners(t *testing.T) {
	s := shopSnapshot()
	theirs := labelled(applied("argocd"), "enforce=privileged:v1.37")
	for key, value := range theirs.Labels {
		s.namespace.Labels[key] = value
	}
	s.namespace.ManagedFields = append(s.namespace.ManagedFields, theirs.ManagedFields...)
	want := []gate.Owner{{Manager: "argocd", Label: "pod-security.kubernetes.io/enforce", Value: "privileged"}}
	if diff := cmp.Diff(want, questionOf(t, s).Owners); diff != "" {
		t.Errorf("owners (-want +got):\n%s", diff)
	}
	unreadable(s)
	if _, err := s.question(summary.NamespaceInput{Next: &enforceBaseline}); err == nil {
		t.Error("managedFields that cannot be read name no owner")
	}
}

// unreadable has managedFields that cannot be read.
func unreadable(s *snapshot) {
	entry := applied("argocd")
	entry.FieldsV1 = metav1.NewFieldsV1(`{"k:labels":{}}`)
	s.namespace.ManagedFields = append(s.namespace.ManagedFields, entry)
}
