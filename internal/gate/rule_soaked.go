// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"fmt"
	"time"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

// soaked is rule 6: the namespace has been clean, and the rung before in force,
// for the soak.
func soaked(in Input) *Decision {
	until := SoakUntil(in)
	if !in.Now.Before(until) {
		return nil
	}
	return heldUntil(v1alpha1.ReasonSoaking,
		fmt.Sprintf("%s waits until %s, when the soak of %s ends", in.Rung, until.UTC().Format(time.RFC3339), in.Soak),
		until.Sub(in.Now))
}

// SoakUntil is when the soak of the rung ends, the zero time without a soak.
// Where nothing has to comply, only the rung before counts.
func SoakUntil(in Input) time.Time {
	if in.Soak <= 0 {
		return time.Time{}
	}
	since := in.LastRung
	if in.requiresCompliance() && in.CleanSince.After(since) {
		since = in.CleanSince
	}
	return since.Add(in.Soak)
}
