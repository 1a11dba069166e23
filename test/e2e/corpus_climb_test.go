// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	psaapi "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"

	"github.com/podsecurity-rollout/operator/internal/inventory"
	"github.com/podsecurity-rollout/operator/internal/standards"
	"github.com/podsecurity-rollout/operator/test/e2e/await"
	"github.com/podsecurity-rollout/operator/test/manifests"
)

// levels that can be violated, the least strict first.
var levels = []psaapi.Level{psaapi.LevelBaseline, psaapi.LevelRestricted}

// TestManifestsOfKubernetes fills namespaces with the manifests of Kubernetes
// itself. For each namespace and level the operator's evaluation of the pods has
// to be the API server's own, and the rollout has to end where Pod Security
// itself says that it can.
func TestManifestsOfKubernetes(t *testing.T) {
	t.Parallel()
	e := need(t)
	c := e.fill(t)
	kinds := map[string]int{}
	for _, list := range c {
		for _, w := range list {
			kinds[w.GetKind()]++
		}
	}
	if total := count(c); total < 60 || len(kinds) < 6 {
		t.Fatalf("the corpus has %d workloads of the kinds %v, want at least 60 of 6 kinds", total, kinds)
	}
	t.Logf("%d workloads in %d namespaces: %v", count(c), len(c), kinds)

	// What a namespace complies with, by the API server and its templates.
	complies := map[string]map[psaapi.Level]bool{}
	ours := e.inventory(t)
	for namespace, list := range c {
		complies[namespace] = map[psaapi.Level]bool{}
		for _, level := range levels {
			server := e.sameVerdict(t, ours, namespace, psaapi.LevelVersion{Level: level, Version: e.version})
			complies[namespace][level] = !server.Violating && templatesComply(t, list, psaapi.LevelVersion{Level: level, Version: e.version})
		}
	}
	if !t.Failed() {
		e.climbsAsFar(t, complies)
	}
}

func count(c corpus) int {
	total := 0
	for _, list := range c {
		total += len(list)
	}
	return total
}

// inventory answers an inventory as the operator's, of the whole cluster.
func (e *environment) inventory(t *testing.T) *inventory.Inventory {
	t.Helper()
	evaluator, err := standards.NewEvaluator()
	if err != nil {
		t.Fatal(err)
	}
	i := inventory.New(evaluator, inventory.Options{})
	watcher, err := inventory.NewWatcher(e.Config(), i)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- watcher.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("watching: %v", err)
		}
	})
	await.Until(t, soon, func() error {
		if !i.Synced() {
			return fmt.Errorf("the inventory has not synced")
		}
		return nil
	})
	return i
}

// sameVerdict compares both verdicts on the pods of a namespace and answers the
// API server's. It asks again when they differ, for pods come and go meanwhile.
func (e *environment) sameVerdict(t *testing.T, ours *inventory.Inventory, namespace string, lv psaapi.LevelVersion) verdict {
	t.Helper()
	var server verdict
	await.Until(t, soon, func() (err error) {
		server, err = e.serverVerdict(t.Context(), namespace, lv)
		if err != nil {
			return fmt.Errorf("asking for a dry run of namespace %s: %w", namespace, err)
		}
		own, _ := ours.Verdict(namespace, inventory.Query{Level: lv})
		if diff := cmp.Diff(server, podVerdict(own), cmpopts.EquateEmpty()); diff != "" {
			return fmt.Errorf("of namespace %s at %s, the API server's verdict and ours differ (-server +ours):\n%s", namespace, lv.String(), diff)
		}
		return nil
	})
	return server
}

// podVerdict is the part of our verdict that is about pods.
func podVerdict(own inventory.Verdict) verdict {
	var v verdict
	for _, violation := range own.Violations {
		if violation.Source == inventory.SourcePod {
			v.Violating = true
			reason, _, _ := strings.Cut(violation.Message, " (")
			v.Reasons = append(v.Reasons, reason)
		}
	}
	slices.Sort(v.Reasons)
	v.Reasons = slices.Compact(v.Reasons)
	return v
}

// templatesComply is what upstream's evaluator says of the workloads' templates.
func templatesComply(t *testing.T, list []manifests.Workload, lv psaapi.LevelVersion) bool {
	t.Helper()
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range list {
		template, err := w.Template()
		if err != nil {
			t.Fatal(err)
		}
		if !policy.AggregateCheckResults(evaluator.EvaluatePod(lv, &template.ObjectMeta, &template.Spec)).Allowed {
			return false
		}
	}
	return true
}

// climbsAsFar has a rollout select the corpus, and compares what it writes to
// each namespace with what can be written there, rung for rung.
func (e *environment) climbsAsFar(t *testing.T, complies map[string]map[psaapi.Level]bool) {
	t.Helper()
	e.apply(t, rollout{name: "corpus", label: corpusLabel + ": kubernetes", enforce: "baseline", warn: "restricted", audit: "restricted"})
	e.awaitSettled(t, "corpus", len(complies))
	ends := map[string]int{}
	for namespace, complied := range complies {
		var want []string
		if complied[psaapi.LevelBaseline] {
			want = append(want, "audit=baseline", "warn=baseline", "enforce=baseline")
			if complied[psaapi.LevelRestricted] {
				want = append(want, "audit=restricted", "warn=restricted")
			}
		}
		if err := e.wrote(namespace, want...); err != nil {
			t.Error(err)
		}
		ends[fmt.Sprintf("%d rungs", len(want))]++
	}
	t.Logf("the namespaces end at %v", ends)
	if len(ends) < 2 {
		t.Error("all namespaces end at the same rung: the corpus shows too little")
	}
}
