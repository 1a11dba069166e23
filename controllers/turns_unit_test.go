// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/fleet"
)

// stateOf is a status at a state, with a next rung.
func stateOf(reason string, next v1alpha1.Mode) v1alpha1.NamespaceRolloutStatus {
	return v1alpha1.NamespaceRolloutStatus{
		Conditions: []metav1.Condition{{Type: v1alpha1.ConditionProgressing, Reason: reason}},
		Next:       &v1alpha1.Rung{Mode: next, To: "baseline:v1.37"},
	}
}

// grantedFor has the turn for a rung.
func grantedFor(rung v1alpha1.LevelVersion, s v1alpha1.NamespaceRolloutStatus) v1alpha1.NamespaceRolloutStatus {
	s.Fleet = &v1alpha1.FleetStatus{EnforceTurn: v1alpha1.EnforceTurnGranted, GrantedFor: rung}
	return s
}

func conditionTrue(types ...string) v1alpha1.NamespaceRolloutStatus {
	var s v1alpha1.NamespaceRolloutStatus
	for _, kind := range types {
		s.Conditions = append(s.Conditions, metav1.Condition{Type: kind, Status: metav1.ConditionTrue})
	}
	return s
}

func TestMemberOf(t *testing.T) {
	const enforce, rung = v1alpha1.ModeEnforce, v1alpha1.LevelVersion("baseline:v1.37")
	bakes := func(after time.Duration) v1alpha1.NamespaceRolloutStatus {
		return v1alpha1.NamespaceRolloutStatus{BakeUntil: &metav1.Time{Time: morning.Add(after)}}
	}
	takenBack := grantedFor(rung, stateOf(v1alpha1.ReasonAwaitingTurn, enforce))
	takenBack.Fleet.EnforceTurn = v1alpha1.EnforceTurnWaiting
	for name, tc := range map[string]struct {
		status v1alpha1.NamespaceRolloutStatus
		want   fleet.Member
	}{
		"nothing was written yet":            {v1alpha1.NamespaceRolloutStatus{}, fleet.Member{}},
		"complete":                           {conditionTrue(v1alpha1.ConditionComplete), fleet.Member{Complete: true}},
		"complete, and then refused":         {conditionTrue(v1alpha1.ConditionComplete, v1alpha1.ConditionRejecting), fleet.Member{Complete: true, Rejecting: true}},
		"exempt":                             {stateOf(v1alpha1.ReasonExempt, enforce), fleet.Member{Exempt: true}},
		"baking":                             {bakes(time.Second), fleet.Member{Baking: true}},
		"the bake is over":                   {bakes(0), fleet.Member{}},
		"asks for its turn":                  {stateOf(v1alpha1.ReasonClimbing, enforce), fleet.Member{Wants: rung}},
		"wants its turn":                     {stateOf(v1alpha1.ReasonAwaitingTurn, enforce), fleet.Member{Wants: rung}},
		"soaks before it wants one":          {stateOf(v1alpha1.ReasonSoaking, enforce), fleet.Member{}},
		"a rung of warn takes no turn":       {stateOf(v1alpha1.ReasonAwaitingTurn, v1alpha1.ModeWarn), fleet.Member{}},
		"has its turn, and did not see it":   {grantedFor(rung, stateOf(v1alpha1.ReasonAwaitingTurn, enforce)), fleet.Member{Wants: rung, Granted: rung}},
		"has its turn, and is about to go":   {grantedFor(rung, stateOf(v1alpha1.ReasonClimbing, enforce)), fleet.Member{Wants: rung, Granted: rung}},
		"has its turn, the server disagrees": {grantedFor(rung, stateOf(v1alpha1.ReasonServerDisagrees, enforce)), fleet.Member{Granted: rung}},
		"has its turn, nothing can be told":  {grantedFor(rung, stateOf(v1alpha1.ReasonInconclusive, enforce)), fleet.Member{Granted: rung}},
		"has its turn, and violates":         {grantedFor(rung, stateOf(v1alpha1.ReasonViolations, enforce)), fleet.Member{}},
		"has its turn, and soaks again":      {grantedFor(rung, stateOf(v1alpha1.ReasonSoaking, enforce)), fleet.Member{}},
		"has its turn, and is suspended":     {grantedFor(rung, stateOf(v1alpha1.ReasonSuspended, enforce)), fleet.Member{}},
		"has its turn, and was refused":      {grantedFor(rung, stateOf(v1alpha1.ReasonWriteRefused, enforce)), fleet.Member{}},
		"had its turn, and climbed":          {grantedFor(rung, conditionTrue(v1alpha1.ConditionComplete)), fleet.Member{Complete: true}},
		"had its turn for another rung":      {grantedFor("baseline:v1.36", stateOf(v1alpha1.ReasonAwaitingTurn, enforce)), fleet.Member{Wants: rung}},
		"had its turn for enforce, now warn": {grantedFor(rung, stateOf(v1alpha1.ReasonClimbing, v1alpha1.ModeWarn)), fleet.Member{}},
		"its turn was taken back":            {takenBack, fleet.Member{Wants: rung}},
	} {
		t.Run(name, func(t *testing.T) {
			ns := fleet.Namespace{Name: "shop", Labels: map[string]string{"env": "dev"}}
			tc.want.Namespace = ns
			if diff := cmp.Diff(tc.want, memberOf(ns, tc.status, morning, false)); diff != "" {
				t.Errorf("member (-want +got):\n%s", diff)
			}
		})
	}
}

// A turn that was used stays until the namespace says so, whatever it says meanwhile.
func TestAUsedTurnStays(t *testing.T) {
	const rung = v1alpha1.LevelVersion("baseline:v1.37")
	for _, state := range []string{v1alpha1.ReasonSuspended, v1alpha1.ReasonVersionNotServed, v1alpha1.ReasonWriteRefused, v1alpha1.ReasonViolations} {
		s := grantedFor(rung, stateOf(state, v1alpha1.ModeEnforce))
		if !mayHaveClimbed(s) {
			t.Errorf("%s: the namespace is not looked at", state)
		}
		if m := memberOf(fleet.Namespace{}, s, morning, true); m.Granted != rung {
			t.Errorf("%s: the turn is %q, want it to stay", state, m.Granted)
		}
	}
	for name, s := range map[string]v1alpha1.NamespaceRolloutStatus{
		"has no turn":          stateOf(v1alpha1.ReasonSuspended, v1alpha1.ModeEnforce),
		"keeps it":             grantedFor(rung, stateOf(v1alpha1.ReasonClimbing, v1alpha1.ModeEnforce)),
		"has said so":          grantedFor(rung, conditionTrue(v1alpha1.ConditionComplete)),
		"had it for another":   grantedFor("baseline:v1.36", stateOf(v1alpha1.ReasonSuspended, v1alpha1.ModeEnforce)),
		"had it, next is warn": grantedFor(rung, stateOf(v1alpha1.ReasonSuspended, v1alpha1.ModeWarn)),
	} {
		if mayHaveClimbed(s) {
			t.Errorf("%s, and is looked at", name)
		}
	}
}

// fleetOfThree is a look at a rollout to which a and b belong, and c's claim is
// another's.
func fleetOfThree() *fleetSnapshot {
	mine := platform(func(r *v1alpha1.PodSecurityRollout) {
		r.Spec.Targets = append([]v1alpha1.Target{{Name: "first"}}, r.Spec.Targets...)
	})
	other := platform(func(r *v1alpha1.PodSecurityRollout) { r.Name, r.UID = "other", "uid-other" })
	f := &fleetSnapshot{
		name: "platform", rollout: mine, namespaces: map[string]*corev1.Namespace{},
		claims: map[string]*v1alpha1.NamespaceRollout{
			"a": claimBy(mine, "a", stateOf(v1alpha1.ReasonAwaitingTurn, v1alpha1.ModeEnforce)),
			"b": claimBy(mine, "b", v1alpha1.NamespaceRolloutStatus{}),
			"c": claimBy(other, "c", v1alpha1.NamespaceRolloutStatus{}),
		},
		assigned: fleet.Assignment{Targets: map[string]int{"a": 1, "b": 0, "c": 0, "d": 0}},
	}
	for name := range f.assigned.Targets {
		f.namespaces[name] = &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"name": name}}}
	}
	return f
}

// Only what the rollout has claimed takes part: not what is still another's, is
// about to go, or has no claim yet.
func TestMembers(t *testing.T) {
	f := fleetOfThree()
	members := map[string]fleet.Member{}
	for _, m := range f.members(morning) {
		members[m.Name] = m
	}
	want := map[string]fleet.Member{
		"a": {Namespace: fleet.Namespace{Name: "a", Labels: map[string]string{"name": "a"}}, Wants: "baseline:v1.37"},
		"b": {Namespace: fleet.Namespace{Name: "b", Labels: map[string]string{"name": "b"}}},
	}
	if diff := cmp.Diff(want, members); diff != "" {
		t.Errorf("members (-want +got):\n%s", diff)
	}
	f.claims["a"].DeletionTimestamp = &metav1.Time{Time: morning}
	if got := f.members(morning); len(got) != 1 {
		t.Errorf("%d members, want the one whose claim stays", len(got))
	}
}

func TestWanted(t *testing.T) {
	const granted, waiting = v1alpha1.EnforceTurnGranted, v1alpha1.EnforceTurnWaiting
	f := fleetOfThree()
	f.plan = fleet.Plan{Turns: map[string]fleet.Turn{
		"a": {Granted: "baseline:v1.37", Wave: "dev"}, "b": {WaitingFor: "wave dev", Wave: "prod"}, "c": {Wave: "prod"},
	}}
	want := map[string]*v1alpha1.FleetStatus{
		"a": {Target: "everyone", Wave: "dev", EnforceTurn: granted, GrantedFor: "baseline:v1.37"},
		"b": {Target: "first", Wave: "prod", EnforceTurn: waiting, WaitingFor: "wave dev"},
		"c": {Target: "first", Wave: "prod"}, // it asks for none
	}
	if diff := cmp.Diff(want, f.wanted()); diff != "" {
		t.Errorf("wanted (-want +got):\n%s", diff)
	}
}

// The claims are read past the cache before a turn is given or taken, and not
// for anything else that the fleet says.
func TestTurnsMove(t *testing.T) {
	for name, tc := range map[string]struct {
		have *v1alpha1.FleetStatus
		plan fleet.Turn
		want bool
	}{
		"the first word":           {nil, fleet.Turn{WaitingFor: "wave dev"}, false},
		"waits for something else": {&v1alpha1.FleetStatus{Wave: "dev", WaitingFor: "wave dev"}, fleet.Turn{WaitingFor: "budget 1"}, false},
		"given with the first":     {nil, fleet.Turn{Granted: "baseline:v1.37"}, true},
		"given":                    {&v1alpha1.FleetStatus{WaitingFor: "wave dev"}, fleet.Turn{Granted: "baseline:v1.37"}, true},
		"stays":                    {&v1alpha1.FleetStatus{GrantedFor: "baseline:v1.37"}, fleet.Turn{Granted: "baseline:v1.37"}, false},
		"taken":                    {&v1alpha1.FleetStatus{GrantedFor: "baseline:v1.37"}, fleet.Turn{}, true},
		"given for the next":       {&v1alpha1.FleetStatus{GrantedFor: "baseline:v1.37"}, fleet.Turn{Granted: "restricted:v1.37"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			f := fleetOfThree()
			f.claims["b"].Status.Fleet = tc.have
			f.plan = fleet.Plan{Turns: map[string]fleet.Turn{"a": {}, "b": tc.plan}}
			if got := f.turnsMove(); got != tc.want {
				t.Errorf("turns move: %v, want %v", got, tc.want)
			}
		})
	}
}
