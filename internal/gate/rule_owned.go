// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"fmt"
	"strings"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

// owned is rule 3: no other field manager owns a label of the rung with
// another value, unless the rollout takes labels over.
func owned(in Input) *Decision {
	if in.TakeOver || len(in.Owners) == 0 {
		return nil
	}
	owners := make([]string, 0, len(in.Owners))
	for _, o := range in.Owners {
		owners = append(owners, fmt.Sprintf("field manager %q owns %s=%s", o.Manager, o.Label, o.Value))
	}
	return held(v1alpha1.ReasonLabelConflict, fmt.Sprintf(
		"%s waits: %s. Remove the label from what that manager applies, or set labelConflicts: TakeOver in the rollout",
		in.Rung, strings.Join(owners, "; ")))
}
