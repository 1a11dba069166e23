// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/types"
	psaapi "k8s.io/pod-security-admission/api"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

// TestSpecs makes sure that what is remembered of a spec is never that of
// another spec, rollout or server.
func TestSpecs(t *testing.T) {
	refusedAt := func(uid types.UID, generation int64) *v1alpha1.PodSecurityRollout {
		return platform(func(r *v1alpha1.PodSecurityRollout) {
			r.UID, r.Generation, r.Spec.Targets[0].Version = uid, generation, "v1.37"
		})
	}
	old, now := psaapi.MajorMinorVersion(1, 36), served
	for name, tc := range map[string]struct {
		then       *v1alpha1.PodSecurityRollout
		server     psaapi.Version
		wantReason string
	}{
		"the same":        {refusedAt("a", 1), old, v1alpha1.ReasonVersionNotServed},
		"another server":  {refusedAt("a", 1), now, ""},
		"another spec":    {platform(func(r *v1alpha1.PodSecurityRollout) { r.UID, r.Generation = "a", 2 }), old, ""},
		"another rollout": {platform(func(r *v1alpha1.PodSecurityRollout) { r.UID, r.Generation = "b", 1 }), old, ""},
		"an invalid schedule": {platform(func(r *v1alpha1.PodSecurityRollout) {
			r.UID, r.Generation = "a", 2
			r.Spec.Strategy = &v1alpha1.Strategy{Budgets: []v1alpha1.Budget{{Namespaces: "0", Schedule: "never", Duration: hours(1)}}}
		}), old, v1alpha1.ReasonInvalidSpec},
	} {
		t.Run(name, func(t *testing.T) {
			var s specs
			if _, first := s.accept(refusedAt("a", 1), old); first.Reason != v1alpha1.ReasonVersionNotServed {
				t.Fatalf("reason %q, want %q", first.Reason, v1alpha1.ReasonVersionNotServed)
			}
			for range 2 {
				if _, got := s.accept(tc.then, tc.server); got.Reason != tc.wantReason {
					t.Errorf("reason %q, want %q", got.Reason, tc.wantReason)
				}
			}
		})
	}
}

func TestSpecsAreBounded(t *testing.T) {
	var s specs
	for i := range 3 * mostSpecs {
		r := platform(func(r *v1alpha1.PodSecurityRollout) { r.UID = types.UID(fmt.Sprint(i)) })
		if _, accepted := s.accept(r, served); !accepted.OK {
			t.Fatalf("rollout %d is not accepted: %s", i, accepted.Message)
		}
		if len(s.made) > mostSpecs {
			t.Fatalf("%d specs are remembered, want at most %d", len(s.made), mostSpecs)
		}
	}
}
