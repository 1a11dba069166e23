// SPDX-License-Identifier: Apache-2.0

package forecast_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	psaapi "k8s.io/pod-security-admission/api"
	"pgregory.net/rapid"

	"github.com/podsecurity-rollout/operator/internal/forecast"
	"github.com/podsecurity-rollout/operator/internal/standards"
)

func mustEvaluator(t testing.TB) *standards.Evaluator {
	t.Helper()
	e, err := standards.NewEvaluator()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func mustLevelVersion(t testing.TB, s string) psaapi.LevelVersion {
	t.Helper()
	lv, err := standards.ParseLevelVersion(s)
	if err != nil {
		t.Fatal(err)
	}
	return lv
}

func v1(minor int) psaapi.Version {
	return psaapi.MajorMinorVersion(1, minor)
}

// rule is a check that some workloads violate between two minor versions, both included.
type rule struct {
	level     psaapi.Level
	from, to  int
	check     string
	message   string
	workloads []string
}

// verdict is what rules hold at a level and version; rules of baseline count for restricted too.
func verdict(rules []rule) func(psaapi.LevelVersion) []forecast.Violation {
	return func(lv psaapi.LevelVersion) []forecast.Violation {
		var all []forecast.Violation
		for _, r := range rules {
			if lv.Version.Minor() < r.from || lv.Version.Minor() > r.to || r.level == psaapi.LevelRestricted && lv.Level != r.level {
				continue
			}
			for _, w := range r.workloads {
				all = append(all, forecast.Violation{Workload: w, Check: r.check, Message: r.message})
			}
		}
		return all
	}
}

const (
	baseline   = psaapi.LevelBaseline
	restricted = psaapi.LevelRestricted
)

var (
	probes = rule{baseline, 34, 37, "hostProbesAndHostLifecycle", "probe or lifecycle host (…)", []string{"Deployment web", "Deployment api"}}
	sysctl = rule{baseline, 0, 36, "sysctls", "forbidden sysctls (net.ipv4.tcp_notsent_lowat)", []string{"Deployment web"}}
	ports  = rule{baseline, 0, 37, "hostPorts", "hostPort (…)", []string{"DaemonSet node"}}
	user   = rule{restricted, 0, 37, "runAsNonRoot", "runAsNonRoot != true (…)", []string{"Deployment web"}}
)

// line is an entry in short.
func line(e forecast.Entry) string {
	return fmt.Sprintf("%s %s-%s: %d, broken %d, allowed %d: %s",
		e.Level, e.From, e.To, e.Violating.Workloads, e.Broken.Workloads, e.Allowed.Workloads, e.Reason())
}

type forecastTest struct {
	inForce     string
	newest      int
	rules       []rule
	want        []string
	wantOmitted int
	wantText    string
}

var forecastTests = map[string]forecastTest{
	"all holds": {
		inForce: "restricted:v1.33", newest: 37,
		want:     []string{"restricted v1.33-v1.37: 0, broken 0, allowed 0: "},
		wantText: "restricted holds from v1.33 to v1.37",
	},
	"the newest version in force": {
		inForce: "baseline:latest", newest: 36,
		want: []string{
			"baseline v1.36-v1.36: 0, broken 0, allowed 0: ",
			"restricted v1.36-v1.36: 0, broken 0, allowed 0: ",
		},
		wantText: "baseline holds at v1.36\nrestricted holds at v1.36",
	},
	"privileged looks at baseline": {
		inForce: "privileged:v1.37", newest: 37, rules: []rule{ports},
		want:     []string{"baseline v1.37-v1.37: 1, broken 0, allowed 0: DaemonSet node: hostPort (…)"},
		wantText: "baseline is violated at v1.37 by 1 workload, because DaemonSet node: hostPort (…)",
	},
	"a newer version breaks": {
		inForce: "baseline:v1.33", newest: 37, rules: []rule{probes, user},
		want: []string{
			"baseline v1.33-v1.33: 0, broken 0, allowed 0: ",
			"baseline v1.34-v1.37: 2, broken 2, allowed 0: Deployment api: probe or lifecycle host (…), and 1 more",
			"restricted v1.33-v1.33: 1, broken 0, allowed 0: Deployment web: runAsNonRoot != true (…)",
			"restricted v1.34-v1.37: 2, broken 2, allowed 0: Deployment api: probe or lifecycle host (…), and 1 more",
		},
		wantText: "baseline holds at v1.33; from v1.34 2 workloads would violate, because Deployment api: probe or lifecycle host (…), and 1 more\n" +
			"restricted is violated at v1.33 by 1 workload, because Deployment web: runAsNonRoot != true (…); " +
			"from v1.34 2 workloads would violate, because Deployment api: probe or lifecycle host (…), and 1 more",
	},
	"a newer version allows": {
		inForce: "restricted:v1.35", newest: 37, rules: []rule{sysctl},
		want: []string{
			"restricted v1.35-v1.36: 1, broken 0, allowed 0: Deployment web: forbidden sysctls (net.ipv4.tcp_notsent_lowat)",
			"restricted v1.37-v1.37: 0, broken 0, allowed 1: ",
		},
		wantText: "restricted is violated from v1.35 to v1.36 by 1 workload, because Deployment web: forbidden sysctls (net.ipv4.tcp_notsent_lowat); " +
			"from v1.37 it would hold, which allows Deployment web: forbidden sysctls (net.ipv4.tcp_notsent_lowat)",
	},
	"some break and some are allowed, beside others": {
		inForce: "restricted:v1.33", newest: 37, rules: []rule{ports, probes, sysctl},
		want: []string{
			"restricted v1.33-v1.33: 2, broken 0, allowed 0: DaemonSet node: hostPort (…), and 1 more",
			"restricted v1.34-v1.36: 3, broken 2, allowed 0: Deployment api: probe or lifecycle host (…), and 1 more",
			"restricted v1.37-v1.37: 3, broken 0, allowed 1: DaemonSet node: hostPort (…), and 2 more",
		},
		wantText: "restricted is violated at v1.33 by 2 workloads, because DaemonSet node: hostPort (…), and 1 more; " +
			"from v1.34 3 workloads would violate, newly Deployment api: probe or lifecycle host (…), and 1 more; " +
			"from v1.37 3 workloads would violate, but no longer Deployment web: forbidden sysctls (net.ipv4.tcp_notsent_lowat)",
	},
	"a check that stands in for another is no change": {
		inForce: "restricted:v1.34", newest: 37, rules: []rule{
			{restricted, 34, 34, "procMount", "procMount (…)", []string{"Deployment web"}},
			{restricted, 35, 37, "procMount_restricted", "procMount (…)", []string{"Deployment web"}},
		},
		want:     []string{"restricted v1.34-v1.37: 1, broken 0, allowed 0: Deployment web: procMount (…)"},
		wantText: "restricted is violated from v1.34 to v1.37 by 1 workload, because Deployment web: procMount (…)",
	},
	"a message that names less is no change": {
		inForce: "restricted:v1.36", newest: 37, rules: []rule{
			sysctl, {baseline, 37, 37, "sysctls", "forbidden sysctls (kernel.msgmax)", []string{"Deployment web"}},
		},
		want: []string{
			"restricted v1.36-v1.37: 1, broken 0, allowed 0: Deployment web: forbidden sysctls (net.ipv4.tcp_notsent_lowat)",
		},
		wantText: "restricted is violated from v1.36 to v1.37 by 1 workload, because Deployment web: forbidden sysctls (net.ipv4.tcp_notsent_lowat)",
	},
	"what does not fit falls off the end": {
		inForce: "baseline:v1.0", newest: 37, rules: changing(),
		want: []string{
			"baseline v1.0-v1.18: 1, broken 0, allowed 0: Deployment v0: m",
			"baseline v1.19-v1.26: 1, broken 1, allowed 1: Deployment v19: m",
			"baseline v1.27-v1.28: 1, broken 1, allowed 1: Deployment v27: m",
			"baseline v1.29-v1.30: 1, broken 1, allowed 1: Deployment v29: m",
			"baseline v1.31-v1.31: 1, broken 1, allowed 1: Deployment v31: m",
			"baseline v1.32-v1.33: 1, broken 1, allowed 1: Deployment v32: m",
			"baseline v1.34-v1.34: 1, broken 1, allowed 1: Deployment v34: m",
			"baseline v1.35-v1.36: 1, broken 1, allowed 1: Deployment v35: m",
			"baseline v1.37-v1.37: 1, broken 1, allowed 1: Deployment v37: m",
			"restricted v1.0-v1.7: 1, broken 0, allowed 0: Deployment v0: m",
			"restricted v1.8-v1.18: 1, broken 1, allowed 1: Deployment v8: m",
			"restricted v1.19-v1.21: 1, broken 1, allowed 1: Deployment v19: m",
		},
		wantOmitted: 10,
	},
}

// changing are rules by which each version is violated by another workload.
func changing() []rule {
	var rules []rule
	for minor := range 38 {
		rules = append(rules, rule{baseline, minor, minor, "hostPorts", "m", []string{fmt.Sprintf("Deployment v%d", minor)}})
	}
	return rules
}

func TestMake(t *testing.T) {
	e := mustEvaluator(t)
	for name, tc := range forecastTests {
		t.Run(name, func(t *testing.T) {
			got := forecast.Make(forecast.Input{
				Evaluator: e, InForce: mustLevelVersion(t, tc.inForce), Newest: v1(tc.newest), Verdict: verdict(tc.rules),
			})
			var lines []string
			for _, entry := range got.Entries {
				lines = append(lines, line(entry))
			}
			if diff := cmp.Diff(tc.want, lines); diff != "" {
				t.Errorf("entries (-want +got):\n%s", diff)
			}
			if got.Omitted != tc.wantOmitted {
				t.Errorf("%d omitted, want %d", got.Omitted, tc.wantOmitted)
			}
			if diff := cmp.Diff(tc.wantText, got.String()); tc.wantText != "" && diff != "" {
				t.Errorf("text (-want +got):\n%s", diff)
			}
		})
	}
}

// Each level and version is asked for once, and only where one of its checks changes.
func TestMakeAsksSparingly(t *testing.T) {
	var asked []string
	forecast.Make(forecast.Input{
		Evaluator: mustEvaluator(t), InForce: mustLevelVersion(t, "baseline:v1.32"), Newest: v1(36),
		Verdict: func(lv psaapi.LevelVersion) []forecast.Violation {
			asked = append(asked, lv.String())
			return nil
		},
	})
	want := []string{
		"baseline:v1.32", "baseline:v1.34", "baseline:v1.35",
		"restricted:v1.32", "restricted:v1.34", "restricted:v1.35",
	}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Errorf("asked for (-want +got):\n%s", diff)
	}
}

func TestOmittedIsSaid(t *testing.T) {
	f := forecast.Forecast{Omitted: 3}
	if got, want := f.String(), "3 later changes are left out"; got != want {
		t.Errorf("String() = %q, want %q", got, want)
	}
}

func TestLongMessagesAreCut(t *testing.T) {
	tests := map[string]struct {
		message, want string
	}{
		"short":           {"hostPort", "Deployment web: hostPort"},
		"long":            {fmt.Sprintf("%0200d", 7), "Deployment web: " + fmt.Sprintf("%0160d", 0) + " …"},
		"cut at a letter": {fmt.Sprintf("%0159dé%040d", 0, 0), "Deployment web: " + fmt.Sprintf("%0159d", 0) + " …"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := (forecast.Violation{Workload: "Deployment web", Message: tc.message}).String(); got != tc.want {
				t.Errorf("String() = %q, want %q", got, tc.want)
			}
		})
	}
}

// Whatever is violated when: entries of a level follow each other without a gap from the version in force to the newest, each differs from the one before, and
// the order in which violations are given does not show.
func TestForecastsAreWhole(t *testing.T) {
	e := mustEvaluator(t)
	rapid.Check(t, func(t *rapid.T) {
		var rules []rule
		for range rapid.IntRange(0, 6).Draw(t, "rules") {
			from := rapid.IntRange(30, 37).Draw(t, "from")
			rules = append(rules, rule{
				level: rapid.SampledFrom([]psaapi.Level{baseline, restricted}).Draw(t, "level"),
				from:  from, to: rapid.IntRange(from, 37).Draw(t, "to"),
				check: rapid.SampledFrom([]string{"hostPorts", "procMount", "procMount_restricted"}).Draw(t, "check"), message: "m",
				workloads: rapid.SliceOfN(rapid.SampledFrom([]string{"Deployment a", "Deployment b"}), 1, 2).Draw(t, "workloads"),
			})
		}
		in := forecast.Input{
			Evaluator: e, InForce: psaapi.LevelVersion{Level: baseline, Version: v1(rapid.IntRange(30, 37).Draw(t, "in force"))}, Newest: v1(37),
			Verdict: verdict(rules),
		}
		f := forecast.Make(in)
		for _, level := range []psaapi.Level{baseline, restricted} {
			checkWhole(t, slices.DeleteFunc(slices.Clone(f.Entries), func(e forecast.Entry) bool { return e.Level != level }), in.InForce.Version)
		}
		in.Verdict = func(lv psaapi.LevelVersion) []forecast.Violation {
			backwards := verdict(rules)(lv)
			slices.Reverse(backwards)
			return backwards
		}
		if diff := cmp.Diff(f.String(), forecast.Make(in).String()); diff != "" {
			t.Fatalf("the order of violations shows (-given +reversed):\n%s", diff)
		}
	})
}

func checkWhole(t *rapid.T, entries []forecast.Entry, from psaapi.Version) {
	next := from.Minor()
	for i, entry := range entries {
		if entry.From != v1(next) || entry.To.Older(entry.From) {
			t.Fatalf("%s: want it to start at v1.%d", line(entry), next)
		}
		if i > 0 && entry.Broken.Workloads == 0 && entry.Allowed.Workloads == 0 {
			t.Fatalf("%s: nothing differs from before", line(entry))
		}
		next = entry.To.Minor() + 1
	}
	if next != 38 {
		t.Fatalf("the last entry ends at v1.%d", next-1)
	}
}
