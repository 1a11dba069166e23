// SPDX-License-Identifier: Apache-2.0

package summary

import (
	"time"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/ladder"
)

// The pauses after which a rung is tried again whose write was refused.
const (
	firstPause   = 15 * time.Second
	longestPause = 5 * time.Minute
)

// WriteRefused answers the record of a rung whose write the API server has just
// refused, given the record of the time before, nil for none.
func WriteRefused(old *v1alpha1.WriteRefusal, r ladder.Rung, message string, now time.Time) *v1alpha1.WriteRefusal {
	attempts := int32(1)
	if old = RefusalOf(old, &r); old != nil {
		attempts = old.Attempts + 1
	}
	return &v1alpha1.WriteRefusal{
		Rung: r.String(), Message: Clip(message, maxMessage), Attempts: attempts, RetryAt: at(now.Add(pauseAfter(attempts) + time.Second)),
	}
}

// RefusalOf answers the record if it is of the rung, nil otherwise: what was
// refused for one rung says nothing of the next.
func RefusalOf(old *v1alpha1.WriteRefusal, r *ladder.Rung) *v1alpha1.WriteRefusal {
	if old == nil || r == nil || old.Rung != r.String() {
		return nil
	}
	return old
}

func pauseAfter(attempts int32) time.Duration {
	pause := firstPause
	for n := int32(1); n < attempts && pause < longestPause; n++ {
		pause *= 2
	}
	return min(pause, longestPause)
}
