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
	// Apart is set when pods and template of the workload differ in this check: of a pod, its template is known and complies with it; of a template, there are
	// pods of the workload and none violates it.
	Apart bool
	// Differs names the containers in which the first such pod differs from its template, separated by commas, at most maxDiffering: "" when it differs in
	// none of them, so in the pod itself, and of a template.
	Differs string
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
	s := i.snapshot(name, q)
	if !s.synced {
		return Verdict{}, false
	}
	violating := i.judge(s.present, q)
	v := Verdict{
		Pods: s.pods, ExemptPods: s.exemptPods,
		Workloads: s.workloads, ViolatingWorkloads: countWorkloads(violating), Violations: i.held(violating, q),
	}
	v.Departed = without(violations(i.judge(s.gone, q)), v.Violations)
	return v, true
}

// judge picks the groups against which the query's level holds something, ordered by workload.
func (i *Inventory) judge(groups []shown, q Query) []*shown {
	violating := make([]*shown, 0, len(groups))
	for g := range groups {
		groups[g].findings = groups[g].profile.findings(i.evaluator, q.Level)
		if len(groups[g].findings) > 0 {
			violating = append(violating, &groups[g])
		}
	}
	slices.SortFunc(violating, func(a, b *shown) int { return compareWorkloads(a.workload, b.workload) })
	return violating
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
