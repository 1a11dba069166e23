// SPDX-License-Identifier: Apache-2.0

package status

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/cli/output"
	"github.com/podsecurity-rollout/operator/internal/cli/term"
)

const (
	// fewHeld are listed of a rollout that was not asked for by name.
	fewHeld = 5
	// cells are those of a bar.
	cells = 24
	// nameWidth is what names of waves are padded to.
	nameWidth = 12
)

// write writes a fleet for people; whole, with everything that is held.
func write(t *term.Terminal, f Fleet, whole bool) {
	if len(f.Rollouts) == 0 {
		t.Text(term.Plain, 0, "There is no PodSecurityRollout. `kubectl podsecurity preview -f rollout.yaml` says what one would do.")
	}
	for i, r := range f.Rollouts {
		if i > 0 {
			t.Line("")
		}
		writeRollout(t, r, whole)
	}
}

func writeRollout(t *term.Terminal, r Rollout, whole bool) {
	n := r.Namespaces
	total := int(n.Selected)
	if r.State == "" {
		total = 1 // nothing is known to be done
	}
	t.Linef("%s  %s  %d of %d namespaces complete%s", t.Paint(term.Strong, r.Name), t.Bar(int(n.Complete), total, cells),
		n.Complete, n.Selected, modifiers(t, r))
	state := cmp.Or(r.State, "NotLookedAt")
	t.Field("state", output.StateStyle(state), state)
	t.Field("", term.Plain, cmp.Or(r.Message, "The operator has not looked at it yet. Does it run?"))
	if r.Stalled != "" {
		t.Field("stalled", term.Bad, r.Stalled)
	}
	for _, w := range r.Waves {
		t.Linef("  %-*s %s  %d of %d  %s", nameWidth, w.Name, t.Bar(int(w.Complete), int(w.Selected), cells), w.Complete, w.Selected,
			t.Paint(waveStyle(w.State), string(w.State)))
	}
	if len(r.States) > 0 {
		states := make([]string, 0, len(r.States))
		for _, s := range r.States {
			states = append(states, fmt.Sprintf("%d %s", s.Namespaces, s.State))
		}
		t.Field("namespaces", term.Plain, strings.Join(states, ", "))
	}
	writeHeld(t, r, whole)
	if whole && len(r.TopViolations) > 0 {
		t.Line("")
		table := t.Table("  CHECK", "WORKLOADS", "NAMESPACES")
		for _, v := range r.TopViolations {
			table.Row(term.Cell{Text: "  " + v.Check}, term.Cell{Text: fmt.Sprint(v.Workloads)}, term.Cell{Text: fmt.Sprint(v.Namespaces)})
		}
		table.Write()
	}
}

// modifiers says what keeps a rollout from writing.
func modifiers(t *term.Terminal, r Rollout) string {
	out := ""
	if r.Suspended {
		out += t.Paint(term.Warn, "  suspended")
	}
	if r.Observes {
		out += t.Paint(term.Warn, "  observes only")
	}
	return out
}

func waveStyle(s v1alpha1.WaveState) term.Style {
	switch s {
	case v1alpha1.WaveComplete:
		return term.Good
	case v1alpha1.WaveOpen:
		return term.Warn
	default:
		return term.Muted
	}
}

func writeHeld(t *term.Terminal, r Rollout, whole bool) {
	if len(r.Held) == 0 {
		return
	}
	shown := r.Held
	if !whole {
		shown = shown[:min(len(shown), fewHeld)]
	}
	t.Line("")
	table := t.Table("  HELD", "NEXT", "BY")
	for _, h := range shown {
		table.Row(term.Cell{Text: "  " + h.Namespace}, term.Cell{Text: cmp.Or(h.Next, "-")}, term.Cell{Text: h.Reason + ": " + h.Message, Style: term.Bad})
	}
	table.Write()
	if more := len(r.Held) - len(shown); more > 0 {
		t.Linef("  and %d more: kubectl podsecurity status %s", more, r.Name)
	}
	for _, hint := range hints(r.Held) {
		t.Text(term.Muted, 2, hint)
	}
}

// hints are the commands that help with what is held.
func hints(held []Held) []string {
	var all []string
	for reason, hint := range map[string]string{
		v1alpha1.ReasonViolations:       "How to put it right: kubectl podsecurity explain NAMESPACE",
		v1alpha1.ReasonAwaitingApproval: "To approve: kubectl podsecurity approve NAMESPACE",
		v1alpha1.ReasonRolledBack:       "To try again: kubectl podsecurity retry NAMESPACE",
		v1alpha1.ReasonLabelConflict:    "The labels for whoever owns them: kubectl podsecurity labels NAMESPACE",
	} {
		if slices.ContainsFunc(held, func(h Held) bool { return h.Reason == reason }) {
			all = append(all, hint)
		}
	}
	slices.Sort(all)
	return all
}
