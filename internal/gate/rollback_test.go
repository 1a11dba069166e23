// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"testing"

	psaapi "k8s.io/pod-security-admission/api"

	"github.com/podsecurity-rollout/operator/internal/ladder"
)

func TestRollback(t *testing.T) {
	privileged := psaapi.LevelVersion{Level: psaapi.LevelPrivileged, Version: latest}
	baseline := psaapi.LevelVersion{Level: psaapi.LevelBaseline, Version: v1_37}
	restricted := psaapi.LevelVersion{Level: psaapi.LevelRestricted, Version: v1_37}
	rejected := func() RollbackInput {
		return RollbackInput{
			Asked: true, Active: true, Baking: true, Rejecting: true, Ours: true, InForce: baseline,
			Last: &ladder.Rung{Mode: "enforce", From: privileged, To: baseline},
		}
	}
	for name, tc := range map[string]struct {
		change func(*RollbackInput)
		want   string
	}{
		"rejected while baking":           {func(*RollbackInput) {}, "enforce=privileged:v1.37"},
		"back to the level before":        {func(in *RollbackInput) { in.Last.From, in.Last.To, in.InForce = baseline, restricted, restricted }, "enforce=baseline:v1.37"},
		"not asked for":                   {func(in *RollbackInput) { in.Asked = false }, ""},
		"suspended or observing":          {func(in *RollbackInput) { in.Active = false }, ""},
		"the bake is over":                {func(in *RollbackInput) { in.Baking = false }, ""},
		"nothing was refused":             {func(in *RollbackInput) { in.Rejecting = false }, ""},
		"somebody else changed enforce":   {func(in *RollbackInput) { in.InForce = restricted }, ""},
		"somebody else owns enforce":      {func(in *RollbackInput) { in.Owners = []Owner{{Manager: "argocd"}} }, ""},
		"somebody set enforce again":      {func(in *RollbackInput) { in.Ours = false }, ""},
		"no enforce rung is known":        {func(in *RollbackInput) { in.Last = nil }, ""},
		"decided before and not finished": {func(in *RollbackInput) { in.Decided, in.Baking, in.Rejecting = true, false, false }, "enforce=privileged:v1.37"},
		"decided before, now suspended":   {func(in *RollbackInput) { in.Decided, in.Active = true, false }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			in := rejected()
			tc.change(&in)
			got, ok := Rollback(in)
			if ok != (tc.want != "") || ok && got.String() != tc.want {
				t.Errorf("got %q, %v; want %q", got.String(), ok, tc.want)
			}
		})
	}
}
