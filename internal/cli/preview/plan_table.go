// SPDX-License-Identifier: Apache-2.0

package preview

import (
	"fmt"
	"strings"

	"github.com/podsecurity-rollout/operator/internal/cli/output"
	"github.com/podsecurity-rollout/operator/internal/cli/term"
)

// writePlan writes each namespace with its rungs; wide, with every violating workload.
func writePlan(t *term.Terminal, p Plan, wide bool) {
	t.Linef("PodSecurityRollout %s, by what runs now (API server at %s)", t.Paint(term.Strong, p.Rollout), p.ServerVersion)
	t.Line("")
	table := t.Table("NAMESPACE", "TARGET", "RUNG", "TODAY")
	for _, ns := range p.Namespaces {
		if len(ns.Rungs) == 0 {
			table.Row(term.Cell{Text: ns.Name}, term.Cell{Text: ns.Target}, term.Cell{Text: "-"}, term.Cell{Text: "is there already", Style: term.Good})
		}
		for i, r := range ns.Rungs {
			name, target := ns.Name, ns.Target
			if i > 0 {
				name, target = "", ""
			}
			table.Row(term.Cell{Text: name}, term.Cell{Text: target}, term.Cell{Text: r.Rung}, today(ns, i))
		}
	}
	table.Write()
	if wide {
		writePlanHeld(t, p)
	}
	t.Line("")
	t.Text(term.Muted, 0, p.summary())
}

// today says whether a rung would go, and what its pace adds; of those behind one that is held only that they wait, and for whom.
func today(ns NamespacePlan, i int) term.Cell {
	r := ns.Rungs[i]
	switch at := ns.reached(); {
	case i > at && len(r.Held) > 0:
		return term.Cell{Text: "not reached, and held by " + term.Count(len(r.Held), "workload"), Style: term.Muted}
	case i > at:
		return term.Cell{Text: "not reached", Style: term.Muted}
	case i == at:
		return term.Cell{Text: fmt.Sprintf("held, %s: %s", r.Reason, r.Message), Style: term.Bad}
	}
	var after []string
	if r.Soak != "" {
		after = append(after, "a soak of "+r.Soak)
	}
	if r.Approval {
		after = append(after, "an approval")
	}
	if len(r.Reports) > 0 {
		after = append(after, "reports of "+strings.Join(r.Reports, ", ")+" that do not fail")
	}
	if ns.Wave != "" && strings.HasPrefix(r.Rung, "enforce=") {
		after = append(after, "its turn in wave "+ns.Wave)
	}
	if len(after) == 0 {
		return term.Cell{Text: "would go", Style: term.Good}
	}
	return term.Cell{Text: "would go, after " + strings.Join(after, " and "), Style: term.Good}
}

// writePlanHeld writes the workloads that hold the first rung of each namespace that is held.
func writePlanHeld(t *term.Terminal, p Plan) {
	for _, ns := range p.Namespaces {
		if at := ns.reached(); at < len(ns.Rungs) && len(ns.Rungs[at].Held) > 0 {
			t.Line("")
			t.Linef("%s is held before %s by", t.Paint(term.Strong, ns.Name), ns.Rungs[at].Rung)
			output.WriteWorkloads(t, 2, ns.Rungs[at].Held)
		}
	}
}

// summary counts how far the namespaces would come.
func (p Plan) summary() string {
	complete, moved, held := 0, 0, 0
	for _, ns := range p.Namespaces {
		switch at := ns.reached(); {
		case at == len(ns.Rungs):
			complete++
		case at > 0:
			moved++
		default:
			held++
		}
	}
	return fmt.Sprintf("%s selected: %d would reach the target, %d would climb and then be held, %d would be held where they are. Not selected: %d.",
		term.Count(len(p.Namespaces), "namespace"), complete, moved, held, p.NotSelected)
}
