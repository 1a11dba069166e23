// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"flag"
	"fmt"
	"testing"
)

var (
	simulationSeeds = flag.Uint64("simulation.seeds", 200, "how many random fleets TestSimulation runs")
	simulationSeed  = flag.Uint64("simulation.seed", 0, "the one random fleet that TestSimulation runs, with its trace; 0 is none")
)

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

// TestSimulation runs random fleets, each from its seed: namespaces, waves,
// budgets and windows, workloads that come, go and are refused, people who edit
// and approve, an operator that lags and crashes. Every write is checked.
func TestSimulation(t *testing.T) {
	handOver(t)
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
	const shards = 8
	for shard := range uint64(shards) {
		t.Run(fmt.Sprintf("shard %d", shard), func(t *testing.T) {
			t.Parallel()
			for seed := 1 + shard; seed <= seeds; seed += shards {
				w := simulate(seed, sabotage{}, nil)
				if len(w.check.found) == 0 {
					continue
				}
				tr := &trace{}
				again := simulate(seed, sabotage{}, tr)
				t.Errorf("seed %d: %s: %s\nrun it again with -run 'TestSimulation$' -simulation.seed=%d\n%s",
					seed, w.check.found[0].promise, w.check.found[0].how, seed, tr.last(40))
				if len(again.check.found) == 0 {
					t.Errorf("seed %d is not the same run twice", seed)
				}
			}
		})
	}
}
