// SPDX-License-Identifier: Apache-2.0

package reportgate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

// maxCount is up to where results are counted in a message: a tool that reports
// event after event must not have a status written for each.
const maxCount = 20

// Failing answers one sentence for each gate that the reports of a namespace fail,
// in the order of the gates. Each names the report that fails the worst, and is
// the same for the same reports in any order.
func Failing(gates []v1alpha1.ReportGate, reports []Report) []string {
	var out []string
	for _, gate := range gates {
		if held := heldBy(gate, reports); len(held) > 0 {
			out = append(out, sentence(gate, held))
		}
	}
	return out
}

// failing is a report with what of it a gate counts, in one.
type failing struct {
	Report
	Failures
}

// heldBy answers the reports that fail a gate, the worst first.
func heldBy(gate v1alpha1.ReportGate, reports []Report) []failing {
	least := severityOf(gate.MinSeverity)
	var out []failing
	for _, r := range reports {
		var counted Failures
		for _, f := range r.Failures { // the gravest first
			if !strings.EqualFold(f.Source, strings.TrimSpace(gate.Source)) || !f.Severity.counts(least) {
				continue
			}
			if counted.Results == 0 {
				counted = f
				continue
			}
			counted.Results += f.Results
		}
		if counted.Results > 0 {
			out = append(out, failing{Report: r, Failures: counted})
		}
	}
	slices.SortFunc(out, func(a, b failing) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	return out
}

func sentence(gate v1alpha1.ReportGate, held []failing) string {
	worst := held[0]
	out := gate.Source
	if gate.MinSeverity != "" {
		out += fmt.Sprintf(" (%s or worse)", gate.MinSeverity)
	}
	out += fmt.Sprintf(": %s %s has %s", worst.Kind, worst.Name, count(worst.Results, "failing result", "failing results"))
	if worst.Example != "" {
		out += ", such as " + worst.Example
	}
	if others := len(held) - 1; others > 0 {
		out += ", and " + count(others, "more report", "more reports")
	}
	return out
}

func count(n int, one, many string) string {
	switch {
	case n == 1:
		return "1 " + one
	case n > maxCount:
		return fmt.Sprintf("more than %d %s", maxCount, many)
	}
	return fmt.Sprintf("%d %s", n, many)
}
