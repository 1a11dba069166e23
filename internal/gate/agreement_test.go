// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"strings"
	"testing"
)

func TestAgree(t *testing.T) {
	violating := Evidence{Workloads: 2, Worst: "Deployment api: hostPort", Pods: 1, WorstPods: "Deployment web: privileged"}
	templates := Evidence{Workloads: 1, Worst: "CronJob report: hostPath"}
	const exempt = `namespace "shop" is exempt from Pod Security`
	for name, tc := range map[string]struct {
		evidence Evidence
		change   func(*Input)
		told     bool
		reason   string
		message  []string
	}{
		"not asked":            {Evidence{}, func(in *Input) { in.DryRun = nil }, false, "", nil},
		"nothing stricter":     {violating, func(in *Input) { in.Enforced = in.Rung.To }, false, "", nil},
		"an older version":     {Evidence{}, func(in *Input) { in.Enforced.Level, in.Enforced.Version = in.Rung.To.Level, v1_38 }, true, "Agrees", nil},
		"not synced":           {Evidence{}, func(in *Input) { in.Synced = false }, false, "", nil},
		"neither finds any":    {Evidence{}, func(*Input) {}, true, "Agrees", []string{"say the same"}},
		"both find some":       {violating, func(in *Input) { in.DryRun.Violations = []string{"web-0: privileged"} }, true, "Agrees", nil},
		"templates are no pod": {templates, func(*Input) {}, true, "Agrees", nil},
		"the server finds more": {
			templates, func(in *Input) { in.DryRun.Violations = []string{"web-0: privileged"} },
			true, "ServerStricter", []string{"the operator says: no pod violates", "The API server says: web-0: privileged"},
		},
		"the server finds more than it can tell": {
			Evidence{}, func(in *Input) {
				in.DryRun.Violations, in.DryRun.Inconclusive = []string{"web-0: privileged"}, "1 s is over"
			},
			true, "ServerStricter", nil,
		},
		"the server finds none": {
			violating, func(*Input) {},
			true, "ServerLaxer", []string{"pods violate, of Deployment web: privileged", "no pod violates. If it exempts", "--pod-security-config"},
		},
		"the server did not look at all":  {violating, func(in *Input) { in.DryRun.Partial = "the first 3000" }, false, "", nil},
		"the server could not tell":       {violating, func(in *Input) { in.DryRun.Inconclusive = "no list" }, false, "", nil},
		"nor where the operator is clean": {Evidence{}, func(in *Input) { in.DryRun.Inconclusive = "no list" }, false, "", nil},
		"an exemption nobody told of":     {violating, func(in *Input) { in.DryRun.Exempt = exempt }, true, "UndeclaredExemption", []string{exempt, "--pod-security-config"}},
		"an exemption that is known":      {violating, func(in *Input) { in.DryRun.Exempt, in.Exempt = exempt, true }, true, "Agrees", nil},
	} {
		t.Run(name, func(t *testing.T) {
			in := ready()
			in.Evidence = tc.evidence
			tc.change(&in)
			got, told := Agree(in)
			if told != tc.told || got.Reason != tc.reason || got.Disagrees != (tc.reason != "" && tc.reason != "Agrees") {
				t.Errorf("%+v, told %v; want %q, told %v", got, told, tc.reason, tc.told)
			}
			for _, words := range tc.message {
				if !strings.Contains(got.Message, words) {
					t.Errorf("message %q has no %q", got.Message, words)
				}
			}
		})
	}
}
