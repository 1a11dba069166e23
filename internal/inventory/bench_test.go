// SPDX-License-Identifier: Apache-2.0

package inventory

import (
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

// measureMemory answers bytes a pod of a default informer's store and of the inventory, which has answered for all namespaces at both levels, so that the
// findings it remembers count as well.
func measureMemory(tb testing.TB) (informer, inventory float64) {
	tb.Helper()
	informer = heapPerPod(func() any { return informerStore(tb) })
	inventory = heapPerPod(func() any {
		i := filledInventory(tb)
		allVerdicts(i)
		return i
	})
	return informer, inventory
}

func TestMemoryAgainstAnInformer(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector takes memory of its own")
	}
	informer, inventory := measureMemory(t)
	t.Logf("informer %.0f B a pod, inventory %.0f B, ratio %.4f", informer, inventory, inventory/informer)
	if informer < 8<<10 || informer > 20<<10 {
		t.Errorf("a pod takes %.0f B in an informer: it is not one of the realistic size of 8 to 20 KiB", informer)
	}
	if ratio := inventory / informer; ratio > wantMemoryRatio {
		t.Errorf("the inventory takes %.4f of the informer's memory, want at most %.2f", ratio, wantMemoryRatio)
	}
}

func BenchmarkMemory(b *testing.B) {
	var informer, inventory float64
	for b.Loop() {
		informer, inventory = measureMemory(b)
	}
	b.ReportMetric(informer, "informer-B/pod")
	b.ReportMetric(inventory, "inventory-B/pod")
	b.ReportMetric(inventory/informer, "ratio")
}

func timed(f func() int) (time.Duration, int) {
	start := time.Now()
	count := f()
	return time.Since(start), count
}

func median(durations []time.Duration) time.Duration {
	slices.Sort(durations)
	return durations[len(durations)/2]
}

func TestSpeedAgainstEachPod(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector slows the two down differently")
	}
	indexer, upstream := informerStore(t), mustUpstream(t)
	var each, first, later []time.Duration
	for range 5 {
		i := filledInventory(t)
		eachTime, eachCount := timed(func() int { return evaluateEachPod(t, indexer, upstream) })
		firstTime, firstCount := timed(func() int { return allVerdicts(i) })
		laterTime, _ := timed(func() int { return allVerdicts(i) })
		if eachCount != firstCount || eachCount == 0 {
			t.Fatalf("%d violations pod by pod, %d in the verdicts", eachCount, firstCount)
		}
		each, first, later = append(each, eachTime), append(first, firstTime), append(later, laterTime)
	}
	for name, ours := range map[string]time.Duration{"the first verdicts": median(first), "later verdicts": median(later)} {
		speedUp := float64(median(each)) / float64(ours)
		t.Logf("%s %v, pod by pod %v: %.1f times faster", name, ours, median(each), speedUp)
		if speedUp < wantSpeedUp {
			t.Errorf("%s are %.1f times faster than evaluating each pod, want %d", name, speedUp, wantSpeedUp)
		}
	}
}

func BenchmarkVerdicts(b *testing.B) {
	i := filledInventory(b)
	b.Run("inventory", func(b *testing.B) {
		for b.Loop() {
			allVerdicts(i)
		}
	})
	indexer, upstream := informerStore(b), mustUpstream(b)
	b.Run("each pod", func(b *testing.B) {
		for b.Loop() {
			evaluateEachPod(b, indexer, upstream)
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
