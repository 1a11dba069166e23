// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"fmt"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

// approved is rule 7: where approval is manual, the approval names exactly
// this enforce rung.
func approved(in Input) *Decision {
	if !in.enforcing() || !in.ManualApproval || in.Approved == in.Rung.To.String() {
		return nil
	}
	message := fmt.Sprintf("%s waits for approval: set spec.approvedEnforce: %q in this NamespaceRollout", in.Rung, in.Rung.To.String())
	if in.Approved != "" {
		message += fmt.Sprintf(" (it approves %q)", in.Approved)
	}
	return held(v1alpha1.ReasonAwaitingApproval, message)
}
