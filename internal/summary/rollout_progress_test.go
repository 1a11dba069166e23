// SPDX-License-Identifier: Apache-2.0

package summary

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

func violatingNamespace(list ...v1alpha1.Violation) v1alpha1.NamespaceRolloutStatus {
	return v1alpha1.NamespaceRolloutStatus{Violations: list}
}

func TestTopViolations(t *testing.T) {
	const pod, template = v1alpha1.SourcePod, v1alpha1.SourceTemplate
	other := violation("web", "privileged", template)
	other.Message = "another container"
	many := namespaces{}
	for i := range 15 {
		var list []v1alpha1.Violation
		for check := range 15 - i {
			list = append(list, violation("web", fmt.Sprintf("check-%02d", check), pod))
		}
		many[fmt.Sprintf("ns-%02d", i)] = violatingNamespace(list...)
	}
	var first10 []v1alpha1.TopViolation
	for i := range int32(10) {
		first10 = append(first10, v1alpha1.TopViolation{Check: fmt.Sprintf("check-%02d", i), Workloads: 15 - i, Namespaces: 15 - i})
	}
	for name, tc := range map[string]struct {
		all  namespaces
		want []v1alpha1.TopViolation
	}{
		"none": {namespaces{"a": complete()}, nil},
		"the most workloads first": {
			namespaces{
				"a": violatingNamespace(violation("web", "privileged", pod), violation("api", "privileged", pod), violation("api", "hostPorts", pod)),
				"b": violatingNamespace(violation("web", "hostPorts", pod), violation("api", "hostPorts", pod)),
			},
			[]v1alpha1.TopViolation{{Check: "hostPorts", Workloads: 3, Namespaces: 2}, {Check: "privileged", Workloads: 2, Namespaces: 1}},
		},
		"a workload counts once for a check": {
			namespaces{"a": violatingNamespace(violation("web", "privileged", pod), other)},
			[]v1alpha1.TopViolation{{Check: "privileged", Workloads: 1, Namespaces: 1}},
		},
		"workloads of one name in two namespaces are two": {
			namespaces{"a": violatingNamespace(violation("web", "privileged", pod)), "b": violatingNamespace(violation("web", "privileged", pod))},
			[]v1alpha1.TopViolation{{Check: "privileged", Workloads: 2, Namespaces: 2}},
		},
		"of as many workloads the one in more namespaces, then by name": {
			namespaces{
				"a": violatingNamespace(violation("web", "wide", pod), violation("web", "deep", pod), violation("api", "deep", pod), violation("web", "also-wide", pod)),
				"b": violatingNamespace(violation("web", "wide", pod), violation("web", "also-wide", pod)),
			},
			[]v1alpha1.TopViolation{
				{Check: "also-wide", Workloads: 2, Namespaces: 2}, {Check: "wide", Workloads: 2, Namespaces: 2}, {Check: "deep", Workloads: 2, Namespaces: 1},
			},
		},
		"at most ten": {many, first10},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, summed(holding(tc.all)).TopViolations); diff != "" {
				t.Errorf("top violations (-want +got):\n%s", diff)
			}
		})
	}
}

// lately is a namespace that climbed at a time, and waits for its turn since.
func lately(at time.Time) v1alpha1.NamespaceRolloutStatus {
	s := standing(v1alpha1.ReasonAwaitingTurn)
	s.History = []v1alpha1.HistoryEntry{climbed(v1alpha1.ModeWarn, privileged, baseline, at)}
	return s
}

func TestLastProgress(t *testing.T) {
	was := nine.Add(-3 * time.Hour)
	old := v1alpha1.PodSecurityRolloutStatus{
		ObservedGeneration: 5, LastProgressTime: &metav1.Time{Time: was}, Namespaces: &v1alpha1.NamespaceCounts{Selected: 2, Complete: 1},
	}
	waiting := namespaces{"a": complete(), "b": lately(was.Add(-time.Hour))}
	twice := with(lately(was.Add(time.Hour)), func(s *v1alpha1.NamespaceRolloutStatus) {
		s.History = append(s.History, climbed(v1alpha1.ModeAudit, privileged, baseline, was.Add(time.Minute)))
	})
	for name, tc := range map[string]struct {
		old  v1alpha1.PodSecurityRolloutStatus
		all  namespaces
		want time.Time
	}{
		"the first look":            {v1alpha1.PodSecurityRolloutStatus{}, waiting, nine},
		"nothing moved":             {old, waiting, was},
		"a namespace climbed":       {old, namespaces{"a": complete(), "b": lately(was.Add(time.Hour)), "c": lately(was.Add(time.Minute))}, was.Add(time.Hour)},
		"a namespace climbed twice": {old, namespaces{"a": complete(), "b": twice}, was.Add(time.Hour)},
		"a namespace completed":     {old, namespaces{"a": complete(), "b": complete()}, nine},
		"a namespace fell back":     {old, namespaces{"a": standing(v1alpha1.ReasonViolations)}, was},
		"the spec was edited":       {with(old, func(s *v1alpha1.PodSecurityRolloutStatus) { s.ObservedGeneration = 4 }), waiting, nine},
		"nothing was counted then":  {with(old, func(s *v1alpha1.PodSecurityRolloutStatus) { s.Namespaces = nil }), waiting, was},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(&metav1.Time{Time: tc.want}, Rollout(tc.old, holding(tc.all)).LastProgressTime); diff != "" {
				t.Errorf("last progress (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDeadline(t *testing.T) {
	const exceeded = "True ProgressDeadlineExceeded: No namespace has climbed or completed since 2026-11-23T08:00:00Z, " +
		"which is longer than strategy.progressDeadline (1h0m0s)"
	const fine = "False NotStalled: The spec is acted on"
	began := nine.Add(-time.Hour)
	waiting := namespaces{"a": standing(v1alpha1.ReasonAwaitingTurn)}
	for name, tc := range map[string]struct {
		all    namespaces
		change func(*RolloutInput)
		want   string
	}{
		"exceeded":                       {waiting, func(*RolloutInput) {}, exceeded},
		"exceeded, all blocked":          {namespaces{"a": standing(v1alpha1.ReasonViolations)}, func(*RolloutInput) {}, exceeded},
		"the last moment":                {waiting, func(in *RolloutInput) { in.Now = nine.Add(-time.Second) }, fine},
		"no deadline":                    {waiting, func(in *RolloutInput) { in.Deadline = 0 }, fine},
		"out of it by a climb":           {namespaces{"a": lately(nine.Add(-time.Minute))}, func(*RolloutInput) {}, fine},
		"out of it by being complete":    {namespaces{"a": complete()}, func(*RolloutInput) {}, fine},
		"out of it by an edit":           {waiting, func(in *RolloutInput) { in.Generation++ }, fine},
		"suspended":                      {waiting, func(in *RolloutInput) { in.Suspended = true }, fine},
		"observing":                      {waiting, func(in *RolloutInput) { in.Observe = true }, fine},
		"nothing selected":               {nil, func(*RolloutInput) {}, fine},
		"what it could bring is brought": {namespaces{"a": standing(v1alpha1.ReasonExempt)}, func(*RolloutInput) {}, fine},
		"a refused spec has its own say": {waiting, func(in *RolloutInput) { in.Accepted = Acceptance{Reason: "InvalidSpec", Message: "x"} }, "True InvalidSpec: x"},
	} {
		t.Run(name, func(t *testing.T) {
			first := holding(waiting)
			first.Now, first.Deadline = began, time.Hour
			in := holding(tc.all)
			in.Deadline = time.Hour
			tc.change(&in)
			wantConditions(t, map[string]string{"Stalled": tc.want}, Rollout(summed(first), in).Conditions)
		})
	}
}

func TestRolloutLookAgain(t *testing.T) {
	progress := func(ago time.Duration) v1alpha1.PodSecurityRolloutStatus {
		return v1alpha1.PodSecurityRolloutStatus{LastProgressTime: &metav1.Time{Time: nine.Add(-ago)}}
	}
	for name, tc := range map[string]struct {
		status   v1alpha1.PodSecurityRolloutStatus
		deadline time.Duration
		budgets  time.Time
		want     time.Duration
	}{
		"never":                       {progress(0), 0, time.Time{}, 0},
		"the deadline":                {progress(10 * time.Minute), time.Hour, time.Time{}, 50 * time.Minute},
		"the deadline has passed":     {progress(time.Hour), time.Hour, time.Time{}, 0},
		"a budget":                    {progress(0), 0, nine.Add(time.Minute), time.Minute},
		"a budget before":             {progress(10 * time.Minute), time.Hour, nine.Add(time.Minute), time.Minute},
		"the deadline before":         {progress(10 * time.Minute), time.Hour, nine.Add(2 * time.Hour), 50 * time.Minute},
		"a budget, past the deadline": {progress(2 * time.Hour), time.Hour, nine.Add(2 * time.Hour), 2 * time.Hour},
		"no progress is known":        {v1alpha1.PodSecurityRolloutStatus{}, time.Hour, time.Time{}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			in := holding(nil)
			in.Deadline = tc.deadline
			if got := LookAgain(tc.status, in, tc.budgets); got != tc.want {
				t.Errorf("after %s, want %s", got, tc.want)
			}
		})
	}
}
