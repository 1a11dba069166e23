// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestExplain(t *testing.T) {
	tests := map[string]struct {
		change    func(*Input)
		wantHolds []string
		wantAsks  []string
	}{
		"nothing holds it":          {change: func(*Input) {}},
		"the server is to be asked": {change: func(in *Input) { in.DryRun = nil }, wantAsks: []string{"ServerAgrees"}},
		"all that hold are told": {
			change: func(in *Input) {
				in.Suspended, in.ManualApproval, in.Turn = true, true, Turn{}
				in.Evidence = Evidence{Workloads: 1, Worst: "Deployment web: privileged"}
			},
			wantHolds: []string{"Active", "Compliant", "Approved", "Turn"},
		},
		"the last alone": {
			change:    func(in *Input) { in.DryRun = &DryRun{Violations: []string{"web: privileged"}} },
			wantHolds: []string{"ServerAgrees"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			in := ready()
			test.change(&in)
			var holds, asks []string
			for _, state := range Explain(in) {
				if state.Holds {
					holds = append(holds, state.Rule)
				}
				if state.Asks {
					asks = append(asks, state.Rule)
				}
			}
			if diff := cmp.Diff([][]string{test.wantHolds, test.wantAsks}, [][]string{holds, asks}); diff != "" {
				t.Errorf("holding and asking rules (-want +got):\n%s", diff)
			}
		})
	}
}

// TestExplainAgreesWithEvaluate holds for every case of Evaluate's own table: the
// first rule that has something to say is the decision.
func TestExplainAgreesWithEvaluate(t *testing.T) {
	for name, test := range evaluateTests {
		t.Run(name, func(t *testing.T) {
			in := ready()
			test.change(&in)
			states, decision := Explain(in), Evaluate(in)
			if len(states) != len(rules) {
				t.Fatalf("%d rules are explained of %d", len(states), len(rules))
			}
			for _, state := range states {
				if !state.Holds && !state.Asks {
					continue
				}
				if state.Reason != decision.Reason || state.Message != decision.Message || state.Asks != decision.AskServer {
					t.Errorf("the first is %+v, the decision %+v", state, decision)
				}
				return
			}
			if !decision.Climb {
				t.Errorf("no rule holds, and the decision is %+v", decision)
			}
		})
	}
}
