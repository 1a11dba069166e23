// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
)

// TestChanges has the earliest change of a namespace wait until it is taken.
func TestChanges(t *testing.T) {
	first, later := morning, morning.Add(time.Second)
	for name, tc := range map[string]struct {
		noted []time.Time
		want  time.Time
	}{
		"none":                       {},
		"one":                        {[]time.Time{first}, first},
		"the first of two":           {[]time.Time{first, later}, first},
		"one that is put back":       {[]time.Time{later, first}, first},
		"no change that was waiting": {[]time.Time{{}}, time.Time{}},
		"a change, and none":         {[]time.Time{first, {}}, first},
	} {
		t.Run(name, func(t *testing.T) {
			var c changes
			c.note("bank", first.Add(-time.Hour))
			for _, at := range tc.noted {
				c.note("shop", at)
			}
			if got := c.take("shop"); !got.Equal(tc.want) {
				t.Errorf("took %s, want %s", got, tc.want)
			}
			if got := c.take("shop"); !got.IsZero() {
				t.Errorf("took %s again", got)
			}
		})
	}
}

// TestVerdictDelay has the time from a change to its verdict measured once, however
// often a look records, and none for a look that no change led to.
func TestVerdictDelay(t *testing.T) {
	clock := clocktesting.NewFakePassiveClock(morning.Add(2 * time.Second))
	r := &NamespaceRolloutReconciler{Clock: clock}
	count, sum := delays(t)
	changed := shopSnapshot(func(s *snapshot) { s.changed = morning })
	r.judged(changed)
	r.judged(changed)
	r.judged(shopSnapshot())
	newCount, newSum := delays(t)
	if newCount-count != 1 || newSum-sum != 2 {
		t.Errorf("measured %d times, %v seconds in all, want once and 2 seconds", newCount-count, newSum-sum)
	}
}

// delays answers how often the delay was measured, and the sum.
func delays(t *testing.T) (count uint64, sum float64) {
	t.Helper()
	families, err := ctrlmetrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "podsecurity_rollout_verdict_delay_seconds" {
			h := f.GetMetric()[0].GetHistogram()
			return h.GetSampleCount(), h.GetSampleSum()
		}
	}
	t.Fatal("the delay is not served")
	return 0, 0
}
