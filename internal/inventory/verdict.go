// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/util/sets"
	psaapi "k8s.io/pod-security-admission/api"
)

// Source says where a violation shows.
type Source string

const (
	// SourcePod is for pods that exist. A pod may differ from its template, when something changes pods as they are created.
	SourcePod Source = "Pod"
	// SourceTemplate is for pod templates, so for pods still to come.
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
	presentNow, goneBefore, synced := i.snapshot(name)
	if !synced {
		return Verdict{}, false
	}
	present, gone := byWorkload(presentNow), byWorkload(goneBefore)
	v := Verdict{Workloads: countWorkloads(present)}
	for _, s := range present {
		v.Pods += s.pods
		if q.exempt(s) {
			v.ExemptPods += s.pods
		}
	}
	violating := i.judge(present, q)
	v.ViolatingWorkloads = countWorkloads(violating)
	v.Violations = violations(violating)
	v.Departed = without(violations(i.judge(gone, q)), v.Violations)
	return v, true
}

func (q Query) exempt(s *shown) bool {
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
	// findings are what the query's level holds against it, once it has been judged.
	findings []finding
}

// snapshot answers what a namespace shows and what it has shown. It locks for reading, unless it has to look for examples.
func (i *Inventory) snapshot(name string) (present, gone []shown, synced bool) {
	i.mu.RLock()
	if n, known := i.namespaces[name]; known && n.unsure {
		i.mu.RUnlock()
		present, gone, synced = i.settledSnapshot(name)
	} else {
		present, gone, synced = i.lockedSnapshot(name)
		i.mu.RUnlock()
	}
	return present, gone, synced
}

// byWorkload orders groups by workload.
func byWorkload(groups []shown) []*shown {
	ordered := make([]*shown, len(groups))
	for i := range groups {
		ordered[i] = &groups[i]
	}
	slices.SortFunc(ordered, func(a, b *shown) int { return compareWorkloads(a.workload, b.workload) })
	return ordered
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
			all = append(all, shown{profile: c.profile, workload: owner.workload.workload(), source: SourcePod, pods: c.pods, example: c.first})
		}
	}
	for g := range n.groups {
		if g.template {
			all = append(all, shown{profile: g.profile, workload: g.workload.workload(), source: SourceTemplate})
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
		all = append(all, shown{profile: g.profile, workload: g.workload.workload(), source: source, example: d.example, lastSeen: d.at})
	}
	return all
}

// countWorkloads counts those of groups ordered by workload.
func countWorkloads(groups []*shown) int {
	count := 0
	for i := range groups {
		if i == 0 || groups[i].workload != groups[i-1].workload {
			count++
		}
	}
	return count
}

// judge picks the groups against which the query's level holds something, in their order.
func (i *Inventory) judge(groups []*shown, q Query) []*shown {
	violating := make([]*shown, 0, len(groups))
	for _, g := range groups {
		if q.exempt(g) {
			continue
		}
		if g.findings = g.profile.findings(i.evaluator, q.Level); len(g.findings) > 0 {
			violating = append(violating, g)
		}
	}
	return violating
}
