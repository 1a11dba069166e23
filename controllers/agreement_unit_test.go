// SPDX-License-Identifier: Apache-2.0

package controllers

import (
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
	in := gate.Input{Now: morning, Rung: enforceBaseline, Evidence: gate.Evidence{Workloads: 1, Pods: 1, WorstPods: "web"}}
	changed, later := in, in
	changed.Evidence.WorstPods = "api"
	later.Now = morning.Add(compareAgain)
	for i, step := range []struct {
		in   gate.Input
		of   string
		want bool
	}{
		{in, "shop", true}, {in, "shop", false}, {in, "bank", true}, {changed, "shop", true}, {in, "shop", true}, {in, "shop", false}, {later, "shop", true},
	} {
		if got := c.due(step.of, step.in); got != step.want {
			t.Errorf("step %d: due %v, want %v", i, got, step.want)
		}
		c.note(step.of, step.in)
	}
	c.forget("shop")
	if !c.due("shop", later) {
		t.Error("what is forgotten is not due")
	}
	if c.due("shop", gate.Input{Now: morning.Add(time.Hour), Evidence: gate.Evidence{Workloads: 1}}) {
		t.Error("templates alone are due")
	}
}
