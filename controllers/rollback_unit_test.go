// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/ladder"
	"github.com/podsecurity-rollout/operator/internal/summary"
)

func TestRollback(t *testing.T) {
	asked := func(s *snapshot) {
		enforcing(v1alpha1.EnforceStrategy{OnRejection: v1alpha1.RejectionRollback, Bake: hours(1)})(s.rollout)
	}
	decided := &v1alpha1.Rollback{
		Rung: "baseline:v1.37", To: "privileged:v1.37", Time: metav1.NewTime(morning.Add(-5 * time.Minute)), Message: "api was refused",
		RolloutGeneration: 4, ApprovalGeneration: 2,
	}
	record := &v1alpha1.Rollback{
		Rung: "baseline:v1.37", To: "privileged:v1.37", Time: metav1.NewTime(morning),
		Message: "Pods of Deployment web are refused: violates PodSecurity", RolloutGeneration: 4, ApprovalGeneration: 2,
	}
	earlier := *decided
	earlier.Time = metav1.NewTime(morning.Add(-time.Hour))
	was := func(r *v1alpha1.Rollback) func(*snapshot) { return func(s *snapshot) { s.claim.Status.Rollback = r } }
	for name, tc := range map[string]struct {
		changes []func(*snapshot)
		want    *v1alpha1.Rollback
	}{
		"refused while baking":             {[]func(*snapshot){asked, refusing}, record},
		"nobody is refused":                {[]func(*snapshot){asked}, nil},
		"the strategy is to hold":          {[]func(*snapshot){refusing}, nil},
		"the bake is over":                 {[]func(*snapshot){asked, refusing, enforced(time.Hour + time.Second)}, nil},
		"decided, and to be finished":      {[]func(*snapshot){asked, was(decided)}, decided},
		"decided, though the bake is over": {[]func(*snapshot){asked, was(decided), enforced(2 * time.Hour)}, decided},
		"decided for the rung before":      {[]func(*snapshot){asked, refusing, was(&earlier)}, record},
		"no rung is known":                 {[]func(*snapshot){asked, refusing, func(s *snapshot) { s.claim.Status.History = nil }}, nil},
		"suspended":                        {[]func(*snapshot){asked, refusing, func(s *snapshot) { suspend(s.rollout) }}, nil},
		"observing":                        {[]func(*snapshot){asked, refusing, func(s *snapshot) { s.rollout.Spec.Mode = v1alpha1.RolloutModeObserve }}, nil},
		"terminating":                      {[]func(*snapshot){asked, refusing, func(s *snapshot) { s.namespace.DeletionTimestamp = &metav1.Time{Time: morning} }}, nil},
		"somebody set the very rung again": {[]func(*snapshot){asked, refusing, func(s *snapshot) {
			s.namespace = labelled(applied("kubectl-label"), "audit=baseline:v1.37", "warn=baseline:v1.37", "enforce=baseline:v1.37")
		}}, nil},
		"somebody else applies it as well": {[]func(*snapshot){asked, refusing, func(s *snapshot) {
			s.namespace.ManagedFields = append(s.namespace.ManagedFields, labelled(applied("argocd"), "enforce=baseline:v1.37").ManagedFields...)
		}}, nil},
		"somebody else moved enforce": {[]func(*snapshot){asked, refusing, func(s *snapshot) { s.namespace.Labels["pod-security.kubernetes.io/enforce"] = "restricted" }}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := shopSnapshot(append([]func(*snapshot){enforced(10 * time.Minute)}, tc.changes...)...)
			in, err := s.look()
			if err != nil {
				t.Fatal(err)
			}
			step, got, err := s.rollback(in)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("record (-want +got):\n%s", diff)
			}
			var want *ladder.Rung
			if tc.want != nil {
				want = &ladder.Rung{Mode: v1alpha1.ModeEnforce, From: baselinePinned, To: privilegedPinned}
			}
			if diff := cmp.Diff(want, step, allowVersions); diff != "" {
				t.Errorf("step (-want +got):\n%s", diff)
			}
		})
	}
}

// What cannot be read is no reason to lower a level.
func TestRollbackErrs(t *testing.T) {
	for name, change := range map[string]func(*snapshot){
		"from":          func(s *snapshot) { s.claim.Status.History[0].From = "lenient" },
		"to":            func(s *snapshot) { s.claim.Status.History[0].To = "strict:v1.37" },
		"managedFields": unreadable,
	} {
		t.Run(name, func(t *testing.T) {
			s := shopSnapshot(enforced(time.Minute), change)
			if step, record, err := s.rollback(summary.NamespaceInput{Now: morning}); err == nil || step != nil || record != nil {
				t.Errorf("step %v, record %v, error %v; want an error alone", step, record, err)
			}
		})
	}
}
