// SPDX-License-Identifier: Apache-2.0

package preview

import (
	"fmt"
	"strconv"
	"strings"

	psaapi "k8s.io/pod-security-admission/api"

	"github.com/podsecurity-rollout/operator/internal/cli/output"
	"github.com/podsecurity-rollout/operator/internal/cli/term"
)

// mostWorkloads are named in one row of the table; the others are counted.
const mostWorkloads = 3

// writeTable writes a row for each namespace; wide, what holds each one back follows in full.
func writeTable(t *term.Terminal, p Preview, wide bool) {
	if len(p.Namespaces) == 0 {
		t.Line("No namespace is selected.")
		return
	}
	table := t.Table("NAMESPACE", "PODS", "WORKLOADS", "ENFORCES", "MEETS", "HELD BELOW BY")
	for _, ns := range p.Namespaces {
		enforces, _, _ := strings.Cut(ns.Enforce, ":")
		table.Row(
			term.Cell{Text: ns.Name}, number(ns.Pods), number(ns.Workloads),
			term.Cell{Text: enforces, Style: enforceStyle(enforces, ns.Meets)},
			term.Cell{Text: ns.Meets, Style: output.LevelStyle(ns.Meets)},
			term.Cell{Text: heldBy(ns)},
		)
	}
	table.Write()
	if wide {
		writeHeld(t, p)
	}
	t.Line("")
	t.Text(term.Muted, 0, p.summary())
}

func number(n int) term.Cell { return term.Cell{Text: strconv.Itoa(n), Right: true} }

// enforceStyle marks a level in force that is stricter than what the namespace meets: its pods will not come back.
func enforceStyle(enforces, meets string) term.Style {
	if psaapi.CompareLevels(psaapi.Level(enforces), psaapi.Level(meets)) > 0 {
		return term.Bad
	}
	return term.Plain
}

// heldBy says which workloads hold a namespace below the next level.
func heldBy(ns Namespace) string {
	if ns.HeldBelow == nil {
		if ns.Exempt {
			return "exempt in the API server's configuration"
		}
		return ""
	}
	lines := []string{}
	for i, w := range ns.HeldBelow.Workloads {
		if i == mostWorkloads {
			lines = append(lines, fmt.Sprintf("and %d more", len(ns.HeldBelow.Workloads)-i))
			break
		}
		lines = append(lines, fmt.Sprintf("%s: %s", w, strings.Join(w.Checks(), ", ")))
	}
	if ns.Exempt {
		lines = append(lines, "(exempt in the API server's configuration)")
	}
	return ns.HeldBelow.Level + ": " + strings.Join(lines, "\n")
}

// writeHeld writes what holds each namespace back, with what puts it right.
func writeHeld(t *term.Terminal, p Preview) {
	for _, ns := range p.Namespaces {
		if ns.HeldBelow == nil {
			continue
		}
		t.Line("")
		t.Linef("%s is held below %s by %s", t.Paint(term.Strong, ns.Name), ns.HeldBelow.Level,
			term.Count(ns.HeldBelow.ViolatingWorkloads, "workload"))
		output.WriteWorkloads(t, 2, ns.HeldBelow.Workloads)
	}
}

// summary counts the namespaces by the level that they meet.
func (p Preview) summary() string {
	by, pods := map[string]int{}, 0
	for _, ns := range p.Namespaces {
		by[ns.Meets]++
		pods += ns.Pods
	}
	parts := []string{
		fmt.Sprintf("%d meet restricted", by[string(psaapi.LevelRestricted)]), fmt.Sprintf("%d baseline only", by[string(psaapi.LevelBaseline)]),
		fmt.Sprintf("%d do not meet baseline", by[string(psaapi.LevelPrivileged)]),
	}
	if p.Level != "" {
		parts = []string{fmt.Sprintf("%d meet %s", len(p.Namespaces)-p.violating(), p.Level), fmt.Sprintf("%d do not", p.violating())}
	}
	return fmt.Sprintf("%s, %s, judged by the standards of %s: %s.", term.Count(len(p.Namespaces), "namespace"), term.Count(pods, "pod"),
		p.StandardsVersion, strings.Join(parts, ", "))
}
