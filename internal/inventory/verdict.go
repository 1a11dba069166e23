// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"cmp"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/util/sets"
	psaapi "k8s.io/pod-security-admission/api"
)

// Source says where a violation shows.
type Source string

const (
	// SourcePod: in pods that exist. A pod may differ from its template, when something changes pods as they are created.
	SourcePod Source = "Pod"
	// SourceTemplate: in a pod template, so in pods still to come.
	SourceTemplate Source = "Template"
)

// Violation is what one check holds against one workload.
type Violation struct {
	Workload Workload
	Source   Source
	// Level is the level the check belongs to, see standards.Finding.
	Level psaapi.Level
	// Check is the upstream check ID, Message its reason and detail as upstream writes them.
	Check, Message string
	// Pods is how many present pods show it: 0 for a template, and for what is gone.
	Pods int
	// Example is the lexically first of these pods; of what is gone the pod that was last seen; "" for a template.
	Example string
	// LastSeen is zero while it is present, and when it was last seen once it is gone. After an interrupted watch that is when its absence was noticed.
	LastSeen time.Time
}

// Query asks what a level holds against a namespace.
type Query struct {
	// Level with a concrete version, see standards.Effective; "latest" is the library's newest.
	Level psaapi.LevelVersion
	// ExemptRuntimeClasses are those that the server's configuration exempts (upstream's Admission.exemptRuntimeClass).
	ExemptRuntimeClasses sets.Set[string]
}

// Verdict is what a level holds against a namespace.
type Verdict struct {
	// Pods are all pods, completed and exempt ones included, as upstream counts them.
	Pods int
	// Workloads own a pod or a template; ViolatingWorkloads of them violate the level.
	Workloads, ViolatingWorkloads int
	// ExemptPods are the pods of exempt runtime classes. Nothing is held against them, nor against such templates.
	ExemptPods int
	// Violations that are present, ordered by level (the least strict first), workload (kind, then name), check, source, message.
	Violations []Violation
	// Departed are violations that are no longer present, in the same order, within the bounds of Options. What a workload still shows is not
	// listed, whichever of its subjects is gone.
	Departed []Violation
}

// Compliant says whether nothing that is present violates the level.
func (v Verdict) Compliant() bool {
	return len(v.Violations) == 0
}

// Verdict answers what the query's level holds against a namespace, and false as long as not every watch has synced. A namespace without any subject, known
// to the API server or not, is compliant. The time it takes goes with the distinct profiles and workloads of the namespace, not with its pods.
func (i *Inventory) Verdict(name string, q Query) (Verdict, bool) {
	present, gone, synced := i.snapshot(name)
	if !synced {
		return Verdict{}, false
	}
	var v Verdict
	v.Workloads = countWorkloads(present)
	for _, s := range present {
		v.Pods += s.pods
		if q.exempt(s) {
			v.ExemptPods += s.pods
		}
	}
	v.Violations = i.violations(present, q)
	v.ViolatingWorkloads = countViolating(v.Violations)
	v.Departed = without(i.violations(gone, q), v.Violations)
	return v, true
}

func (q Query) exempt(s shown) bool {
	return s.profile.runtimeClass != "" && q.ExemptRuntimeClasses.Has(s.profile.runtimeClass)
}

// shown is a group as a verdict sees it.
type shown struct {
	profile  *profile
	workload Workload
	source   Source
	pods     int
	example  string
	lastSeen time.Time
}

// snapshot answers what a namespace shows and what it has shown, each ordered by workload. It locks for reading, unless it has to look for examples.
func (i *Inventory) snapshot(name string) (present, gone []shown, synced bool) {
	i.mu.RLock()
	if n, known := i.namespaces[name]; known && n.unsure {
		i.mu.RUnlock()
		present, gone, synced = i.settledSnapshot(name)
	} else {
		present, gone, synced = i.lockedSnapshot(name)
		i.mu.RUnlock()
	}
	byWorkload := func(a, b shown) int { return compareWorkloads(a.workload, b.workload) }
	slices.SortFunc(present, byWorkload)
	slices.SortFunc(gone, byWorkload)
	return present, gone, synced
}

func (i *Inventory) settledSnapshot(name string) (present, gone []shown, synced bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if n, known := i.namespaces[name]; known {
		n.settle()
	}
	return i.lockedSnapshot(name)
}

func (i *Inventory) lockedSnapshot(name string) (present, gone []shown, synced bool) {
	if len(i.unsynced) > 0 {
		return nil, nil, false
	}
	if n, known := i.namespaces[name]; known {
		present, gone = n.present(), n.gone(i.options.Clock.Now().Add(-i.options.DepartedFor))
	}
	return present, gone, true
}

// present are the cohorts, and the groups of templates.
func (n *namespace) present() []shown {
	all := make([]shown, 0, len(n.groups))
	for _, owner := range n.controllers {
		for _, c := range owner.cohorts {
			all = append(all, shown{profile: c.profile, workload: owner.workload.Value(), source: SourcePod, pods: c.pods, example: c.first})
		}
	}
	for g := range n.groups {
		if g.template {
			all = append(all, shown{profile: g.profile, workload: g.workload.Value(), source: SourceTemplate})
		}
	}
	return all
}

// gone are the groups last seen after a time.
func (n *namespace) gone(after time.Time) []shown {
	var all []shown
	for g, d := range n.departed.groups {
		if !d.at.After(after) {
			continue
		}
		source := SourcePod
		if g.template {
			source = SourceTemplate
		}
		all = append(all, shown{profile: g.profile, workload: g.workload.Value(), source: source, example: d.example, lastSeen: d.at})
	}
	return all
}

// violations are the violations of groups that are ordered by workload: for each level, for each workload, one for each distinct check, source and message.
func (i *Inventory) violations(groups []shown, q Query) []Violation {
	if q.Level.Level == psaapi.LevelPrivileged {
		return nil
	}
	var all []Violation
	for _, level := range []psaapi.Level{psaapi.LevelBaseline, psaapi.LevelRestricted} {
		for start := 0; start < len(groups); {
			end := start + 1
			for end < len(groups) && groups[end].workload == groups[start].workload {
				end++
			}
			all = i.appendViolations(all, groups[start:end], level, q)
			start = end
		}
	}
	return all
}

// appendViolations adds those of one workload that belong to one level.
func (i *Inventory) appendViolations(all []Violation, groups []shown, level psaapi.Level, q Query) []Violation {
	start := len(all)
	for _, g := range groups {
		if q.exempt(g) {
			continue
		}
		for _, f := range g.profile.findings(i.evaluator, q.Level) {
			if f.level == level {
				all = append(all, Violation{
					Workload: g.workload, Source: g.source, Level: f.level, Check: f.check, Message: f.message,
					Pods: g.pods, Example: g.example, LastSeen: g.lastSeen,
				})
			}
		}
	}
	slices.SortStableFunc(all[start:], compareWithinWorkload)
	return merged(all, start)
}

func compareWithinWorkload(a, b Violation) int {
	return cmp.Or(cmp.Compare(a.Check, b.Check), cmp.Compare(a.Source, b.Source), cmp.Compare(a.Message, b.Message))
}

// merged makes one of neighbours from start on that say the same, as when two ReplicaSets of a Deployment do.
func merged(all []Violation, start int) []Violation {
	kept := all[:start]
	for _, v := range all[start:] {
		if last := len(kept) - 1; last >= start && compareWithinWorkload(kept[last], v) == 0 {
			kept[last].merge(v)
			continue
		}
		kept = append(kept, v)
	}
	return kept
}

// merge adds another of the same workload, source, check and message: of what is present the first pod is the example, of what is gone the last seen.
func (v *Violation) merge(other Violation) {
	v.Pods += other.Pods
	switch {
	case other.LastSeen.After(v.LastSeen):
		v.LastSeen, v.Example = other.LastSeen, other.Example
	case other.LastSeen.Equal(v.LastSeen) && other.Example < v.Example:
		v.Example = other.Example
	}
}

// without leaves out the violations that others say as well.
func without(violations, others []Violation) []Violation {
	if len(violations) == 0 {
		return nil
	}
	said := make(map[Violation]bool, len(others))
	for _, v := range others {
		said[v.statement()] = true
	}
	return slices.DeleteFunc(violations, func(v Violation) bool { return said[v.statement()] })
}

// statement is the violation without who shows it and when.
func (v Violation) statement() Violation {
	return Violation{Workload: v.Workload, Source: v.Source, Level: v.Level, Check: v.Check, Message: v.Message}
}

// countWorkloads counts those of groups ordered by workload.
func countWorkloads(groups []shown) int {
	count := 0
	for i := range groups {
		if i == 0 || groups[i].workload != groups[i-1].workload {
			count++
		}
	}
	return count
}

func countViolating(violations []Violation) int {
	violating := map[Workload]bool{}
	for i := range violations {
		violating[violations[i].Workload] = true
	}
	return len(violating)
}
