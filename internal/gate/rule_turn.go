// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"fmt"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

// turn is the second half of rule 8: the fleet has granted the turn.
func turn(in Input) *Decision {
	if !in.enforcing() || in.Turn.Granted {
		return nil
	}
	if in.Turn.WaitingFor == "" {
		return held(v1alpha1.ReasonClimbing, fmt.Sprintf("%s asks for its turn", in.Rung))
	}
	return held(v1alpha1.ReasonAwaitingTurn, fmt.Sprintf("%s waits for its turn: %s", in.Rung, in.Turn.WaitingFor))
}
