// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"runtime"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	psaapi "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"

	"k8s.io/client-go/tools/cache"

	"github.com/podsecurity-rollout/operator/internal/standards"
)

const (
	// wantMemoryRatio is the most heap the inventory may take of what a default informer takes.
	wantMemoryRatio = .03
	// wantSpeedUp is how many times faster than evaluating each pod the verdicts must be.
	wantSpeedUp = 10
	// wantFirstSpeedUp is the same for the very first verdicts, in which each distinct profile is evaluated. They are well beyond wantSpeedUp too, but so brief
	// that a busy machine shows more in them than their work.
	wantFirstSpeedUp = 5
)

func mustEvaluator(tb testing.TB) *standards.Evaluator {
	tb.Helper()
	e, err := standards.NewEvaluator()
	if err != nil {
		tb.Fatal(err)
	}
	return e
}

func bothLevels() []psaapi.LevelVersion {
	newest := standards.NewestVersion()
	return []psaapi.LevelVersion{{Level: psaapi.LevelBaseline, Version: newest}, {Level: psaapi.LevelRestricted, Version: newest}}
}

// allVerdicts asks for the verdict on every namespace at both levels, and answers how many pods the violations are of.
func allVerdicts(i *Inventory) (violatingPods int) {
	for _, name := range i.namespaceNames() {
		for _, lv := range bothLevels() {
			verdict, _ := i.Verdict(name, Query{Level: lv})
			for v := range verdict.Violations {
				violatingPods += verdict.Violations[v].Pods
			}
		}
	}
	return violatingPods
}

// evaluateEachPod does the same from a default informer's store with upstream's evaluator, the way its namespace check does.
func evaluateEachPod(tb testing.TB, indexer cache.Indexer, upstream policy.Evaluator) (violatingPods int) {
	tb.Helper()
	for _, name := range indexer.ListIndexFuncValues(cache.NamespaceIndex) {
		podsOf, err := indexer.ByIndex(cache.NamespaceIndex, name)
		if err != nil {
			tb.Fatal(err)
		}
		for _, lv := range bothLevels() {
			for _, obj := range podsOf {
				pod := obj.(*corev1.Pod)
				for _, result := range upstream.EvaluatePod(lv, &pod.ObjectMeta, &pod.Spec) {
					if !result.Allowed {
						violatingPods++
					}
				}
			}
		}
	}
	return violatingPods
}

func mustUpstream(tb testing.TB) policy.Evaluator {
	tb.Helper()
	upstream, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		tb.Fatal(err)
	}
	return upstream
}

// held is the same cluster in both forms, with the heap that each takes, in bytes a pod.
type held struct {
	indexer                         cache.Indexer
	inventory                       *Inventory
	informerPerPod, inventoryPerPod float64
}

// hold fills both. The inventory has answered for all namespaces at both levels, so that the findings it remembers count as well.
func hold(tb testing.TB) held {
	tb.Helper()
	var h held
	h.informerPerPod = heapPerPod(func() { h.indexer = informerStore(tb) })
	h.inventoryPerPod = heapPerPod(func() {
		h.inventory = filledInventory(tb)
		allVerdicts(h.inventory)
	})
	return h
}

// The claims of memory and speed, on the same cluster.
func TestAgainstAnInformer(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector takes memory and time of its own")
	}
	h := hold(t)
	t.Run("memory", func(t *testing.T) { checkMemory(t, h) })
	t.Run("speed", func(t *testing.T) { checkSpeed(t, h) })
}

func checkMemory(t *testing.T, h held) {
	t.Helper()
	ratio := h.inventoryPerPod / h.informerPerPod
	t.Logf("informer %.0f B a pod, inventory %.0f B, ratio %.4f; %+v", h.informerPerPod, h.inventoryPerPod, ratio, h.inventory.Stats())
	if h.informerPerPod < 8<<10 || h.informerPerPod > 20<<10 {
		t.Errorf("a pod takes %.0f B in an informer, which is not the 8 to 20 KiB of real ones", h.informerPerPod)
	}
	if ratio > wantMemoryRatio {
		t.Errorf("the inventory takes %.4f of the informer's memory, want at most %.2f", ratio, wantMemoryRatio)
	}
	estimate := float64(h.inventory.Stats().ApproximateBytes) / clusterPods
	if estimate < h.inventoryPerPod/2 || estimate > h.inventoryPerPod*2 {
		t.Errorf("ApproximateBytes makes %.0f B a pod of the %.0f B it takes", estimate, h.inventoryPerPod)
	}
}

func checkSpeed(t *testing.T, h held) {
	t.Helper()
	upstream := mustUpstream(t)
	var first, later []float64
	for range 5 {
		each, eachCount := timed(1, func() int { return evaluateEachPod(t, h.indexer, upstream) })
		firstTime, firstCount := timed(3, func() int {
			h.inventory.forgetJudgements()
			return allVerdicts(h.inventory)
		})
		laterTime, laterCount := timed(3, func() int { return allVerdicts(h.inventory) })
		if eachCount != firstCount || eachCount != laterCount || eachCount == 0 {
			t.Fatalf("%d violations pod by pod, %d in the first verdicts, %d later", eachCount, firstCount, laterCount)
		}
		first, later = append(first, each/firstTime), append(later, each/laterTime)
	}
	checkSpeedUp(t, "the first verdicts", first, wantFirstSpeedUp)
	checkSpeedUp(t, "later verdicts", later, wantSpeedUp)
}

func checkSpeedUp(t *testing.T, name string, speedUps []float64, want float64) {
	t.Helper()
	slices.Sort(speedUps)
	median := speedUps[len(speedUps)/2]
	t.Logf("%s are %.1f times faster than evaluating each pod (%.1f to %.1f)", name, median, speedUps[0], speedUps[len(speedUps)-1])
	if median < want {
		t.Errorf("%s are %.1f times faster than evaluating each pod, want %.0f", name, median, want)
	}
}

// timed answers the seconds that f takes, the mean of so many runs, and what f answers. It collects garbage first, so that what was left by others is not held
// against f.
func timed(runs int, f func() int) (seconds float64, answer int) {
	runtime.GC()
	start := time.Now()
	for range runs {
		answer = f()
	}
	return time.Since(start).Seconds() / float64(runs), answer
}

func BenchmarkMemory(b *testing.B) {
	var h held
	for b.Loop() {
		h = hold(b)
	}
	b.ReportMetric(h.informerPerPod, "informer-B/pod")
	b.ReportMetric(h.inventoryPerPod, "inventory-B/pod")
	b.ReportMetric(h.inventoryPerPod/h.informerPerPod, "ratio")
}

// forgetJudgements makes every profile be evaluated again.
func (i *Inventory) forgetJudgements() {
	for _, p := range i.profiles.byRef {
		p.judgements.Store(nil)
	}
}

// BenchmarkVerdicts is the verdict on every namespace at both levels: the first time, later, and pod by pod with upstream's evaluator.
func BenchmarkVerdicts(b *testing.B) {
	b.Run("each-pod", func(b *testing.B) {
		indexer, upstream := informerStore(b), mustUpstream(b)
		for b.Loop() {
			evaluateEachPod(b, indexer, upstream)
		}
	})
	b.Run("inventory-first", func(b *testing.B) {
		i := filledInventory(b)
		for b.Loop() {
			i.forgetJudgements()
			allVerdicts(i)
		}
	})
	b.Run("inventory-later", func(b *testing.B) {
		i := filledInventory(b)
		for b.Loop() {
			allVerdicts(i)
		}
	})
}

// BenchmarkEvent is what a watch event costs: reducing the pod and taking it in.
func BenchmarkEvent(b *testing.B) {
	i := filledInventory(b)
	s, pod := &store{inventory: i, kind: pods}, clusterDeployments()[8].pod(0)
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Update(pod); err != nil {
			b.Fatal(err)
		}
	}
}
