// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
)

func TestSetReports(t *testing.T) {
	for kind, tc := range map[string]struct {
		want bool
		err  string
	}{
		"openreports":   {true, ""},
		"":              {false, ""},
		"policyreports": {false, `no kind of reports is called "policyreports"`},
	} {
		t.Run(kind, func(t *testing.T) {
			var write bool
			err := setReports(&write)(kind)
			if write != tc.want || (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
				t.Errorf("it writes: %v, %v, want %v, %q", write, err, tc.want, tc.err)
			}
		})
	}
}
