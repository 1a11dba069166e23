// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"fmt"
	"strings"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

// serverAgrees is rule 9: the API server's own dry run of the rung's level as
// enforce finds no violation. It has the last word on every rung that requires
// compliance.
func serverAgrees(in Input) *Decision {
	if !in.requiresCompliance() {
		return nil
	}
	switch {
	case in.DryRun == nil:
		return &Decision{
			AskServer: true, Reason: v1alpha1.ReasonClimbing,
			Message: "Asking the API server for a dry run of " + in.Rung.String(),
		}
	case in.DryRun.Exempt != "":
		return held(v1alpha1.ReasonExempt, "The API server says: "+in.DryRun.Exempt)
	case in.DryRun.Inconclusive != "":
		return heldUntil(v1alpha1.ReasonInconclusive,
			fmt.Sprintf("%s waits: the API server's dry run could not tell: %s", in.Rung, in.DryRun.Inconclusive), Soon)
	case len(in.DryRun.Violations) > 0:
		return heldUntil(v1alpha1.ReasonServerDisagrees, fmt.Sprintf(
			"%s waits: the API server's dry run finds violations that the operator's own evaluation does not (yet): %s",
			in.Rung, strings.Join(in.DryRun.Violations, "; ")), Soon)
	}
	return nil
}
