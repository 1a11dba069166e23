// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

// Member is a namespace of a rollout as its turn depends on it.
type Member struct {
	Namespace
	// Complete is whether it has reached its target and baked.
	Complete bool
	// Exempt namespaces can never complete, and their wave does not wait for them.
	Exempt bool
	// Wants is the enforce rung that only the turn is missing for, empty for none.
	Wants v1alpha1.LevelVersion
	// Granted is the rung the member has its turn for, empty for none.
	Granted v1alpha1.LevelVersion
	// Baking is whether it is watched after its last enforce rung.
	Baking bool
	// Rejecting is whether its pods have been refused since then.
	Rejecting bool
}

func (m Member) inFlight() bool { return m.Granted != "" || m.Baking }

// Turn is what the fleet says to one member.
type Turn struct {
	// Granted is the rung the turn is given for, empty while it is not.
	Granted v1alpha1.LevelVersion
	// Wave is the member's wave, empty for none.
	Wave string
	// WaitingFor says why the turn is not given, empty when it is, or when the
	// member does not want one.
	WaitingFor string
}

// Plan is what the fleet says to all members.
type Plan struct {
	Turns map[string]Turn
	Waves []v1alpha1.WaveStatus
	// InFlight counts the members in flight, those newly granted included.
	InFlight int
	// Changes is when a budget begins or ceases to apply, zero for never.
	Changes time.Time
}

// wave is a Wave made ready.
type wave struct {
	matcher
	minComplete intstr.IntOrString
}

// Strategy is the waves and budgets of a rollout made ready.
type Strategy struct {
	waves   []wave
	budgets []budget
}

// CompileStrategy makes waves and budgets ready. It errs on a schedule or count
// that is none, naming the field.
func CompileStrategy(s *v1alpha1.Strategy) (Strategy, error) {
	var out Strategy
	if s == nil {
		return out, nil
	}
	for _, w := range s.Waves {
		m, err := compile(w.Name, w.NamespaceSelector)
		if err != nil {
			return out, fmt.Errorf("spec.strategy.waves: wave %q: %w", w.Name, err)
		}
		minComplete := intstr.FromString("100%")
		if w.MinComplete != nil {
			minComplete = *w.MinComplete
		}
		if _, err := required(minComplete, 1); err != nil {
			return out, fmt.Errorf("spec.strategy.waves: wave %q: minComplete %q must be a count or a percentage: %w", w.Name, minComplete.String(), err)
		}
		out.waves = append(out.waves, wave{matcher: m, minComplete: minComplete})
	}
	for i, b := range s.Budgets {
		compiled, err := compileBudget(b)
		if err != nil {
			return out, fmt.Errorf("spec.strategy.budgets[%d]: %w", i, err)
		}
		out.budgets = append(out.budgets, compiled)
	}
	return out, nil
}

// required answers how many of so many namespaces minComplete asks for.
func required(minComplete intstr.IntOrString, selected int) (int, error) {
	if minComplete.Type == intstr.String && !strings.HasSuffix(minComplete.StrVal, "%") {
		n, err := strconv.Atoi(minComplete.StrVal)
		return min(n, selected), err
	}
	n, err := intstr.GetScaledValueFromIntOrPercent(&minComplete, selected, true)
	return min(n, selected), err
}

// progress is how far one wave is. The last is that of the members in no wave.
type progress struct {
	name                         string
	selected, complete, required int
	rejecting                    string
}

func (p progress) reached() bool { return p.complete >= p.required }

// Plan gives turns: in wave order, then by name; a namespace in no wave comes
// last. Turns given before stay; new ones are given while the strictest budget
// in force has room.
func (s Strategy) Plan(members []Member, now time.Time) Plan {
	members = slices.Clone(members)
	waveOf := make(map[string]int, len(members))
	for _, m := range members {
		waveOf[m.Name] = s.waveOf(m.Namespace)
	}
	slices.SortFunc(members, func(a, b Member) int {
		return cmp.Or(cmp.Compare(waveOf[a.Name], waveOf[b.Name]), cmp.Compare(a.Name, b.Name))
	})
	waves := s.progress(members, waveOf)
	bound := strictest(s.budgets, len(members), now)
	plan := Plan{Turns: make(map[string]Turn, len(members)), Waves: s.status(waves), Changes: bound.changes}
	for _, m := range members {
		if m.inFlight() {
			plan.InFlight++
		}
	}
	for _, m := range members {
		w := waveOf[m.Name]
		turn := Turn{Granted: m.Granted, Wave: waves[w].name}
		if m.Granted == "" && m.Wants != "" {
			turn.WaitingFor = cmp.Or(waitsForItself(m), waitsForWave(waves[:w]), waves[w].waitsForRejection(), bound.waitsForRoom(plan.InFlight))
			if turn.WaitingFor == "" {
				turn.Granted = m.Wants
				plan.InFlight++
			}
		}
		plan.Turns[m.Name] = turn
	}
	return plan
}

func (s Strategy) waveOf(ns Namespace) int {
	i := slices.IndexFunc(s.waves, func(w wave) bool { return w.selector.Matches(labels.Set(ns.Labels)) })
	if i < 0 {
		return len(s.waves)
	}
	return i
}

func (s Strategy) progress(members []Member, waveOf map[string]int) []progress {
	out := make([]progress, len(s.waves)+1)
	for i, w := range s.waves {
		out[i].name = w.name
	}
	for _, m := range members {
		p := &out[waveOf[m.Name]]
		if !m.Exempt {
			p.selected++
		}
		if m.Complete {
			p.complete++
		}
		if m.Rejecting && p.rejecting == "" {
			p.rejecting = m.Name
		}
	}
	for i, w := range s.waves {
		n, err := required(w.minComplete, out[i].selected)
		if err != nil {
			n = out[i].selected // CompileStrategy has refused it; all is the safe reading
		}
		out[i].required = n
	}
	return out
}

func (s Strategy) status(waves []progress) []v1alpha1.WaveStatus {
	var out []v1alpha1.WaveStatus
	for i := range s.waves {
		p := waves[i]
		status := v1alpha1.WaveStatus{Name: p.name, Selected: int32(p.selected), Complete: int32(p.complete), State: v1alpha1.WavePending}
		switch {
		case p.complete >= p.selected:
			status.State = v1alpha1.WaveComplete
		case waitsForWave(waves[:i]) == "":
			status.State = v1alpha1.WaveOpen
		}
		out = append(out, status)
	}
	return out
}

func waitsForItself(m Member) string {
	if m.Baking {
		return "the bake of its last enforce rung"
	}
	return ""
}

// waitsForWave answers what the first wave that holds the next ones back lacks.
func waitsForWave(before []progress) string {
	for _, p := range before {
		if !p.reached() {
			return fmt.Sprintf("wave %s: %d of %d namespaces to go", p.name, p.required-p.complete, p.selected)
		}
	}
	return ""
}

func (p progress) waitsForRejection() string {
	switch {
	case p.rejecting == "":
		return ""
	case p.name == "":
		return fmt.Sprintf("namespace %s: its pods are being refused", p.rejecting)
	default:
		return fmt.Sprintf("wave %s: the pods of namespace %s are being refused", p.name, p.rejecting)
	}
}

func (l limit) waitsForRoom(inFlight int) string {
	switch {
	case l.unlimited || inFlight < l.namespaces:
		return ""
	case l.namespaces == 0:
		return l.from + " lets no namespace go"
	}
	return fmt.Sprintf("%s: %d of %d namespaces in flight", l.from, inFlight, l.namespaces)
}
