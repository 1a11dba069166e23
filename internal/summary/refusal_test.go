// SPDX-License-Identifier: Apache-2.0

package summary

import (
	"strings"
	"testing"
	"time"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/ladder"
)

// A rung whose write is refused again and again rests for longer and longer, and
// another rung begins anew.
func TestWriteRefused(t *testing.T) {
	enforce := ladder.Rung{Mode: v1alpha1.ModeEnforce, To: baseline}
	var refusal *v1alpha1.WriteRefusal
	now := nine.Add(time.Millisecond)
	for i, want := range []time.Duration{15, 30, 60, 120, 240, 300, 300} {
		refusal = WriteRefused(refusal, enforce, "no right", now)
		if refusal.Rung != "enforce=baseline:v1.37" || refusal.Message != "no right" || refusal.Attempts != int32(i+1) {
			t.Errorf("refused for the %dth time: %+v", i+1, refusal)
		}
		if pause := refusal.RetryAt.Sub(now); pause < want*time.Second || pause > (want+1)*time.Second {
			t.Errorf("rests for %s after %d refusals, want %ds", pause, i+1, want)
		}
	}
}

func TestRefusalsAreOfOneRung(t *testing.T) {
	enforce, warn := ladder.Rung{Mode: v1alpha1.ModeEnforce, To: baseline}, ladder.Rung{Mode: v1alpha1.ModeWarn, To: restricted}
	refusal := WriteRefused(WriteRefused(nil, enforce, "no right", nine), enforce, "no right", nine)
	if other := WriteRefused(refusal, warn, "no", nine); other.Attempts != 1 {
		t.Errorf("another rung: %+v, want it to begin anew", other)
	}
	if RefusalOf(refusal, nil) != nil || RefusalOf(nil, &enforce) != nil || RefusalOf(refusal, &enforce) != refusal {
		t.Error("a refusal counts for its own rung and no other")
	}
	if long := WriteRefused(nil, enforce, strings.Repeat("x", 5000), nine); len(long.Message) > 1024 {
		t.Errorf("a message of %d bytes", len(long.Message))
	}
}
