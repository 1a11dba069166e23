// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/gate"
)

func TestPace(t *testing.T) {
	const audit, warn, enforce = v1alpha1.ModeAudit, v1alpha1.ModeWarn, v1alpha1.ModeEnforce
	const compliant, none = v1alpha1.RequirementCompliant, v1alpha1.RequirementNone
	full := &v1alpha1.Strategy{
		Audit:   &v1alpha1.ModeStrategy{Require: none, Soak: hours(1)},
		Warn:    &v1alpha1.ModeStrategy{Soak: hours(2)},
		Enforce: &v1alpha1.EnforceStrategy{Soak: hours(24)},
	}
	for name, tc := range map[string]struct {
		strategy *v1alpha1.Strategy
		mode     v1alpha1.Mode
		require  v1alpha1.Requirement
		soak     time.Duration
	}{
		"no strategy, audit":                 {nil, audit, compliant, 0},
		"no strategy, warn":                  {nil, warn, compliant, 0},
		"no strategy, enforce":               {nil, enforce, compliant, 0},
		"an empty strategy, audit":           {&v1alpha1.Strategy{}, audit, compliant, 0},
		"an empty strategy, enforce":         {&v1alpha1.Strategy{}, enforce, compliant, 0},
		"audit has its own":                  {full, audit, none, time.Hour},
		"warn has its own":                   {full, warn, compliant, 2 * time.Hour},
		"enforce always requires compliance": {full, enforce, compliant, 24 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			s := &snapshot{rollout: platform(func(r *v1alpha1.PodSecurityRollout) { r.Spec.Strategy = tc.strategy })}
			if require, soak := s.pace(tc.mode); require != tc.require || soak != tc.soak {
				t.Errorf("requires %s and soaks %s, want %s and %s", require, soak, tc.require, tc.soak)
			}
		})
	}
}

func TestTurn(t *testing.T) {
	for name, tc := range map[string]struct {
		fleet *v1alpha1.FleetStatus
		want  gate.Turn
	}{
		"the fleet has said nothing": {nil, gate.Turn{}},
		"waiting": {
			&v1alpha1.FleetStatus{EnforceTurn: v1alpha1.EnforceTurnWaiting, WaitingFor: "wave dev"}, gate.Turn{WaitingFor: "wave dev"},
		},
		"granted": {
			&v1alpha1.FleetStatus{EnforceTurn: v1alpha1.EnforceTurnGranted, GrantedFor: "baseline:v1.37"},
			gate.Turn{Granted: true},
		},
		"granted for another rung": {
			&v1alpha1.FleetStatus{EnforceTurn: v1alpha1.EnforceTurnGranted, GrantedFor: "baseline:v1.36"},
			gate.Turn{},
		},
		"granted for no rung": {
			&v1alpha1.FleetStatus{EnforceTurn: v1alpha1.EnforceTurnGranted}, gate.Turn{},
		},
		"taken back": {
			&v1alpha1.FleetStatus{EnforceTurn: v1alpha1.EnforceTurnWaiting, GrantedFor: "baseline:v1.37"},
			gate.Turn{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := shopSnapshot(func(s *snapshot) { s.claim.Status.Fleet = tc.fleet })
			if diff := cmp.Diff(tc.want, s.turn(enforceBaseline)); diff != "" {
				t.Errorf("turn (-want +got):\n%s", diff)
			}
		})
	}
}

func TestHeldRollback(t *testing.T) {
	was := &v1alpha1.Rollback{Rung: "baseline:v1.37", RolloutGeneration: 4, ApprovalGeneration: 2}
	for name, tc := range map[string]struct {
		rollback *v1alpha1.Rollback
		change   func(*snapshot)
		want     bool
	}{
		"none":                            {nil, func(*snapshot) {}, false},
		"nothing has changed":             {was, func(*snapshot) {}, true},
		"the rollout's spec has changed":  {was, func(s *snapshot) { s.rollout.Generation = 5 }, false},
		"approved when it was taken back": {was, func(s *snapshot) { s.claim.Spec.ApprovedEnforce = "baseline:v1.37" }, true},
		"approved anew":                   {was, func(s *snapshot) { s.claim.Generation, s.claim.Spec.ApprovedEnforce = 3, "baseline:v1.37" }, false},
		"another rung is approved":        {was, func(s *snapshot) { s.claim.Generation, s.claim.Spec.ApprovedEnforce = 3, "restricted:v1.37" }, true},
		"the approval is taken away":      {was, func(s *snapshot) { s.claim.Generation = 3 }, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := shopSnapshot(tc.change).heldRollback(tc.rollback); got != tc.want {
				t.Errorf("held: %v, want %v", got, tc.want)
			}
			in, err := shopSnapshot(tc.change, func(s *snapshot) { s.claim.Status.Rollback = tc.rollback }).look()
			if err != nil {
				t.Fatal(err)
			}
			if kept := in.Rollback != nil; kept != tc.want {
				t.Errorf("kept in the status: %v, want %v", kept, tc.want)
			}
		})
	}
}
