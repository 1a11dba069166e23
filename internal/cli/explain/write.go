// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"
	"slices"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/cli/output"
	"github.com/podsecurity-rollout/operator/internal/cli/term"
)

// write writes an explanation for people.
func write(t *term.Terminal, e Explanation) {
	t.Linef("Namespace %s: %s of %s, judged by the standards of %s", t.Paint(term.Strong, e.Namespace), term.Count(e.Pods, "pod"),
		term.Count(e.Workloads, "workload"), e.ServerVersion)
	t.Field("in force", term.Plain, policy(e.InForce))
	t.Field("meets", output.LevelStyle(e.Meets), e.Meets)
	if e.Rollout != nil {
		writeRollout(t, e.Rollout)
	}
	for _, note := range e.Notes {
		t.Text(term.Warn, 2, note)
	}
	writeLadder(t, e)
	writeGate(t, e)
	writeRejections(t, e.Rejections)
	writeViolating(t, e)
}

func policy(p v1alpha1.Policy) string {
	return fmt.Sprintf("enforce=%s  warn=%s  audit=%s", p.Enforce, p.Warn, p.Audit)
}

func writeRollout(t *term.Terminal, r *Rollout) {
	line := r.Name
	if r.Target != "" {
		line += ", target " + r.Target
	}
	if r.Wave != "" {
		line += ", wave " + r.Wave
	}
	if r.Suspended {
		line += ", suspended"
	}
	t.Field("rollout", term.Plain, line)
	if r.Policy != nil {
		t.Field("target", term.Plain, policy(*r.Policy))
	}
	if r.State != "" {
		t.Field("state", output.StateStyle(r.State), r.State)
		t.Field("", term.Plain, r.Message)
	}
}

func writeLadder(t *term.Terminal, e Explanation) {
	if len(e.History)+len(e.Remaining) == 0 {
		return
	}
	t.Line("")
	t.Line(t.Paint(term.Strong, "Ladder"))
	for _, h := range slices.Backward(e.History) {
		mark, note := t.Paint(term.Good, "✓"), ""
		if h.Reason != "" {
			mark, note = t.Paint(term.Bad, "↩"), "  rolled back"
		}
		t.Linef("  %s %-26s %s%s", mark, fmt.Sprintf("%s=%s", h.Mode, h.To), t.Paint(term.Muted, climbedAt(h)), note)
	}
	for i, rung := range e.Remaining {
		if i == 0 {
			t.Linef("  %s %-26s next", t.Paint(term.Warn, "▶"), rung)
			continue
		}
		t.Linef("  %s %s", t.Paint(term.Muted, "·"), rung)
	}
}

func writeGate(t *term.Terminal, e Explanation) {
	if len(e.Gate) == 0 {
		return
	}
	t.Line("")
	t.Linef("%s %s", t.Paint(term.Strong, "Gate of"), e.Remaining[0])
	table := t.Table("", "RULE", "SAYS")
	for _, rule := range e.Gate {
		switch {
		case rule.Holds:
			table.Row(term.Cell{Text: "  ✗", Style: term.Bad}, term.Cell{Text: rule.Rule}, term.Cell{Text: rule.Reason + ": " + rule.Message, Style: term.Bad})
		case rule.Asks:
			table.Row(term.Cell{Text: "  ?", Style: term.Warn}, term.Cell{Text: rule.Rule}, term.Cell{Text: "not asked: --ask-server does", Style: term.Muted})
		default:
			table.Row(term.Cell{Text: "  ✓", Style: term.Good}, term.Cell{Text: rule.Rule}, term.Cell{})
		}
	}
	table.Write()
}

func writeRejections(t *term.Terminal, rejections []v1alpha1.Rejection) {
	if len(rejections) == 0 {
		return
	}
	t.Line("")
	t.Line(t.Paint(term.Strong, "Pods refused since the last enforce rung"))
	for _, r := range rejections {
		t.Text(term.Bad, 2, fmt.Sprintf("%s %s, %s: %s", r.Workload.Kind, r.Workload.Name, r.Time.UTC().Format("2006-01-02T15:04:05Z"), r.Message))
	}
}

func writeViolating(t *term.Terminal, e Explanation) {
	t.Line("")
	if len(e.Violating) == 0 {
		t.Line(t.Paint(term.Good, "Nothing violates a level on the way."))
		return
	}
	for i, level := range e.Violating {
		if i > 0 {
			t.Line("")
		}
		t.Linef("%s %s", t.Paint(term.Strong, "Violating"), level.Level)
		output.WriteWorkloads(t, 2, level.Workloads)
	}
}
