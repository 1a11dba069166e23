// SPDX-License-Identifier: Apache-2.0

package summary

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

type namespaces = map[string]v1alpha1.NamespaceRolloutStatus

// standing is the status of a namespace that the gate holds for a reason, or
// lets climb.
func standing(reason string) v1alpha1.NamespaceRolloutStatus {
	return Namespace(v1alpha1.NamespaceRolloutStatus{}, held(reason, "because "+reason))
}

func complete() v1alpha1.NamespaceRolloutStatus {
	return Namespace(v1alpha1.NamespaceRolloutStatus{}, arrived())
}

// holding is a rollout with these namespaces.
func holding(all namespaces) RolloutInput {
	return RolloutInput{Now: nine, Generation: 5, Server: server, Accepted: Acceptance{OK: true}, Namespaces: all}
}

// summed is the first status of a rollout.
func summed(in RolloutInput) v1alpha1.PodSecurityRolloutStatus {
	return Rollout(v1alpha1.PodSecurityRolloutStatus{}, in)
}

func TestBuckets(t *testing.T) {
	ahead := with(arrived(), func(in *NamespaceInput) { in.Ahead = []v1alpha1.Mode{v1alpha1.ModeEnforce} })
	baking := with(arrived(), func(in *NamespaceInput) { in.Bake = time.Hour })
	enforced := v1alpha1.NamespaceRolloutStatus{History: []v1alpha1.HistoryEntry{climbed(v1alpha1.ModeEnforce, privileged, baseline, nine)}}
	rejecting := with(arrived(), func(in *NamespaceInput) { in.Rejected = []v1alpha1.Rejection{rejection("web", nine)} })
	suspended := func(change func(*Evidence)) v1alpha1.NamespaceRolloutStatus {
		in := held(v1alpha1.ReasonSuspended, "")
		change(&in.Evidence[0])
		return Namespace(v1alpha1.NamespaceRolloutStatus{}, in)
	}
	unaccepted := Unaccepted(complete(), NamespaceInput{Generation: 1, Accepted: Acceptance{Reason: v1alpha1.ReasonVersionNotServed}})
	cases := map[string]struct {
		status v1alpha1.NamespaceRolloutStatus
		want   string
	}{
		"nothing was written yet":           {v1alpha1.NamespaceRolloutStatus{}, "progressing"},
		"complete":                          {complete(), "complete"},
		"ahead of the target":               {Namespace(v1alpha1.NamespaceRolloutStatus{}, ahead), "complete"},
		"baking":                            {Namespace(enforced, baking), "progressing"},
		"rejecting at the target":           {Namespace(enforced, rejecting), "blocked"},
		"suspended, and would climb":        {suspended(func(*Evidence) {}), "progressing"},
		"suspended, and violating":          {suspended(func(e *Evidence) { e.ViolatingWorkloads = 1 }), "blocked"},
		"suspended, and not known":          {suspended(func(e *Evidence) { e.Known = false }), "inconclusive"},
		"observed, and would climb":         {standing(v1alpha1.ReasonObserving), "progressing"},
		"suspended, and nothing is written": {v1alpha1.NamespaceRolloutStatus{Conditions: []metav1.Condition{{Type: "Progressing", Reason: "Suspended"}}}, "inconclusive"},
		"its spec is not accepted":          {unaccepted, "blocked"},
	}
	for reason, want := range map[string]string{
		v1alpha1.ReasonClimbing: "progressing", v1alpha1.ReasonSoaking: "progressing", v1alpha1.ReasonAwaitingTurn: "progressing",
		v1alpha1.ReasonTerminating:  "progressing",
		v1alpha1.ReasonInconclusive: "inconclusive", v1alpha1.ReasonServerDisagrees: "inconclusive",
		v1alpha1.ReasonExempt:     "exempt",
		v1alpha1.ReasonViolations: "blocked", v1alpha1.ReasonLabelConflict: "blocked", v1alpha1.ReasonInvalidLabels: "blocked",
		v1alpha1.ReasonAwaitingApproval: "blocked", v1alpha1.ReasonReportsFailing: "blocked", v1alpha1.ReasonRolledBack: "blocked",
		v1alpha1.ReasonWriteRefused: "blocked",
	} {
		cases["held: "+reason] = struct {
			status v1alpha1.NamespaceRolloutStatus
			want   string
		}{standing(reason), want}
	}
	wants := map[string]v1alpha1.NamespaceCounts{
		"complete":     {Selected: 1, Complete: 1},
		"progressing":  {Selected: 1, Progressing: 1},
		"blocked":      {Selected: 1, Blocked: 1},
		"inconclusive": {Selected: 1, Inconclusive: 1},
		"exempt":       {Selected: 1, Exempt: 1},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(wants[tc.want], *summed(holding(namespaces{"shop": tc.status})).Namespaces); diff != "" {
				t.Errorf("counts (-want +got):\n%s", diff)
			}
			if got := Group(tc.status); got != tc.want {
				t.Errorf("it is in group %q, want %q", got, tc.want)
			}
			if got := Blocked(tc.status); got != (tc.want == "blocked") {
				t.Errorf("waits for a person: %v", got)
			}
		})
	}
}

func TestRolloutConditions(t *testing.T) {
	violating, soaking := standing(v1alpha1.ReasonViolations), standing(v1alpha1.ReasonSoaking)
	for name, tc := range map[string]struct {
		in   RolloutInput
		want map[string]string
	}{
		"under way": {
			holding(namespaces{"a": complete(), "b": soaking, "c": violating, "d": standing(v1alpha1.ReasonInconclusive), "e": standing(v1alpha1.ReasonExempt)}),
			map[string]string{
				"Ready":       "True Accepted: The spec is accepted and acted on",
				"Stalled":     "False NotStalled: The spec is acted on",
				"Progressing": "True Soaking: 1 of 5 namespaces complete, 1 progressing, 1 blocked, 1 inconclusive, 1 exempt",
				"Complete":    "False InProgress: 1 of 5 namespaces complete, 1 progressing, 1 blocked, 1 inconclusive, 1 exempt",
				"Blocked":     "True Blocked: 1 namespace waits for a person: c (Violations)",
			},
		},
		"complete": {
			holding(namespaces{"a": complete(), "b": complete()}),
			map[string]string{
				"Ready":       "True Accepted: The spec is accepted and acted on",
				"Stalled":     "False NotStalled: The spec is acted on",
				"Progressing": "False Complete: 2 of 2 namespaces complete",
				"Complete":    "True Complete: 2 of 2 namespaces complete",
				"Blocked":     "False NotBlocked: No namespace waits for a person",
			},
		},
		"complete but for what is exempt or another's": {
			with(holding(namespaces{"a": complete(), "b": standing(v1alpha1.ReasonExempt)}), func(in *RolloutInput) {
				in.Conflicts = map[string]string{"c": "old", "d": "older", "e": "old"}
			}),
			map[string]string{
				"Progressing": "False Complete: 1 of 5 namespaces complete, 1 exempt, 3 owned by older rollouts (old, older)",
				"Complete":    "True Complete: 1 of 5 namespaces complete, 1 exempt, 3 owned by older rollouts (old, older)",
				"Blocked":     "False NotBlocked: No namespace waits for a person",
			},
		},
		"all that is left waits for people": {
			holding(namespaces{"a": complete(), "b": violating, "c": standing(v1alpha1.ReasonAwaitingApproval)}),
			map[string]string{
				"Progressing": "False Blocked: 1 of 3 namespaces complete, 2 blocked",
				"Complete":    "False InProgress: 1 of 3 namespaces complete, 2 blocked",
				"Blocked":     "True Blocked: 2 namespaces wait for a person: b (Violations), c (AwaitingApproval)",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			wantConditions(t, tc.want, summed(tc.in).Conditions)
		})
	}
}

func TestRolloutConditionsWithNothingToDo(t *testing.T) {
	climbing := standing(v1alpha1.ReasonClimbing)
	for name, tc := range map[string]struct {
		in   RolloutInput
		want map[string]string
	}{
		"not accepted": {
			with(holding(namespaces{"a": climbing}), func(in *RolloutInput) {
				in.Accepted, in.Deadline = Acceptance{Reason: v1alpha1.ReasonVersionNotServed, Message: "pin v1.37"}, time.Minute
			}),
			map[string]string{
				"Ready":       "False VersionNotServed: pin v1.37",
				"Stalled":     "True VersionNotServed: pin v1.37",
				"Progressing": "False VersionNotServed: pin v1.37",
				"Complete":    "False InProgress: pin v1.37",
			},
		},
		"all belong to another": {
			with(holding(nil), func(in *RolloutInput) { in.Conflicts = map[string]string{"a": "old"} }),
			map[string]string{"Progressing": "False Conflicted: 0 of 1 namespaces complete, 1 owned by older rollouts (old)"},
		},
		"nothing is selected": {
			holding(nil),
			map[string]string{
				"Progressing": "False NoNamespaces: No namespace is selected by a target, or all that are selected are excluded",
				"Complete":    "True NoNamespaces: No namespace is selected by a target, or all that are selected are excluded",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			wantConditions(t, tc.want, summed(tc.in).Conditions)
		})
	}
}

func TestRolloutProgressing(t *testing.T) {
	climbing, soaking, turn := standing(v1alpha1.ReasonClimbing), standing(v1alpha1.ReasonSoaking), standing(v1alpha1.ReasonAwaitingTurn)
	violating, unknown := standing(v1alpha1.ReasonViolations), standing(v1alpha1.ReasonInconclusive)
	suspended := func(in *RolloutInput) { in.Suspended = true }
	observing := func(in *RolloutInput) { in.Observe = true }
	for name, tc := range map[string]struct {
		all    namespaces
		change func(*RolloutInput)
		want   string
	}{
		"one climbs":                   {namespaces{"a": climbing, "b": soaking, "c": soaking, "d": violating}, nil, "True Climbing"},
		"one was just claimed":         {namespaces{"a": {}, "b": soaking, "c": soaking}, nil, "True Climbing"},
		"most soak":                    {namespaces{"a": soaking, "b": turn, "c": soaking, "d": violating, "e": violating, "f": violating}, nil, "True Soaking"},
		"as many soak as wait":         {namespaces{"a": soaking, "b": turn}, nil, "True AwaitingTurn"},
		"what can be told is complete": {namespaces{"a": complete(), "b": unknown, "c": violating}, nil, "True Inconclusive"},
		"the server disagrees":         {namespaces{"a": standing(v1alpha1.ReasonServerDisagrees)}, nil, "True Inconclusive"},
		"blocked":                      {namespaces{"a": complete(), "b": violating}, nil, "False Blocked"},
		"suspended":                    {namespaces{"a": standing(v1alpha1.ReasonSuspended)}, suspended, "False Suspended"},
		"suspended and observing":      {namespaces{"a": climbing}, func(in *RolloutInput) { in.Suspended, in.Observe = true, true }, "False Suspended"},
		"observing":                    {namespaces{"a": standing(v1alpha1.ReasonObserving)}, observing, "False Observing"},
		"suspended with nothing to do": {namespaces{"a": complete()}, suspended, "False Complete"},
		"observing with nothing to do": {namespaces{"a": complete()}, observing, "False Complete"},
		"nothing selected":             {nil, suspended, "False NoNamespaces"},
		"all belong to another":        {nil, func(in *RolloutInput) { in.Conflicts = map[string]string{"a": "old"} }, "False Conflicted"},
		"some belong to another":       {namespaces{"b": soaking}, func(in *RolloutInput) { in.Conflicts = map[string]string{"a": "old"} }, "True Soaking"},
		"a refused spec, and suspended": {namespaces{"b": soaking}, func(in *RolloutInput) {
			in.Suspended, in.Accepted = true, Acceptance{Reason: "InvalidSpec", Message: "x"}
		}, "False InvalidSpec"},
	} {
		t.Run(name, func(t *testing.T) {
			in := holding(tc.all)
			if tc.change != nil {
				tc.change(&in)
			}
			got := ""
			for _, c := range summed(in).Conditions {
				if c.Type == v1alpha1.ConditionProgressing {
					got = fmt.Sprintf("%s %s", c.Status, c.Reason)
				}
			}
			if got != tc.want {
				t.Errorf("progressing %s, want %s", got, tc.want)
			}
		})
	}
}

func TestRolloutFields(t *testing.T) {
	in := holding(namespaces{"a": complete()})
	in.Waves = []v1alpha1.WaveStatus{{Name: "dev", Selected: 1, Complete: 1, State: v1alpha1.WaveComplete}}
	got := summed(in)
	got.Conditions, got.Namespaces = nil, nil
	want := v1alpha1.PodSecurityRolloutStatus{
		ObservedGeneration: 5, ClusterVersion: "v1.37", LastProgressTime: &metav1.Time{Time: nine}, Waves: in.Waves,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
}

func TestBlockedNamespaces(t *testing.T) {
	long := Namespace(v1alpha1.NamespaceRolloutStatus{}, held(v1alpha1.ReasonLabelConflict, strings.Repeat("é", 2000)))
	invalid := Namespace(v1alpha1.NamespaceRolloutStatus{}, with(arrived(), func(in *NamespaceInput) { in.InvalidLabels = []string{"a=x"} }))
	got := summed(holding(namespaces{
		"shop": standing(v1alpha1.ReasonViolations), "bank": invalid, "done": complete(), "soak": standing(v1alpha1.ReasonSoaking), "ads": long,
	})).Blocked
	want := []v1alpha1.BlockedNamespace{
		{Namespace: "ads", Next: "enforce=baseline:v1.37", Reason: "LabelConflict", Message: strings.Repeat("é", 510) + " …"},
		{Namespace: "bank", Reason: "InvalidLabels", Message: "The namespace has labels that Pod Security cannot parse: a=x. Correct or remove them"},
		{Namespace: "shop", Next: "enforce=baseline:v1.37", Reason: "Violations", Message: "because Violations"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("blocked (-want +got):\n%s", diff)
	}
}

// The list names the first 20, the condition the same, and the counts tell of
// all.
func TestBlockedIsBounded(t *testing.T) {
	all := namespaces{}
	for i := range 300 {
		all[fmt.Sprintf("a-namespace-of-a-rather-long-name-that-fills-its-bound-%03d", i)] = standing(v1alpha1.ReasonViolations)
	}
	got := summed(holding(all))
	if len(got.Blocked) != 20 || !strings.HasSuffix(got.Blocked[0].Namespace, "-000") || !strings.HasSuffix(got.Blocked[19].Namespace, "-019") {
		t.Errorf("%d are listed, want the first 20 by name", len(got.Blocked))
	}
	if got.Namespaces.Blocked != 300 {
		t.Errorf("%d are counted, want 300", got.Namespaces.Blocked)
	}
	for _, c := range got.Conditions {
		if c.Type == v1alpha1.ConditionBlocked && (len(c.Message) > 1024 || !strings.HasPrefix(c.Message, "300 namespaces wait for a person: ")) {
			t.Errorf("a message of %d bytes: %s", len(c.Message), c.Message)
		}
	}
}
