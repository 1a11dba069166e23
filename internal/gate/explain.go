// SPDX-License-Identifier: Apache-2.0

package gate

// RuleState is what one rule says of a rung.
type RuleState struct {
	// Rule is its name: Active, Reachable, Owned, …
	Rule string
	// Holds is whether it holds the rung back.
	Holds bool
	// Asks is whether it cannot tell before the API server has been asked for its
	// dry run (Input.DryRun). Then it does not count as holding.
	Asks bool
	// Reason and Message say why it holds, or what it asks.
	Reason, Message string
}

// Explain answers what every rule says of the rung, in the order in which
// Evaluate asks them: the first that holds is Evaluate's reason. Those after it
// say what else would have to be put right.
func Explain(in Input) []RuleState {
	states := make([]RuleState, 0, len(rules))
	for _, r := range rules {
		state := RuleState{Rule: r.name}
		if d := r.hold(in); d != nil {
			state.Holds, state.Asks, state.Reason, state.Message = !d.AskServer, d.AskServer, d.Reason, d.Message
		}
		states = append(states, state)
	}
	return states
}
