// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/test/controlplane"
	"github.com/podsecurity-rollout/operator/test/e2e/await"
)

const (
	fleetSize   = 30
	fleetBudget = 3
	fleetBake   = 2 * time.Second
)

// TestInterrupted is what holds when the operator is killed, or stopped, at any
// time.
func TestInterrupted(t *testing.T) {
	need(t)
	t.Parallel()
	where := ownSite(t, controlplane.Options{})
	t.Run("budget", func(t *testing.T) {
		t.Parallel()
		fleetWithinBudget(t, where)
	})
	t.Run("status wiped", func(t *testing.T) {
		t.Parallel()
		statusWiped(t, where)
	})
	// These need the operator for themselves, one after the other.
	t.Run("soak", func(t *testing.T) {
		t.Parallel()
		t.Run("departed unseen", func(t *testing.T) { departedUnseen(t, where) })
		t.Run("departed unseen, then killed", func(t *testing.T) { departedUnseenThenKilled(t, where) })
		t.Run("killed", func(t *testing.T) { killedWhileSoaking(t, where) })
	})
}

// fleetWithinBudget has 30 namespaces climb under a budget of 3, the operator
// killed twice on the way. By the audit log alone, no more than 3 are ever in
// flight, and turns are taken in wave order, then by name.
func fleetWithinBudget(t *testing.T, where *site) {
	s := sceneAt(t, where)
	order := s.fleet()
	rollout := s.rollout(budget("0"), baking(fleetBake, v1alpha1.RejectionHold), func(spec *v1alpha1.PodSecurityRolloutSpec) {
		spec.Strategy.Waves = waves("one", "two")
		for i := range spec.Strategy.Waves {
			spec.Strategy.Waves[i].MinComplete = nil // all of it
		}
	})
	for _, ns := range order {
		s.await(ns, state(v1alpha1.ReasonAwaitingTurn))
	}
	s.edit(rollout, budget(fmt.Sprint(fleetBudget)))
	s.killAfterTurn(order, fleetSize/6)
	s.killAfterTurn(order, fleetSize/3)
	for _, ns := range order {
		s.awaitWritten(ns, climb("baseline", s.version)...)
		s.await(ns, state(v1alpha1.ReasonComplete))
	}
	s.checkFlights(s.flights(order))
	if diff := cmp.Diff(order, s.grants(order)); diff != "" {
		t.Errorf("turns in wave order, then by name (-want +got):\n%s", diff)
	}
}

// fleet makes the namespaces, and answers them in the order of their turns: those
// of wave one, of wave two, and of none. Their names alone are in another order.
func (s *scene) fleet() []string {
	s.Helper()
	byWave := map[string][]string{}
	for i := range fleetSize {
		wave := []string{"none", "two", "one", "none", "two"}[i%5]
		byWave[wave] = append(byWave[wave], s.namespace(fmt.Sprintf("%02d", i), "wave="+wave))
	}
	return slices.Concat(byWave["one"], byWave["two"], byWave["none"])
}

// killAfterTurn kills the operator right after so many enforce rungs were
// written, and runs it anew.
func (s *scene) killAfterTurn(namespaces []string, turns int) {
	s.Helper()
	await.Until(s.T, soon, func() error {
		if flights := s.flights(namespaces); len(flights) < turns {
			return fmt.Errorf("%d enforce rungs were written, want %d: %v", len(flights), turns, flights)
		}
		return nil
	})
	s.operator.mu.Lock()
	defer s.operator.mu.Unlock()
	if done := len(s.flights(namespaces)); done == len(namespaces) {
		s.Errorf("the operator was to be killed after %d of %d turns, and all are over", turns, done)
	}
	if err := s.operator.restart(s.Context()); err != nil {
		s.Fatal(err)
	}
}

// flight is a namespace's from the time that its enforce rung was written.
type flight struct {
	namespace string
	at        time.Time
}

// String is the flight as messages of tests show it.
func (f flight) String() string { return f.namespace + " from " + f.at.Format("15:04:05.000") }

// flights answers the enforce rungs that the audit log has, in the order of time.
func (s *scene) flights(namespaces []string) []flight {
	s.Helper()
	var all []flight
	for _, ns := range namespaces {
		rungs, err := s.audit.rungs(operatorUser, ns)
		if err != nil {
			s.Fatal(err)
		}
		for _, r := range rungs {
			if r.what == "enforce=baseline:"+s.version {
				all = append(all, flight{namespace: ns, at: r.at})
			}
		}
	}
	slices.SortFunc(all, func(a, b flight) int { return a.at.Compare(b.at) })
	return all
}

// checkFlights fails the test when more are in flight at a time than the budget
// allows: each is from its write on for the whole bake.
func (s *scene) checkFlights(flights []flight) {
	s.Helper()
	most := 0
	for i, f := range flights {
		inFlight := []flight{f}
		for _, before := range flights[:i] {
			if before.at.Add(fleetBake).After(f.at) {
				inFlight = append(inFlight, before)
			}
		}
		if most = max(most, len(inFlight)); len(inFlight) > fleetBudget {
			s.Errorf("%d namespaces are in flight, want at most %d: %v", len(inFlight), fleetBudget, inFlight)
		}
	}
	if most < fleetBudget {
		s.Errorf("at most %d namespaces were in flight, want %d", most, fleetBudget)
	}
}

// grants answers the namespaces in the order in which they were first given their turn.
func (s *scene) grants(namespaces []string) []string {
	s.Helper()
	type grant struct{ namespace, resourceVersion string }
	var all []grant
	for _, ns := range namespaces {
		for _, claim := range s.claims.all(claimKey(ns)) {
			if f := claim.Status.Fleet; f != nil && f.EnforceTurn == v1alpha1.EnforceTurnGranted {
				all = append(all, grant{ns, claim.ResourceVersion})
				break
			}
		}
	}
	slices.SortFunc(all, func(a, b grant) int { return revisionOf(s.T, a.resourceVersion) - revisionOf(s.T, b.resourceVersion) })
	var names []string
	for _, g := range all {
		names = append(names, g.namespace)
	}
	return names
}
