// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"time"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

// writable belongs to rule 8: a rung whose write the API server has refused rests
// until it is tried again, and takes no turn meanwhile.
func writable(in Input) *Decision {
	if in.WriteRefused == "" || !in.Now.Before(in.RetryAt) {
		return nil
	}
	d := Refused(in.WriteRefused, in.RetryAt.Sub(in.Now))
	return &d
}

// Refused is the decision on a step, up or back, whose write was refused, until
// it is tried again.
func Refused(message string, retryAfter time.Duration) Decision {
	return *heldUntil(v1alpha1.ReasonWriteRefused, message, retryAfter)
}
