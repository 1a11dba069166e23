// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	psaapi "k8s.io/pod-security-admission/api"

	"github.com/podsecurity-rollout/operator/internal/cli/output"
	"github.com/podsecurity-rollout/operator/internal/cli/term"
	"github.com/podsecurity-rollout/operator/internal/remedy"
)

// The values of --by.
const (
	byOwner     = "owner"
	byNamespace = "namespace"
	byCheck     = "check"
)

// view is one way to list a report: in full for a spreadsheet, and for a terminal what fits there.
type view struct {
	columns []string
	rows    func(Report) [][]string

	headers []string
	cells   func(Report) [][]term.Cell
}

var views = map[string]view{
	byOwner: {
		columns: []string{"owner", "namespace", "workload", "level", "check", "pods", "message", "remedy"}, rows: ownerRows,
		headers: []string{"OWNER", "NAMESPACE", "WORKLOAD", "PODS", "VIOLATES"}, cells: ownerCells,
	},
	byNamespace: {
		columns: []string{"namespace", "meets", "enforces", "pods", "workloads", "violating", "checks"}, rows: namespaceRows,
		headers: []string{"NAMESPACE", "MEETS", "WORKLOADS", "VIOLATING", "CHECKS"}, cells: namespaceCells,
	},
	byCheck: {
		columns: []string{"check", "level", "workloads", "namespaces", "remedy"}, rows: checkRows,
		headers: []string{"CHECK", "WORKLOADS", "NAMESPACES", "REMEDY"}, cells: checkCells,
	},
}

func ownerRows(r Report) [][]string {
	var rows [][]string
	for _, v := range r.byOwner() {
		fix, _ := remedy.For(v.Check)
		rows = append(rows, []string{v.Owner, v.Namespace, v.Workload, v.Level, v.Check, strconv.Itoa(int(v.Pods)), v.Message, fix.Text})
	}
	return rows
}

// ownerCells has one row for each workload, the violations of which stand together.
func ownerCells(r Report) [][]term.Cell {
	var rows [][]term.Cell
	violations := r.byOwner()
	for start := 0; start < len(violations); {
		first, end := violations[start], start
		var pods int32
		checks := map[string][]string{}
		for ; end < len(violations) && violations[end].Namespace == first.Namespace && violations[end].Workload == first.Workload; end++ {
			v := violations[end]
			pods = max(pods, v.Pods)
			if !slices.Contains(checks[v.Level], v.Check) {
				checks[v.Level] = append(checks[v.Level], v.Check)
			}
		}
		style, lines := term.Warn, []string{}
		for _, level := range []psaapi.Level{psaapi.LevelBaseline, psaapi.LevelRestricted} {
			if of := checks[string(level)]; len(of) > 0 {
				lines = append(lines, string(level)+": "+strings.Join(of, ", "))
			}
		}
		if len(checks[string(psaapi.LevelBaseline)]) > 0 {
			style = term.Bad
		}
		rows = append(rows, []term.Cell{
			{Text: cmp.Or(first.Owner, "-")}, {Text: first.Namespace}, {Text: first.Workload}, {Text: strconv.Itoa(int(pods)), Right: true}, {Text: strings.Join(lines, "\n"), Style: style},
		})
		start = end
	}
	return rows
}

// byOwner are the violations by who owns the workload, those that nobody owns last.
func (r Report) byOwner() []Violation {
	return slices.SortedStableFunc(slices.Values(r.Violations), func(a, b Violation) int {
		if (a.Owner == "") != (b.Owner == "") {
			return -cmp.Compare(a.Owner, b.Owner)
		}
		return cmp.Compare(a.Owner, b.Owner)
	})
}

func namespaceRows(r Report) [][]string {
	checks := r.checksByNamespace()
	var rows [][]string
	for _, ns := range r.Namespaces {
		rows = append(rows, []string{
			ns.Name, ns.Meets, ns.Enforce, strconv.Itoa(ns.Pods), strconv.Itoa(ns.Workloads), strconv.Itoa(ns.Violating),
			strings.Join(checks[ns.Name], " "),
		})
	}
	return rows
}

func namespaceCells(r Report) [][]term.Cell {
	checks := r.checksByNamespace()
	var rows [][]term.Cell
	for _, ns := range r.Namespaces {
		rows = append(rows, []term.Cell{
			{Text: ns.Name}, {Text: ns.Meets, Style: output.LevelStyle(ns.Meets)}, {Text: strconv.Itoa(ns.Workloads), Right: true},
			{Text: strconv.Itoa(ns.Violating), Right: true}, {Text: strings.Join(checks[ns.Name], ", ")},
		})
	}
	return rows
}

// checksByNamespace are the checks that something in each namespace violates, each once.
func (r Report) checksByNamespace() map[string][]string {
	checks := map[string][]string{}
	for _, v := range r.Violations {
		if !slices.Contains(checks[v.Namespace], v.Check) {
			checks[v.Namespace] = append(checks[v.Namespace], v.Check)
		}
	}
	return checks
}

func checkRows(r Report) [][]string {
	var rows [][]string
	for _, c := range r.Checks {
		rows = append(rows, []string{c.Check, c.Level, strconv.Itoa(c.Workloads), strconv.Itoa(c.Namespaces), c.Remedy})
	}
	return rows
}

func checkCells(r Report) [][]term.Cell {
	var rows [][]term.Cell
	for _, c := range r.Checks {
		style := term.Warn
		if c.Level == string(psaapi.LevelBaseline) {
			style = term.Bad
		}
		rows = append(rows, []term.Cell{
			{Text: c.Check, Style: style}, {Text: strconv.Itoa(c.Workloads), Right: true}, {Text: strconv.Itoa(c.Namespaces), Right: true}, {Text: c.Remedy},
		})
	}
	return rows
}
