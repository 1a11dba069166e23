// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"testing"
	"time"
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
