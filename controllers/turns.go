// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	psaapi "k8s.io/pod-security-admission/api"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/fleet"
	"github.com/podsecurity-rollout/operator/internal/summary"
)

// claimsPage is how many claims are read at a time past the cache.
const claimsPage = 500

// giveTurns says in every claim which target it is by, and whether it has its
// turn. Before a turn is given or taken, the claims are read past the cache: the
// budget holds against what was written, not against what the cache shows.
func (r *PodSecurityRolloutReconciler) giveTurns(ctx context.Context, f *fleetSnapshot) error {
	if !f.accepted.OK {
		return nil
	}
	f.plan = f.strategy.Plan(f.members(r.Clock.Now()), r.Clock.Now())
	if f.turnsMove() {
		if err := r.confirm(ctx, f); err != nil {
			return err
		}
		if err := r.readClaims(ctx, f); err != nil {
			return err
		}
		if err := r.readReached(ctx, f); err != nil {
			return err
		}
		f.plan = f.strategy.Plan(f.members(r.Clock.Now()), r.Clock.Now())
	}
	return r.writeTurns(ctx, f)
}

// writeTurns writes what the fleet says in each claim. What is taken back is
// written before anything is given, and nothing is given while a claim that
// was to give its turn back has changed; otherwise one such claim does not keep
// the others waiting.
func (r *PodSecurityRolloutReconciler) writeTurns(ctx context.Context, f *fleetSnapshot) error {
	wanted := f.wanted()
	names := slices.Sorted(maps.Keys(wanted))
	given := func(name string) bool { return wanted[name].GrantedFor != "" }
	var stale error
	for _, giving := range []bool{false, true} {
		if giving && stale != nil {
			return stale
		}
		for _, name := range names {
			claim := f.claims[name]
			if given(name) != giving || ptr.Equal(claim.Status.Fleet, wanted[name]) {
				continue
			}
			_, err := applyStatus(ctx, r.Client, claim, v1alpha1.FleetFieldManager, &fleetStatus{claim.Status.Fleet}, &fleetStatus{wanted[name]})
			switch {
			case apierrors.IsConflict(err), apierrors.IsNotFound(err):
				stale = fmt.Errorf("%w: %w", errStale, err)
			case err != nil:
				return err
			}
		}
	}
	return stale
}

// confirm errs when the rollout is not what the API server has: turns are given
// by its waves and budgets.
func (r *PodSecurityRolloutReconciler) confirm(ctx context.Context, f *fleetSnapshot) error {
	rollout := &v1alpha1.PodSecurityRollout{}
	if err := r.Live.Get(ctx, client.ObjectKeyFromObject(f.rollout), rollout); err != nil {
		return err
	}
	if !same(rollout, f.rollout) {
		return fmt.Errorf("%w: PodSecurityRollout %s has changed", errStale, f.name)
	}
	return nil
}

// readClaims reads the rollout's claims as the API server has them now.
func (r *PodSecurityRolloutReconciler) readClaims(ctx context.Context, f *fleetSnapshot) error {
	claims := map[string]*v1alpha1.NamespaceRollout{}
	page := &v1alpha1.NamespaceRolloutList{}
	for {
		if err := r.Live.List(ctx, page, client.Limit(claimsPage), client.Continue(page.Continue)); err != nil {
			return fmt.Errorf("reading the claims before turns are given: %w", err)
		}
		for i := range page.Items {
			claims[page.Items[i].Namespace] = page.Items[i].DeepCopy()
		}
		if page.Continue == "" {
			f.claims = claims
			return nil
		}
	}
}

// readReached finds the namespaces that are at the rung they have their turn for,
// though their claims do not say so: the status that knows of the label is still to
// be written, or one that does not was written after it. They are in flight. A claim
// was read before its namespace, so what it says was written before the label can
// have been.
func (r *PodSecurityRolloutReconciler) readReached(ctx context.Context, f *fleetSnapshot) error {
	f.reached = map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(f.assigned.Targets)) {
		claim := f.mine(name)
		if claim == nil || !mayHaveClimbed(claim.Status) {
			continue
		}
		ns := &corev1.Namespace{}
		if err := r.Live.Get(ctx, client.ObjectKey{Name: name}, ns); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("reading namespace %q before turns are given: %w", name, err)
		}
		enforce := ns.Labels[psaapi.EnforceLevelLabel] + ":" + ns.Labels[psaapi.EnforceVersionLabel]
		f.reached[name] = enforce == string(claim.Status.Fleet.GrantedFor)
	}
	return nil
}

// mayHaveClimbed is whether a namespace has its turn for its next rung and is in a
// state in which it gives it back.
func mayHaveClimbed(s v1alpha1.NamespaceRolloutStatus) bool {
	return turnFor(s) != "" && memberOf(fleet.Namespace{}, s, time.Time{}, false).Granted == ""
}

// turnFor answers the next rung if it is the one that the namespace has its turn for.
func turnFor(s v1alpha1.NamespaceRolloutStatus) v1alpha1.LevelVersion {
	f := s.Fleet
	if f == nil || f.EnforceTurn != v1alpha1.EnforceTurnGranted || s.Next == nil || s.Next.Mode != v1alpha1.ModeEnforce || f.GrantedFor != s.Next.To {
		return ""
	}
	return f.GrantedFor
}

// mine answers the claim of a namespace if it is the rollout's.
func (f *fleetSnapshot) mine(name string) *v1alpha1.NamespaceRollout {
	claim := f.claims[name]
	if claim == nil || !ownedBy(claim, f.rollout) || !claim.DeletionTimestamp.IsZero() {
		return nil
	}
	return claim
}

// members answers the rollout's namespaces as their turns depend on them.
func (f *fleetSnapshot) members(now time.Time) []fleet.Member {
	var members []fleet.Member
	for name := range f.assigned.Targets {
		if claim := f.mine(name); claim != nil {
			members = append(members, memberOf(fleetNamespace(f.namespaces[name]), claim.Status, now, f.reached[name]))
		}
	}
	return members
}

// memberOf reads what a namespace's status says of its turn. A turn given stays
// as long as the namespace may be about to use it, or has reached the rung and not
// said so.
func memberOf(ns fleet.Namespace, s v1alpha1.NamespaceRolloutStatus, now time.Time, reached bool) fleet.Member {
	state, _ := summary.State(s)
	m := fleet.Member{
		Namespace: ns,
		Complete:  meta.IsStatusConditionTrue(s.Conditions, v1alpha1.ConditionComplete),
		Exempt:    state == v1alpha1.ReasonExempt,
		Baking:    s.BakeUntil != nil && now.Before(s.BakeUntil.Time),
		Rejecting: meta.IsStatusConditionTrue(s.Conditions, v1alpha1.ConditionRejecting),
	}
	if s.Next == nil || s.Next.Mode != v1alpha1.ModeEnforce {
		return m
	}
	if state == v1alpha1.ReasonAwaitingTurn || state == v1alpha1.ReasonClimbing {
		m.Wants = s.Next.To // climbing without a turn is asking for one
	}
	if usesTurn[state] || reached {
		m.Granted = turnFor(s)
	}
	return m
}

// usesTurn are the states in which a namespace may be about to climb by the turn
// it has. In any other it has climbed, or something holds it: the turn goes to
// the next.
var usesTurn = map[string]bool{
	v1alpha1.ReasonAwaitingTurn:    true,
	v1alpha1.ReasonClimbing:        true,
	v1alpha1.ReasonInconclusive:    true,
	v1alpha1.ReasonServerDisagrees: true,
}

// wanted answers what the fleet says in each claim.
func (f *fleetSnapshot) wanted() map[string]*v1alpha1.FleetStatus {
	wanted := map[string]*v1alpha1.FleetStatus{}
	for name, turn := range f.plan.Turns {
		want := &v1alpha1.FleetStatus{
			Target: f.rollout.Spec.Targets[f.assigned.Targets[name]].Name, Wave: turn.Wave,
			WaitingFor: turn.WaitingFor, GrantedFor: turn.Granted,
		}
		switch {
		case turn.Granted != "":
			want.EnforceTurn = v1alpha1.EnforceTurnGranted
		case turn.WaitingFor != "":
			want.EnforceTurn = v1alpha1.EnforceTurnWaiting
		}
		wanted[name] = want
	}
	return wanted
}

// turnsMove is whether the plan gives or takes a turn.
func (f *fleetSnapshot) turnsMove() bool {
	for name, want := range f.wanted() {
		have := f.claims[name].Status.Fleet
		if have == nil {
			have = &v1alpha1.FleetStatus{}
		}
		if have.GrantedFor != want.GrantedFor {
			return true
		}
	}
	return false
}
