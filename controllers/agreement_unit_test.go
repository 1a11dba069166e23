// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"errors"
	"testing"
	"time"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/gate"
	"github.com/podsecurity-rollout/operator/internal/summary"
)

// podsViolate has the pods of the Deployment web violate baseline.
func podsViolate(s *snapshot) {
	withTurn(s)
	s.evidence = webViolates(baselinePinned, v1alpha1.SourcePod)
}

// Violations are compared with what the API server sees, once as long as they stay.
func TestCompare(t *testing.T) {
	templateViolates := func(s *snapshot) { withTurn(s); s.evidence = webViolates(baselinePinned, v1alpha1.SourceTemplate) }
	for name, tc := range map[string]struct {
		server *says
		change func(*snapshot)
		reason string // of the agreement, empty for none
		asked  int
	}{
		"both see none":                     {&says{}, withTurn, v1alpha1.ReasonAgrees, 1},
		"the server alone":                  {&says{answer: gate.DryRun{Violations: []string{"web-0: privileged"}}}, withTurn, v1alpha1.ReasonServerStricter, 1},
		"both see some":                     {&says{answer: gate.DryRun{Violations: []string{"web-0: privileged"}}}, podsViolate, v1alpha1.ReasonAgrees, 1},
		"the operator alone":                {&says{}, podsViolate, v1alpha1.ReasonServerLaxer, 1},
		"an exemption that is not declared": {&says{answer: gate.DryRun{Exempt: "exempt"}}, podsViolate, v1alpha1.ReasonUndeclaredExemption, 1},
		"the server does not see templates": {&says{}, templateViolates, "", 0},
		"the server could not tell":         {&says{answer: gate.DryRun{Inconclusive: "1 s is over"}}, podsViolate, "", 1},
		"suspended":                         {&says{}, func(s *snapshot) { podsViolate(s); suspend(s.rollout) }, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := &NamespaceRolloutReconciler{Labels: tc.server}
			in := mustLook(t, shopSnapshot(tc.change))
			r.ask(t.Context(), shopSnapshot(tc.change), &in)
			switch {
			case in.Agreement == nil && tc.reason != "":
				t.Errorf("nothing is told, want %s", tc.reason)
			case in.Agreement != nil && in.Agreement.Reason != tc.reason:
				t.Errorf("%+v, want %q", *in.Agreement, tc.reason)
			}
			if len(tc.server.asked) != tc.asked {
				t.Errorf("asked %d times, want %d", len(tc.server.asked), tc.asked)
			}
		})
	}
}

func mustLook(t *testing.T, s *snapshot) summary.NamespaceInput {
	t.Helper()
	in, err := s.look()
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func TestComparisonsAreNotMadeAgain(t *testing.T) {
	var c comparisons
	agreed := gate.Agreement{Reason: v1alpha1.ReasonAgrees}
	in := gate.Input{Now: morning, Rung: enforceBaseline, Evidence: gate.Evidence{Workloads: 1, Pods: 1, WorstPods: "web"}}
	changed, later := in, in
	changed.Evidence.WorstPods = "api"
	later.Now = morning.Add(compareAgain)
	for i, step := range []struct {
		in   gate.Input
		of   string
		want bool
	}{
		{in, "shop", false}, {in, "shop", true}, {in, "bank", false}, {changed, "shop", false}, {in, "shop", false}, {in, "shop", true}, {later, "shop", false},
	} {
		came, known := c.known(step.of, step.in)
		if known != step.want || known && came != agreed {
			t.Errorf("step %d: known %v (%+v), want %v", i, known, came, step.want)
		}
		c.note(step.of, step.in, agreed)
	}
	c.forget("shop")
	if _, known := c.known("shop", later); known {
		t.Error("what is forgotten is known")
	}
}

// An API server that could not tell is asked again after a while, one that told is
// not, though the namespace is looked at.
func TestCompareAgain(t *testing.T) {
	server := &says{err: errors.New("no answer")}
	r := &NamespaceRolloutReconciler{Labels: server}
	for i, step := range []struct {
		err   error
		asked int
		again time.Duration
	}{{server.err, 1, compareAgain}, {nil, 2, 0}, {nil, 2, 0}} {
		server.err = step.err
		in := mustLook(t, shopSnapshot(podsViolate))
		r.ask(t.Context(), shopSnapshot(podsViolate), &in)
		if len(server.asked) != step.asked || in.Decision.RequeueAfter != step.again || (in.Agreement == nil) != (step.err != nil) {
			t.Errorf("look %d: asked %d times, again after %s, %+v", i, len(server.asked), in.Decision.RequeueAfter, in.Agreement)
		}
	}
}
