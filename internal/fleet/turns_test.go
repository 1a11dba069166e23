// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"pgregory.net/rapid"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

const rung = v1alpha1.LevelVersion("baseline:v1.37")

// monday at nine in the morning, UTC.
var monday = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

func hours(h int) *metav1.Duration { return &metav1.Duration{Duration: time.Duration(h) * time.Hour} }

func percent(s string) *intstr.IntOrString { v := intstr.Parse(s); return &v }

func inWave(w string) map[string]string { return map[string]string{"wave": w} }

func member(name, wave string, change func(*Member)) Member {
	m := Member{Namespace: Namespace{Name: name, Labels: inWave(wave)}}
	if change != nil {
		change(&m)
	}
	return m
}

func waiting(m *Member)  { m.Wants = rung }
func granted(m *Member)  { m.Wants, m.Granted = rung, rung }
func complete(m *Member) { m.Complete = true }
func baking(m *Member)   { m.Baking = true }

var (
	dev  = v1alpha1.Wave{Name: "dev", NamespaceSelector: selector("wave", "dev")}
	half = v1alpha1.Wave{Name: "dev", NamespaceSelector: selector("wave", "dev"), MinComplete: percent("50%")}
	prod = v1alpha1.Wave{Name: "prod", NamespaceSelector: selector("wave", "prod")}
)

var planTests = map[string]struct {
	strategy v1alpha1.Strategy
	members  []Member
	want     map[string]string // "granted", "-" (wants none), or what it waits for
	inFlight int
}{
	"without budgets everybody goes": {
		v1alpha1.Strategy{}, []Member{member("a", "", waiting), member("b", "", waiting)},
		map[string]string{"a": "granted", "b": "granted"}, 2,
	},
	"who wants none gets none": {
		v1alpha1.Strategy{}, []Member{member("a", "", nil)}, map[string]string{"a": "-"}, 0,
	},
	"a count, in the order of names": {
		v1alpha1.Strategy{Budgets: []v1alpha1.Budget{{Namespaces: "1"}}},
		[]Member{member("b", "", waiting), member("a", "", waiting)},
		map[string]string{"a": "granted", "b": "budget 1: 1 of 1 namespaces in flight"}, 1,
	},
	"ten percent of three is one": {
		v1alpha1.Strategy{Budgets: []v1alpha1.Budget{{Namespaces: "10%"}}},
		[]Member{member("a", "", waiting), member("b", "", waiting), member("c", "", nil)},
		map[string]string{"a": "granted", "b": "budget 10%: 1 of 1 namespaces in flight", "c": "-"}, 1,
	},
	"none lets nothing go": {
		v1alpha1.Strategy{Budgets: []v1alpha1.Budget{{Namespaces: "0"}}}, []Member{member("a", "", waiting)},
		map[string]string{"a": "budget 0 lets no namespace go"}, 0,
	},
	"the strictest budget wins": {
		v1alpha1.Strategy{Budgets: []v1alpha1.Budget{{Namespaces: "2"}, {Namespaces: "1"}, {Namespaces: "100%"}}},
		[]Member{member("a", "", waiting), member("b", "", waiting)},
		map[string]string{"a": "granted", "b": "budget 1: 1 of 1 namespaces in flight"}, 1,
	},
	"a turn given before stays, and counts": {
		v1alpha1.Strategy{Budgets: []v1alpha1.Budget{{Namespaces: "1"}}},
		[]Member{member("a", "", waiting), member("b", "", granted)},
		map[string]string{"a": "budget 1: 1 of 1 namespaces in flight", "b": "granted"}, 1,
	},
	"baking counts, and the baking one itself waits": {
		v1alpha1.Strategy{Budgets: []v1alpha1.Budget{{Namespaces: "2"}}},
		[]Member{member("a", "", func(m *Member) { baking(m); waiting(m) }), member("b", "", waiting), member("c", "", waiting)},
		map[string]string{"a": "the bake of its last enforce rung", "b": "granted", "c": "budget 2: 2 of 2 namespaces in flight"}, 2,
	},
	"the second wave waits for the first": {
		v1alpha1.Strategy{Waves: []v1alpha1.Wave{dev, prod}},
		[]Member{member("a", "prod", waiting), member("b", "dev", waiting), member("c", "dev", complete), member("d", "other", waiting)},
		map[string]string{
			"a": "wave dev: 1 of 2 namespaces to go", "b": "granted", "c": "-", "d": "wave dev: 1 of 2 namespaces to go",
		}, 1,
	},
	"no wave comes after all": {
		v1alpha1.Strategy{Waves: []v1alpha1.Wave{dev, prod}},
		[]Member{member("a", "other", waiting), member("b", "prod", waiting), member("c", "dev", complete)},
		map[string]string{"a": "wave prod: 1 of 1 namespaces to go", "b": "granted", "c": "-"}, 1,
	},
	"part of a wave is enough when it says so": {
		v1alpha1.Strategy{Waves: []v1alpha1.Wave{half, prod}},
		[]Member{member("a", "prod", waiting), member("b", "dev", waiting), member("c", "dev", complete)},
		map[string]string{"a": "granted", "b": "granted", "c": "-"}, 2,
	},
	"an empty wave holds nobody": {
		v1alpha1.Strategy{Waves: []v1alpha1.Wave{dev, prod}}, []Member{member("a", "prod", waiting)},
		map[string]string{"a": "granted"}, 1,
	},
	"a wave does not wait for who is exempt": {
		v1alpha1.Strategy{Waves: []v1alpha1.Wave{dev, prod}},
		[]Member{member("a", "prod", waiting), member("b", "dev", func(m *Member) { m.Exempt = true })},
		map[string]string{"a": "granted", "b": "-"}, 1,
	},
	"no turn in a wave that is rejecting": {
		v1alpha1.Strategy{Waves: []v1alpha1.Wave{half, prod}},
		[]Member{
			member("a", "dev", waiting), member("b", "dev", func(m *Member) { m.Rejecting, m.Complete = true, true }),
			member("c", "prod", waiting), member("d", "dev", complete),
		},
		map[string]string{"a": "wave dev: the pods of namespace b are being refused", "b": "-", "c": "granted", "d": "-"}, 1,
	},
	"nothing over the weekend, on a Monday": {
		v1alpha1.Strategy{Budgets: []v1alpha1.Budget{{Namespaces: "0", Schedule: "0 18 * * fri", Duration: hours(62)}}},
		[]Member{member("a", "", waiting)}, map[string]string{"a": "granted"}, 1,
	},
	"nothing on Mondays": {
		v1alpha1.Strategy{Budgets: []v1alpha1.Budget{{Namespaces: "0", Schedule: "0 0 * * mon", Duration: hours(24)}}},
		[]Member{member("a", "", waiting)},
		map[string]string{"a": `budget 0 (schedule "0 0 * * mon", until 2026-11-24T00:00:00Z) lets no namespace go`}, 0,
	},
}

func TestPlan(t *testing.T) {
	for name, tc := range planTests {
		t.Run(name, func(t *testing.T) {
			s, err := CompileStrategy(&tc.strategy)
			if err != nil {
				t.Fatal(err)
			}
			plan := s.Plan(tc.members, monday)
			got := map[string]string{}
			for name, turn := range plan.Turns {
				switch {
				case turn.Granted != "":
					got[name] = "granted"
				case turn.WaitingFor != "":
					got[name] = turn.WaitingFor
				default:
					got[name] = "-"
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("turns (-want +got):\n%s", diff)
			}
			if plan.InFlight != tc.inFlight {
				t.Errorf("%d in flight, want %d", plan.InFlight, tc.inFlight)
			}
		})
	}
}

func TestWaveStatus(t *testing.T) {
	s, err := CompileStrategy(&v1alpha1.Strategy{Waves: []v1alpha1.Wave{
		{Name: "canary", NamespaceSelector: selector("wave", "canary")},
		{Name: "dev", NamespaceSelector: selector("wave", "dev"), MinComplete: percent("2")},
		{Name: "prod", NamespaceSelector: selector("wave", "prod")},
	}})
	if err != nil {
		t.Fatal(err)
	}
	plan := s.Plan([]Member{
		member("a", "canary", complete), member("b", "dev", complete), member("c", "dev", nil), member("d", "dev", nil), member("e", "prod", nil),
	}, monday)
	want := []v1alpha1.WaveStatus{
		{Name: "canary", Selected: 1, Complete: 1, State: v1alpha1.WaveComplete},
		{Name: "dev", Selected: 3, Complete: 1, State: v1alpha1.WaveOpen},
		{Name: "prod", Selected: 1, State: v1alpha1.WavePending},
	}
	if diff := cmp.Diff(want, plan.Waves); diff != "" {
		t.Errorf("waves (-want +got):\n%s", diff)
	}
}

func TestBudgetInForce(t *testing.T) {
	at := func(s string) time.Time {
		parsed, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
	for name, tc := range map[string]struct {
		schedule string
		duration int
		now      string
		want     bool
		until    string
	}{
		"before":                         {"0 18 * * fri", 62, "2026-11-27T17:59:59Z", false, "2026-11-27T18:00:00Z"},
		"at the first instant":           {"0 18 * * fri", 62, "2026-11-27T18:00:00Z", true, "2026-11-30T08:00:00Z"},
		"inside":                         {"0 18 * * fri", 62, "2026-11-29T12:00:00Z", true, "2026-11-30T08:00:00Z"},
		"the last instant":               {"0 18 * * fri", 62, "2026-11-30T07:59:59Z", true, "2026-11-30T08:00:00Z"},
		"after":                          {"0 18 * * fri", 62, "2026-11-30T08:00:00Z", false, "2026-12-04T18:00:00Z"},
		"in another zone it is the same": {"0 18 * * fri", 62, "2026-11-27T20:00:00+03:00", false, "2026-11-27T18:00:00Z"},
		"windows that overlap":           {"0 * * * *", 3, "2026-11-27T10:30:00Z", true, "2026-11-27T13:00:00Z"},
		"a descriptor":                   {"@daily", 1, "2026-11-27T00:30:00Z", true, "2026-11-27T01:00:00Z"},
		"a day that never comes":         {"0 0 30 2 *", 1, "2026-11-27T00:30:00Z", false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := compileBudget(v1alpha1.Budget{Namespaces: "0", Schedule: tc.schedule, Duration: hours(tc.duration)})
			if err != nil {
				t.Fatal(err)
			}
			got, until := b.inForce(at(tc.now))
			if got != tc.want {
				t.Errorf("in force: %v, want %v", got, tc.want)
			}
			if tc.until == "" && !until.IsZero() || tc.until != "" && !until.Equal(at(tc.until)) {
				t.Errorf("until %v, want %q", until, tc.until)
			}
		})
	}
}

func TestCompileStrategyNamesTheField(t *testing.T) {
	for name, tc := range map[string]struct {
		strategy v1alpha1.Strategy
		want     string
	}{
		"count":       {v1alpha1.Strategy{Budgets: []v1alpha1.Budget{{Namespaces: "1"}, {Namespaces: "many"}}}, `spec.strategy.budgets[1]: namespaces "many"`},
		"percentage":  {v1alpha1.Strategy{Budgets: []v1alpha1.Budget{{Namespaces: "101%"}}}, `namespaces "101%"`},
		"schedule":    {v1alpha1.Strategy{Budgets: []v1alpha1.Budget{{Namespaces: "1", Schedule: "0 61 * * *", Duration: hours(1)}}}, `schedule "0 61 * * *" must be five cron fields`},
		"no duration": {v1alpha1.Strategy{Budgets: []v1alpha1.Budget{{Namespaces: "1", Schedule: "@daily"}}}, "needs a duration"},
		"minComplete": {v1alpha1.Strategy{Waves: []v1alpha1.Wave{{Name: "dev", NamespaceSelector: selector(), MinComplete: percent("most")}}}, `wave "dev": minComplete "most"`},
		"selector": {v1alpha1.Strategy{Waves: []v1alpha1.Wave{{Name: "dev", NamespaceSelector: &v1alpha1.NamespaceSelector{
			MatchExpressions: []v1alpha1.SelectorRequirement{{Key: "a", Operator: "Near"}}}}}}, `wave "dev": namespaceSelector`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := CompileStrategy(&tc.strategy)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
		})
	}
}

// However turns are asked for and given back, there are never more in flight
// than the strictest budget allows, but for those given under an earlier one.
func TestPlanKeepsTheBudget(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 20).Draw(t, "n")
		allowed := rapid.IntRange(0, n).Draw(t, "allowed")
		s, err := CompileStrategy(&v1alpha1.Strategy{Budgets: []v1alpha1.Budget{{Namespaces: fmt.Sprint(allowed)}}})
		if err != nil {
			t.Fatal(err)
		}
		members, before := drawMembers(t, n)
		plan := s.Plan(members, monday)
		if plan.InFlight > max(allowed, before) {
			t.Fatalf("%d in flight; %d are allowed and %d were before", plan.InFlight, allowed, before)
		}
		if before < allowed {
			for name, turn := range plan.Turns {
				if turn.WaitingFor != "" && plan.InFlight < allowed {
					t.Fatalf("%s waits for %q while there is room", name, turn.WaitingFor)
				}
			}
		}
	})
}

// drawMembers draws n members, and counts those in flight.
func drawMembers(t *rapid.T, n int) (members []Member, inFlight int) {
	states := []func(*Member){nil, waiting, granted, baking}
	for i := range n {
		m := member(fmt.Sprintf("ns-%02d", i), "", rapid.SampledFrom(states).Draw(t, "state"))
		if m.inFlight() {
			inFlight++
		}
		members = append(members, m)
	}
	return members, inFlight
}
