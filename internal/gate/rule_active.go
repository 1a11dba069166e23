// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"fmt"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

// active is rule 1: the rollout is not suspended, and is in mode Apply.
func active(in Input) *Decision {
	switch {
	case in.Suspended:
		return held(v1alpha1.ReasonSuspended,
			fmt.Sprintf("%s waits: the rollout is suspended (spec.suspend: true)", in.Rung))
	case in.Observe:
		return held(v1alpha1.ReasonObserving,
			fmt.Sprintf("%s is not written: the rollout only observes (spec.mode: Observe)", in.Rung))
	}
	return nil
}
