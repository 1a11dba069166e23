// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"fmt"
	"strings"
	"time"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

// takeOverAgain is how long labels are left to a manager that has set back what
// was taken from it: a GitOps tool does so each time that it applies.
const takeOverAgain = time.Hour

// owned is rule 3: no other field manager owns a label of the rung with
// another value, unless the rollout takes labels over. It takes them over once
// and does not fight for them.
func owned(in Input) *Decision {
	if len(in.Owners) == 0 {
		return nil
	}
	again := in.LastClimbed.Add(takeOverAgain)
	fought := !in.LastClimbed.IsZero() && in.Now.Before(again)
	if in.TakeOver && !fought {
		return nil
	}
	owners := make([]string, 0, len(in.Owners))
	for _, o := range in.Owners {
		owners = append(owners, fmt.Sprintf("field manager %q owns %s=%s", o.Manager, o.Label, o.Value))
	}
	if in.TakeOver {
		return heldUntil(v1alpha1.ReasonLabelConflict, fmt.Sprintf(
			"%s waits: %s, set back after the operator wrote this rung at %s. Have that manager leave the label alone; it is taken over again at %s",
			in.Rung, strings.Join(owners, "; "), in.LastClimbed.UTC().Format(time.RFC3339), again.UTC().Format(time.RFC3339)), again.Sub(in.Now))
	}
	return held(v1alpha1.ReasonLabelConflict, fmt.Sprintf(
		"%s waits: %s. Remove the label from what that manager applies, or set labelConflicts: TakeOver in the rollout",
		in.Rung, strings.Join(owners, "; ")))
}
