// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	psaapi "k8s.io/pod-security-admission/api"
	clocktesting "k8s.io/utils/clock/testing"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/inventory"
	"github.com/podsecurity-rollout/operator/internal/standards"
)

// descriptions are every metric, by name.
func descriptions() map[string]Metric {
	all := map[string]Metric{}
	for _, section := range Sections() {
		for _, m := range section.Metrics {
			all[m.Name] = m
		}
	}
	return all
}

// everything is a registry that answers a sample of every metric.
func everything(t *testing.T) prometheus.Gatherer {
	t.Helper()
	evaluation.Observe(0)
	var samples []sample
	for _, g := range slices.Concat(fleetGauges, operatorGauges) {
		samples = append(samples, g.of(1, make([]string, len(g.Labels))...))
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collected(samples), climbed, rolledBack, disagreements, evaluation, verdictDelay)
	return registry
}

type collected []sample

func (c collected) Describe(ch chan<- *prometheus.Desc) {
	describe(ch, slices.Concat(fleetGauges, operatorGauges))
}
func (c collected) Collect(ch chan<- prometheus.Metric) { send(ch, c) }

func TestConventions(t *testing.T) {
	problems, err := testutil.GatherAndLint(everything(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// TestDescribed has every metric that is served described as it is, and every one
// that is described served.
func TestDescribed(t *testing.T) {
	families, err := everything(t).Gather()
	if err != nil {
		t.Fatal(err)
	}
	served := map[string]Metric{}
	for _, f := range families {
		m := Metric{Name: f.GetName(), Help: f.GetHelp(), Type: Type(strings.ToLower(f.GetType().String()))}
		for _, label := range f.GetMetric()[0].GetLabel() {
			m.Labels = append(m.Labels, label.GetName())
		}
		served[m.Name] = m
	}
	sorted := cmp.Transformer("sorted", func(m Metric) Metric {
		m.Labels = slices.Sorted(slices.Values(m.Labels))
		return m
	})
	if diff := cmp.Diff(descriptions(), served, cmp.FilterValues(func(a, b Metric) bool {
		return !slices.IsSorted(a.Labels) || !slices.IsSorted(b.Labels)
	}, sorted)); diff != "" {
		t.Errorf("described and served differ (-described +served):\n%s", diff)
	}
}

func TestDocumented(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "metrics.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(descriptions())) {
		if !strings.Contains(string(page), "| `"+name+"` |") {
			t.Errorf("docs/metrics.md does not have %s: run make generate", name)
		}
	}
}

func TestOperator(t *testing.T) {
	known := standards.NewestVersion()
	for name, tc := range map[string]struct {
		server psaapi.Version
		stats  inventory.Stats
		want   string
	}{
		"not synced yet": {
			server: psaapi.MajorMinorVersion(1, 30),
			want: `
podsecurity_rollout_server_info{version="v1.30"} 1
podsecurity_rollout_server_standards_minor 30
podsecurity_rollout_inventory_synced 0
podsecurity_rollout_inventory_subjects{kind="pod"} 0
podsecurity_rollout_inventory_subjects{kind="template"} 0
podsecurity_rollout_inventory_profiles 0
podsecurity_rollout_inventory_bytes 0
podsecurity_rollout_inventory_unreadable_objects 0
`,
		},
		"behind the server": {
			server: psaapi.MajorMinorVersion(1, 38),
			stats: inventory.Stats{Synced: true, Pods: 5, Templates: 2, Profiles: 3, Unreadable: 1, ApproximateBytes: 4096, Owners: 7, Departed: 8,
				Unwatched: []string{"argoproj.io/v1alpha1/Rollout", "example.com/v1/App"}},
			want: `
podsecurity_rollout_server_info{version="v1.38"} 1
podsecurity_rollout_server_standards_minor 38
podsecurity_rollout_inventory_synced 1
podsecurity_rollout_inventory_subjects{kind="pod"} 5
podsecurity_rollout_inventory_subjects{kind="template"} 2
podsecurity_rollout_inventory_profiles 3
podsecurity_rollout_inventory_bytes 4096
podsecurity_rollout_inventory_unreadable_objects 1
podsecurity_rollout_inventory_unwatched_kinds{kind="argoproj.io/v1alpha1/Rollout"} 1
podsecurity_rollout_inventory_unwatched_kinds{kind="example.com/v1/App"} 1
`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := &Operator{
				Version: "v0.2.0", Server: func() psaapi.Version { return tc.server }, Inventory: func() inventory.Stats { return tc.stats },
			}
			want := tc.want + `podsecurity_rollout_build_info{standards="` + known.String() + `",version="v0.2.0"} 1
podsecurity_rollout_known_standards_minor ` + strings.TrimPrefix(known.String(), "v1.") + "\n"
			if err := testutil.CollectAndCompare(o, strings.NewReader(exposition(operatorGauges, want))); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestStepped counts what is climbed and what is taken back apart.
func TestStepped(t *testing.T) {
	up := climbed.WithLabelValues("enforce", "baseline")
	back := rolledBack.WithLabelValues("enforce", "baseline")
	beforeUp, beforeBack := testutil.ToFloat64(up), testutil.ToFloat64(back)
	Stepped(v1alpha1.HistoryEntry{Mode: v1alpha1.ModeEnforce, From: "privileged:latest", To: "baseline:v1.37"})
	Stepped(v1alpha1.HistoryEntry{Mode: v1alpha1.ModeEnforce, From: "privileged:latest", To: "baseline:v1.37"})
	Stepped(v1alpha1.HistoryEntry{Mode: v1alpha1.ModeEnforce, From: "baseline:v1.37", To: "privileged:latest", Reason: v1alpha1.ReasonRolledBack})
	if got := testutil.ToFloat64(up) - beforeUp; got != 2 {
		t.Errorf("%v rungs are counted as climbed, want 2", got)
	}
	if got := testutil.ToFloat64(back) - beforeBack; got != 1 {
		t.Errorf("%v rungs are counted as rolled back, want 1", got)
	}
}

// TestZeroBefore has every series of a counter there before it counts.
func TestZeroBefore(t *testing.T) {
	for name, tc := range map[string]struct {
		counter prometheus.Collector
		want    int
	}{
		"rungs climbed":     {climbed, 3 * 2},
		"rungs rolled back": {rolledBack, 2},
		"disagreements":     {disagreements, 3},
	} {
		if got := testutil.CollectAndCount(tc.counter); got != tc.want {
			t.Errorf("%s: %d series, want %d", name, got, tc.want)
		}
	}
	if n, err := testutil.GatherAndCount(ctrlmetrics.Registry, prefix+"verdict_delay_seconds"); n != 1 || err != nil {
		t.Errorf("the manager's registry has %d series of the delay (%v), want 1", n, err)
	}
}

// TestServe has a collector scraped for as long as its runnable runs.
func TestServe(t *testing.T) {
	registry := prometheus.NewRegistry()
	fleet := &Fleet{Reader: newFake(t).WithObjects(claimIn("shop", complete)).Build(), Clock: clocktesting.NewFakePassiveClock(morning)}
	served := Serve(registry, fleet, true)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- served.Start(ctx) }()
	count := func() int {
		n, err := testutil.GatherAndCount(registry)
		if err != nil {
			t.Error(err)
		}
		return n
	}
	for deadline := time.Now().Add(10 * time.Second); count() == 0; {
		if time.Now().After(deadline) {
			t.Fatal("nothing is served")
		}
	}
	if err := served.Start(ctx); err != nil {
		t.Errorf("a second operator in the process: %v", err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if n := count(); n != 0 {
		t.Errorf("%d series are served after the end", n)
	}
}
