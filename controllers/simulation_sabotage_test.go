// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"maps"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	psaapi "k8s.io/pod-security-admission/api"
	"k8s.io/utils/ptr"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/ladder"
	"github.com/podsecurity-rollout/operator/internal/nslabels"
)

// sabotage breaks the operator on purpose, where it touches the world: what one
// of its safeguards would see or send is another than it is. The product's code
// runs as it is, and the checker, which looks at the world, has to notice.
type sabotage struct {
	// ignoreViolations: rule 5 and the dry run see none.
	ignoreViolations bool
	// skipConfirm: the look past the cache shows what the cache showed.
	skipConfirm bool
	// ignoreResourceVersion: the label write has no precondition.
	ignoreResourceVersion bool
	// staleTurns: turns are given from the cache, without a precondition.
	staleTurns bool
	// forgetRollback: a rollback that was decided is not remembered.
	forgetRollback bool
	// ignoreSuspend, ignoreExcluded: the operator does not see these fields.
	ignoreSuspend, ignoreExcluded bool
	// forgetLastRung: it does not see when it last wrote a label.
	forgetLastRung bool
	// forgetDeparted: what came and went is not remembered.
	forgetDeparted bool
	// forgetBake: it does not see that a namespace bakes.
	forgetBake bool
	// anyApproval: it takes any approval for that of the pending rung.
	anyApproval bool
	// ownTurn: it takes the turn without the fleet.
	ownTurn bool
	// loseRecord: the status that records a climb is not written.
	loseRecord bool
	// twoModes, twoLevels, otherLabel, oldVersion: the write says more than the
	// rung, or less.
	twoModes, twoLevels, otherLabel, oldVersion bool
	// rollbackTooFar: a rollback goes all the way down.
	rollbackTooFar bool
	// restless: what it counts is never the same.
	restless bool
}

func (s sabotage) rollout(r *v1alpha1.PodSecurityRollout) *v1alpha1.PodSecurityRollout {
	if r == nil || !s.ignoreSuspend && !s.ignoreExcluded {
		return r
	}
	out := *r
	if s.ignoreSuspend {
		out.Spec.Suspend, out.Spec.Mode = nil, v1alpha1.RolloutModeApply
	}
	if s.ignoreExcluded {
		out.Spec.ExcludedNamespaces = nil
	}
	return &out
}

func (s sabotage) namespace(ns *corev1.Namespace) *corev1.Namespace {
	if ns == nil || !s.forgetLastRung {
		return ns
	}
	out := *ns
	out.ManagedFields = nil
	for _, entry := range ns.ManagedFields {
		if entry.Manager == v1alpha1.FieldManager {
			entry.Time = &metav1.Time{Time: began}
		}
		out.ManagedFields = append(out.ManagedFields, entry)
	}
	return &out
}

func (s sabotage) claim(claim *v1alpha1.NamespaceRollout) *v1alpha1.NamespaceRollout {
	if claim == nil || !s.forgetRollback && !s.forgetBake && !s.anyApproval && !s.ownTurn {
		return claim
	}
	out := *claim
	if s.forgetRollback {
		out.Status.Rollback = nil
	}
	if s.forgetBake {
		out.Status.BakeUntil = nil
	}
	s.letGo(&out)
	return &out
}

// letGo has a claim say that its next rung may go.
func (s sabotage) letGo(claim *v1alpha1.NamespaceRollout) {
	next := claim.Status.Next
	if next == nil {
		return
	}
	if s.anyApproval && claim.Spec.ApprovedEnforce != "" {
		claim.Spec.ApprovedEnforce = string(next.To)
	}
	if s.ownTurn {
		claim.Status.Fleet = ptr.To(fleetOf(claim))
		claim.Status.Fleet.EnforceTurn, claim.Status.Fleet.GrantedFor = v1alpha1.EnforceTurnGranted, next.To
	}
}

// labels changes what a rung is about to write.
func (s sabotage) labels(r ladder.Rung, labels map[string]string) {
	other := v1alpha1.ModeWarn
	if r.Mode == other {
		other = v1alpha1.ModeAudit
	}
	down := psaapi.CompareLevels(r.To.Level, r.From.Level) < 0
	switch {
	case s.twoModes:
		maps.Copy(labels, nslabels.Wanted(ladder.Rung{Mode: other, To: r.To}))
	case s.twoLevels:
		r.To.Level = psaapi.LevelRestricted
		maps.Copy(labels, nslabels.Wanted(r))
	case s.otherLabel:
		labels["env"] = "prod"
	case s.oldVersion:
		r.To.Version = psaapi.MajorMinorVersion(1, 20)
		maps.Copy(labels, nslabels.Wanted(r))
	case s.rollbackTooFar && down:
		r.To.Level = psaapi.LevelPrivileged
		maps.Copy(labels, nslabels.Wanted(r))
	}
}

// turnVersion is the precondition of a write of turns.
func (s sabotage) turnVersion(version string) string {
	if s.staleTurns {
		return ""
	}
	return version
}

// loseStatus is whether a status write is lost.
func (s sabotage) loseStatus(before, after v1alpha1.NamespaceRolloutStatus) bool {
	return s.loseRecord && len(after.History) > len(before.History) && len(after.History)%2 == 0
}

// sabotages are the safeguards that are broken, each with the promises that this
// breaks, the first of which must be seen broken within so many fleets.
var sabotages = map[string]struct {
	sabotage
	breaks []string
	within uint64
	// from is where to begin to look for a break that few fleets show.
	from uint64
}{
	"violations are not seen":                     {sabotage{ignoreViolations: true}, []string{invariantCompliance}, 10, 1},
	"a write sets another mode, too":              {sabotage{twoModes: true}, []string{invariantOneStep}, 10, 1},
	"a write goes up by two levels":               {sabotage{twoLevels: true}, []string{invariantOneStep}, 10, 1},
	"a write is made on whatever there is by now": {sabotage{ignoreResourceVersion: true}, []string{invariantOneStep}, 10, 1},
	"a write sets an old version":                 {sabotage{oldVersion: true}, []string{invariantNeverLower, invariantCompliance}, 10, 1},
	"a rollback goes all the way down":            {sabotage{rollbackTooFar: true}, []string{invariantNeverLower}, 400, 1},
	"a rollback is forgotten": {
		sabotage{forgetRollback: true}, []string{invariantNeverLower, invariantCompliance, invariantConvergence, promiseSoak}, 200, 1,
	},
	"a write sets another label":                          {sabotage{otherLabel: true}, []string{invariantOnlyLabels}, 10, 1},
	"exclusions are not seen":                             {sabotage{ignoreExcluded: true}, []string{invariantOwnOnly}, 10, 1},
	"a suspension is not seen":                            {sabotage{ignoreSuspend: true}, []string{invariantActive}, 50, 1},
	"nothing is looked at past the cache":                 {sabotage{skipConfirm: true}, []string{invariantActive, invariantOwnOnly}, 50, 1},
	"turns are given from the cache, on any version":      {sabotage{staleTurns: true}, []string{invariantBudget, promiseHold}, 4000, 400},
	"a bake is not seen":                                  {sabotage{forgetBake: true}, []string{invariantBudget, invariantConvergence}, 50, 1},
	"a climb is not recorded":                             {sabotage{loseRecord: true}, []string{invariantConvergence, invariantNeverLower}, 10, 1},
	"what is counted is never the same":                   {sabotage{restless: true}, []string{invariantConvergence}, 10, 1},
	"it is forgotten when the last rung was written":      {sabotage{forgetLastRung: true}, []string{promiseSoak, invariantBudget, invariantConvergence}, 50, 1},
	"what came and went is forgotten":                     {sabotage{forgetDeparted: true}, []string{promiseSoak}, 400, 1},
	"any approval counts as that of the pending rung":     {sabotage{anyApproval: true}, []string{promiseApproval}, 50, 1},
	"a namespace takes its turn without asking the fleet": {sabotage{ownTurn: true}, []string{promiseTurn, promiseHold}, 50, 1},
}

// TestSimulationCatchesSabotage makes sure that the checker is awake: each break
// is found, and as the break that it is.
func TestSimulationCatchesSabotage(t *testing.T) {
	prepare(t)
	for name, tc := range sabotages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := tc.from; seed < tc.from+tc.within; seed++ {
				found := simulate(seed, tc.sabotage, nil).check.found
				if len(found) == 0 {
					continue
				}
				if !slices.Contains(tc.breaks, found[0].promise) {
					t.Fatalf("seed %d: %s, want %v: %s", seed, found[0].promise, tc.breaks, found[0].how)
				}
				if found[0].promise == tc.breaks[0] {
					t.Logf("seed %d: %s: %s", seed, found[0].promise, found[0].how)
					return
				}
			}
			t.Errorf("in %d fleets, nobody noticed that %s is broken", tc.within, tc.breaks[0])
		})
	}
}
