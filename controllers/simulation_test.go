// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"flag"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"sync"
	"testing"
)

var (
	simulationSeeds = flag.Uint64("simulation.seeds", 2000, "how many random fleets TestSimulation runs; -short runs 100 at most")
	simulationSeed  = flag.Uint64("simulation.seed", 0, "the one random fleet that TestSimulation runs, with its trace; 0 is none")
)

// enoughSeeds is how many fleets see everything happen that may happen.
const enoughSeeds = 1000

// comesAbout is what has to come about in so many fleets, or the simulation has
// gone blind: each with the bug, if any, for which it does not today.
var comesAbout = map[string]bug{
	"a crash": "", "an upgrade": "", "a refused write": "", "a refused spec": "", "a rejection": "", "a rollback": "", "an approval used": "",
	"a write of audit": "", "a write of warn": "", "a write of enforce": "",
	"a wait for budget": "", "a wait for wave": "", "a wait for namespace": "", "a wait for the": "",
	"the state Soaking": "", "the state Baking": "", "the state AwaitingApproval": "", "the state LabelConflict": "", "the state Inconclusive": "",
	"the end as Complete": "", "the end as AheadOfTarget": "", "the end as Violations": "", "the end as AwaitingTurn": "",
	"the end as AwaitingApproval": "", "the end as RolledBack": "", "the end as Rejecting": "", "the end as LabelConflict": "",
	"the end as Suspended": "", "the end as Observing": "", "the end as Exempt": "", "the state WriteRefused": "", "the end as VersionNotServed": "",
	"a refused spec in flight":     bugTurnNotCounted,
	"an approval ahead":            bugApprovalLost,
	"a rung set again by somebody": bugRollbackOfOthers,
}

// simulate runs one random fleet to its end and answers what was found broken.
func simulate(seed uint64, s sabotage, trace *trace) *world {
	w := newWorld(seed)
	w.sabotage, w.trace = s, trace
	w.checked = seed%50 == 0
	w.populate()
	w.startOperator()
	w.chaos(10 + w.IntN(20))
	if len(w.check.found) == 0 && !w.settle() {
		w.check.fail(invariantConvergence, "any", "the fleet does not come to rest")
	}
	if len(w.check.found) == 0 {
		w.checkEnd()
	}
	w.stop()
	return w
}

// prepare makes a test of the simulation fast: statuses are handed over, and the
// collector comes seldom, for next to nothing outlives its run.
func prepare(t *testing.T) {
	handOver(t)
	before := debug.SetGCPercent(800)
	t.Cleanup(func() { debug.SetGCPercent(before) })
}

// TestSimulation runs random fleets, each from its seed: namespaces, waves,
// budgets and windows, workloads that come, go and are refused, people who edit
// and approve, an operator that lags and crashes. Every write is checked.
func TestSimulation(t *testing.T) {
	prepare(t)
	if *simulationSeed != 0 {
		tr := &trace{}
		w := simulate(*simulationSeed, sabotage{}, tr)
		t.Log(tr.last(200))
		for _, b := range w.check.found {
			t.Errorf("%s: %s", b.promise, b.how)
		}
		return
	}
	seeds := *simulationSeeds
	if testing.Short() {
		seeds = min(seeds, 100)
	}
	var lock sync.Mutex
	reached := map[string]int{}
	t.Run("seeds", func(t *testing.T) {
		const shards = 8
		for shard := range uint64(shards) {
			t.Run(fmt.Sprintf("shard %d", shard), func(t *testing.T) {
				t.Parallel()
				for seed := 1 + shard; seed <= seeds; seed += shards {
					w := testSeed(t, seed)
					lock.Lock()
					for what, times := range w.reached {
						reached[what] += times
					}
					lock.Unlock()
				}
			})
		}
	})
	if seeds >= enoughSeeds {
		checkReached(t, reached)
	}
}

func testSeed(t *testing.T, seed uint64) *world {
	w := simulate(seed, sabotage{}, nil)
	if len(w.check.found) == 0 {
		return w
	}
	tr := &trace{}
	again := simulate(seed, sabotage{}, tr)
	t.Errorf("seed %d: %s: %s\nrun it again with -run 'TestSimulation$' -simulation.seed=%d\n%s",
		seed, w.check.found[0].promise, w.check.found[0].how, seed, tr.last(40))
	if len(again.check.found) == 0 {
		t.Errorf("seed %d is not the same run twice", seed)
	}
	return w
}

// checkReached makes sure that what the checker is there for has come about.
func checkReached(t *testing.T, reached map[string]int) {
	for _, what := range slices.Sorted(maps.Keys(comesAbout)) {
		if because := comesAbout[what]; reached[what] == 0 && (because == "" || !isKnown(because)) {
			t.Errorf("in no fleet has %s come about", what)
		}
	}
}
