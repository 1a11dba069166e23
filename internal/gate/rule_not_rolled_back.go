// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"fmt"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

// notRolledBack belongs to rule 3: a rung that was taken back is not tried
// again by itself, whatever the pods do meanwhile.
func notRolledBack(in Input) *Decision {
	if !in.enforcing() || in.RolledBack == "" {
		return nil
	}
	return held(v1alpha1.ReasonRolledBack, fmt.Sprintf(
		"%s was rolled back: %s. Change the rollout's spec, or approve the rung anew (spec.approvedEnforce: %q), to try again",
		in.Rung, in.RolledBack, in.Rung.To.String()))
}
