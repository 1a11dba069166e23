// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/fleet"
)

func TestAssign(t *testing.T) {
	older := func(changes ...func(*v1alpha1.PodSecurityRollout)) v1alpha1.PodSecurityRollout {
		r := platform(changes...)
		r.Name, r.UID, r.CreationTimestamp = "older", "uid-older", metav1.NewTime(morning.Add(-24*time.Hour))
		r.Spec.Targets[0].NamespaceSelector = &v1alpha1.NamespaceSelector{MatchLabels: map[string]string{"env": "prod"}}
		return *r
	}
	badSchedule := func(r *v1alpha1.PodSecurityRollout) {
		r.Spec.Strategy = &v1alpha1.Strategy{Budgets: []v1alpha1.Budget{{Namespaces: "1", Schedule: "x", Duration: hours(1)}}}
	}
	newer := func(r *v1alpha1.PodSecurityRollout) { r.Spec.Targets[0].Version = "v1.99" }
	exclude := func(r *v1alpha1.PodSecurityRollout) { r.Spec.ExcludedNamespaces = []string{"dev"} }
	going := func(r *v1alpha1.PodSecurityRollout) { r.DeletionTimestamp = &metav1.Time{Time: morning} }
	both := map[string]int{"dev": 0, "prod": 0}
	for name, tc := range map[string]struct {
		rollouts []v1alpha1.PodSecurityRollout
		reason   string
		want     fleet.Assignment
	}{
		"alone":                        {[]v1alpha1.PodSecurityRollout{*platform()}, "", fleet.Assignment{Targets: both}},
		"with exclusions":              {[]v1alpha1.PodSecurityRollout{*platform(exclude)}, "", fleet.Assignment{Targets: map[string]int{"prod": 0}}},
		"an older one has a share":     {[]v1alpha1.PodSecurityRollout{*platform(), older()}, "", fleet.Assignment{Targets: map[string]int{"dev": 0}, Conflicts: map[string]string{"prod": "older"}}},
		"a suspended older one too":    {[]v1alpha1.PodSecurityRollout{*platform(), older(suspend)}, "", fleet.Assignment{Targets: map[string]int{"dev": 0}, Conflicts: map[string]string{"prod": "older"}}},
		"a refused older one too":      {[]v1alpha1.PodSecurityRollout{*platform(), older(newer)}, "", fleet.Assignment{Targets: map[string]int{"dev": 0}, Conflicts: map[string]string{"prod": "older"}}},
		"an older one is about to go":  {[]v1alpha1.PodSecurityRollout{*platform(), older(going)}, "", fleet.Assignment{Targets: both}},
		"an older one cannot be read":  {[]v1alpha1.PodSecurityRollout{*platform(), older(badSchedule)}, "", fleet.Assignment{Targets: both}},
		"itself is refused":            {[]v1alpha1.PodSecurityRollout{*platform(newer)}, v1alpha1.ReasonVersionNotServed, fleet.Assignment{Targets: both}},
		"itself cannot be read":        {[]v1alpha1.PodSecurityRollout{*platform(badSchedule)}, v1alpha1.ReasonInvalidSpec, fleet.Assignment{}},
		"itself is gone":               {[]v1alpha1.PodSecurityRollout{older()}, "", fleet.Assignment{}},
		"itself is about to go":        {[]v1alpha1.PodSecurityRollout{*platform(going), older()}, "", fleet.Assignment{}},
		"itself is gone, with nothing": {nil, "", fleet.Assignment{}},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fleetSnapshot{name: "platform"}
			(&PodSecurityRolloutReconciler{Server: serves{served}}).assign(f, tc.rollouts, []fleet.Namespace{
				{Name: "dev", Labels: map[string]string{"env": "dev"}}, {Name: "prod", Labels: map[string]string{"env": "prod"}},
			})
			if f.accepted.Reason != tc.reason {
				t.Errorf("refused for %q, want %q", f.accepted.Reason, tc.reason)
			}
			for _, m := range []*map[string]string{&f.assigned.Conflicts, &tc.want.Conflicts} {
				if *m == nil {
					*m = map[string]string{}
				}
			}
			if len(f.assigned.Targets) == 0 {
				f.assigned.Targets = nil
			}
			if diff := cmp.Diff(tc.want, f.assigned); diff != "" {
				t.Errorf("assigned (-want +got):\n%s", diff)
			}
		})
	}
}

// Deleting a rollout in the foreground waits for none of its claims.
func TestOwnerReference(t *testing.T) {
	want := metav1.OwnerReference{
		APIVersion: "rollout.podsecurity.dev/v1alpha1", Kind: "PodSecurityRollout", Name: "platform", UID: "uid-platform", Controller: ptr.To(true),
	}
	if diff := cmp.Diff(want, ownerReference(platform())); diff != "" {
		t.Errorf("reference (-want +got):\n%s", diff)
	}
}
