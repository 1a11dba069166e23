// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"cmp"
	"slices"

	psaapi "k8s.io/pod-security-admission/api"
)

// statement is one finding on one group.
type statement struct {
	group   *shown
	finding *finding
}

// compareStatements orders those of one workload and level. Equal ones make one violation.
func compareStatements(a, b statement) int {
	if c := cmp.Compare(a.finding.check, b.finding.check); c != 0 {
		return c
	}
	if c := cmp.Compare(a.group.source, b.group.source); c != 0 {
		return c
	}
	return cmp.Compare(a.finding.message, b.finding.message)
}

// violations are what is held against groups that are ordered by workload: for each level, for each workload, one for each distinct check, source and message.
func violations(groups []*shown) []Violation {
	count := 0
	for _, g := range groups {
		count += len(g.findings)
	}
	if count == 0 {
		return nil
	}
	all := make([]Violation, 0, count)
	var statements []statement
	for _, level := range []psaapi.Level{psaapi.LevelBaseline, psaapi.LevelRestricted} {
		for start := 0; start < len(groups); {
			end := start + 1
			for end < len(groups) && groups[end].workload == groups[start].workload {
				end++
			}
			statements = appendStatements(statements[:0], groups[start:end], level)
			all = appendViolations(all, statements)
			start = end
		}
	}
	return all
}

// appendStatements adds the findings of one workload's groups that belong to one level, in order.
func appendStatements(all []statement, groups []*shown, level psaapi.Level) []statement {
	for _, g := range groups {
		for f := range g.findings {
			if g.findings[f].level == level {
				all = append(all, statement{group: g, finding: &g.findings[f]})
			}
		}
	}
	slices.SortFunc(all, compareStatements)
	return all
}

// appendViolations adds one violation for all statements that are equal, as when two ReplicaSets of a Deployment say the same.
func appendViolations(all []Violation, statements []statement) []Violation {
	for i, s := range statements {
		if i > 0 && compareStatements(statements[i-1], s) == 0 {
			all[len(all)-1].add(s.group)
			continue
		}
		all = append(all, Violation{
			Workload: s.group.workload, Source: s.group.source, Level: s.finding.level, Check: s.finding.check, Message: s.finding.message,
			Pods: s.group.pods, Example: s.group.example, LastSeen: s.group.lastSeen,
		})
	}
	return all
}

// add counts another group that says the same: of what is present the first pod is the example, of what is gone the last seen.
func (v *Violation) add(g *shown) {
	v.Pods += g.pods
	switch {
	case g.lastSeen.After(v.LastSeen):
		v.LastSeen, v.Example = g.lastSeen, g.example
	case g.lastSeen.Equal(v.LastSeen) && g.example < v.Example:
		v.Example = g.example
	}
}

// without leaves out the violations that others say as well.
func without(violations, others []Violation) []Violation {
	if len(violations) == 0 {
		return nil
	}
	said := make(map[Violation]bool, len(others))
	for _, v := range others {
		said[v.bare()] = true
	}
	return slices.DeleteFunc(violations, func(v Violation) bool { return said[v.bare()] })
}

// bare is the violation without who shows it and when.
func (v Violation) bare() Violation {
	return Violation{Workload: v.Workload, Source: v.Source, Level: v.Level, Check: v.Check, Message: v.Message}
}
