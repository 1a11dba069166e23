// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/gate"
	"github.com/podsecurity-rollout/operator/internal/summary"
)

// A note that is too long is cut at a rune.
func TestLongNotes(t *testing.T) {
	n := &notebook{}
	record(n, shopSnapshot(), "Normal", "Soaking", "Evaluate", strings.Repeat("é", 1000))
	for _, e := range n.events {
		if len(e.Note) > 1024 || len(e.Note) < 1000 || !utf8.ValidString(e.Note) {
			t.Errorf("a note of %d bytes, want whole runes of at most 1024", len(e.Note))
		}
	}
}

// The API server takes no Event into a namespace that is being deleted.
func TestNoEventsIntoATerminatingNamespace(t *testing.T) {
	n := &notebook{}
	record(n, shopSnapshot(func(s *snapshot) { s.namespace.DeletionTimestamp = &metav1.Time{Time: morning} }), "Normal", "Terminating", "Evaluate", "why")
	if len(n.events) != 1 || n.events[0].Of != "*v1alpha1.PodSecurityRollout" {
		t.Errorf("told %v, want it told on the rollout only", n.events)
	}
}

// Each thing is told on both kinds, with the namespace's name on the rollout.
func TestEvents(t *testing.T) {
	const claim, rollout = "*v1alpha1.NamespaceRollout", "*v1alpha1.PodSecurityRollout"
	step := v1alpha1.HistoryEntry{Mode: v1alpha1.ModeEnforce, From: "privileged:latest", To: "baseline:v1.37"}
	back := v1alpha1.HistoryEntry{Mode: v1alpha1.ModeEnforce, From: "baseline:v1.37", To: "privileged:v1.37", Reason: v1alpha1.ReasonRolledBack}
	state := func(reason string) v1alpha1.NamespaceRolloutStatus {
		return v1alpha1.NamespaceRolloutStatus{Conditions: []metav1.Condition{{Type: v1alpha1.ConditionProgressing, Reason: reason, Message: "why"}}}
	}
	for name, tc := range map[string]struct {
		tell func(*notebook, *snapshot)
		want told
	}{
		"climbed": {
			func(n *notebook, s *snapshot) { recordStep(n, s, step) },
			told{Kind: "Normal", Reason: "Climbed", Action: "ClimbEnforce", Note: "enforce went from privileged:latest to baseline:v1.37"},
		},
		"taken back": {
			func(n *notebook, s *snapshot) { recordStep(n, s, back) },
			told{Kind: "Warning", Reason: "RolledBack", Action: "RollBackEnforce", Note: "enforce went back from baseline:v1.37 to privileged:v1.37"},
		},
		"moved by somebody": {
			func(n *notebook, s *snapshot) { recordMoved(n, s, step, nil) },
			told{Kind: "Warning", Reason: "LabelChanged", Action: "ObserveEnforce", Note: "enforce went from privileged:latest to baseline:v1.37, not by this operator"},
		},
		"moved by somebody known": {
			func(n *notebook, s *snapshot) {
				recordMoved(n, s, step, []gate.Owner{{Manager: "argocd"}})
			},
			told{Kind: "Warning", Reason: "LabelChanged", Action: "ObserveEnforce", Note: `enforce went from privileged:latest to baseline:v1.37, not by this operator but by field manager "argocd"`},
		},
		"waits": {
			func(n *notebook, s *snapshot) { recordState(n, s, state(v1alpha1.ReasonSoaking)) },
			told{Kind: "Normal", Reason: "Soaking", Action: "Evaluate", Note: "why"},
		},
		"waits for a person": {
			func(n *notebook, s *snapshot) { recordState(n, s, state(v1alpha1.ReasonViolations)) },
			told{Kind: "Warning", Reason: "Violations", Action: "Evaluate", Note: "why"},
		},
		"a note is no format": {
			func(n *notebook, s *snapshot) { record(n, s, "Normal", "Soaking", "Evaluate", "100% %s") },
			told{Kind: "Normal", Reason: "Soaking", Action: "Evaluate", Note: "100% %s"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			n := &notebook{}
			tc.tell(n, shopSnapshot())
			onClaim, onRollout := tc.want, tc.want
			onClaim.Of = claim
			onRollout.Of, onRollout.Note = rollout, "Namespace shop: "+tc.want.Note
			if diff := cmp.Diff([]told{onClaim, onRollout}, n.events); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

// The API server refuses a note of more than a kilobyte.
func TestNotesAreBounded(t *testing.T) {
	n := &notebook{}
	record(n, shopSnapshot(), "Normal", "Soaking", "Evaluate", strings.Repeat("a", 1020))
	for _, e := range n.events {
		if len(e.Note) > 1024 {
			t.Errorf("a note of %d bytes on %s", len(e.Note), e.Of)
		}
	}
}

// Of what has moved since the last look, the announced rung was ours.
func TestTellMoves(t *testing.T) {
	n := &notebook{}
	s := shopSnapshot(func(s *snapshot) {
		s.claim.Status.Current = &v1alpha1.Policy{Enforce: "privileged:latest", Warn: "privileged:latest", Audit: "baseline:v1.37"}
		s.claim.Status.Next = &v1alpha1.Rung{Mode: v1alpha1.ModeWarn, To: "baseline:v1.37"}
		theirs := labelled(applied("argocd"), "enforce=restricted:latest")
		for key, value := range theirs.Labels {
			s.namespace.Labels[key] = value
		}
		s.namespace.ManagedFields = append(s.namespace.ManagedFields, theirs.ManagedFields...)
	})
	in, err := s.look()
	if err != nil {
		t.Fatal(err)
	}
	(&NamespaceRolloutReconciler{Recorder: n}).tell(s, in, v1alpha1.NamespaceRolloutStatus{})
	var got []string
	for _, e := range n.events {
		if strings.Contains(e.Of, "NamespaceRollout") {
			got = append(got, e.Reason+": "+e.Note)
		}
	}
	want := []string{
		"Climbed: warn went from privileged:latest to baseline:v1.37",
		`LabelChanged: enforce went from privileged:latest to restricted:latest, not by this operator but by field manager "argocd"`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

// A state is told of once, when it begins; a rung about to be climbed is told of
// once it is.
func TestTellState(t *testing.T) {
	state := func(reason, message string) v1alpha1.NamespaceRolloutStatus {
		return v1alpha1.NamespaceRolloutStatus{Conditions: []metav1.Condition{{Type: v1alpha1.ConditionProgressing, Reason: reason, Message: message}}}
	}
	for name, tc := range map[string]struct {
		before, now v1alpha1.NamespaceRolloutStatus
		want        string
	}{
		"the first":                      {v1alpha1.NamespaceRolloutStatus{}, state(v1alpha1.ReasonSoaking, "1h"), "Soaking"},
		"another":                        {state(v1alpha1.ReasonClimbing, ""), state(v1alpha1.ReasonSoaking, "1h"), "Soaking"},
		"the same, though in new words":  {state(v1alpha1.ReasonSoaking, "1h"), state(v1alpha1.ReasonSoaking, "2h"), ""},
		"about to climb":                 {state(v1alpha1.ReasonSoaking, "1h"), state(v1alpha1.ReasonClimbing, ""), ""},
		"complete, from being refused":   {state(v1alpha1.ReasonRejecting, ""), state(v1alpha1.ReasonComplete, ""), "Complete"},
		"the spec is no longer accepted": {state(v1alpha1.ReasonComplete, ""), state(v1alpha1.ReasonVersionNotServed, ""), "VersionNotServed"},
	} {
		t.Run(name, func(t *testing.T) {
			n := &notebook{}
			s := shopSnapshot(func(s *snapshot) { s.claim.Status, s.accepted.OK = tc.before, false })
			(&NamespaceRolloutReconciler{Recorder: n}).tell(s, summary.NamespaceInput{}, tc.now)
			got := ""
			for _, e := range n.events {
				got = e.Reason
			}
			if got != tc.want || len(n.events) != 0 && len(n.events) != 2 {
				t.Errorf("told %q in %d events, want %q once on each kind", got, len(n.events), tc.want)
			}
		})
	}
}
