// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
)

// maxDiffering bounds the containers that Violation.Differs names.
const maxDiffering = 8

// templateOf answers the template that the pods of a controller were made from: that of the controller, or else of the workload they count for; nil when
// neither shows one, or several.
func (n *namespace) templateOf(c *controller) *profile {
	for _, ref := range []workloadRef{c.ref, c.workload} {
		id, known := n.kinds.objectID(ref)
		if known && id.kind != pods && len(n.objects[id].profiles) == 1 {
			return n.objects[id].profiles[0]
		}
	}
	return nil
}

// workloadsWithPods are those that count at least one pod.
func (n *namespace) workloadsWithPods() map[workloadRef]bool {
	with := make(map[workloadRef]bool, len(n.controllers))
	for _, c := range n.controllers {
		with[c.workload] = true
	}
	return with
}

// held are what is held against groups that are present and ordered by workload, with the checks noted in which pods and templates differ.
func (i *Inventory) held(groups []*shown, q Query) []Violation {
	all := violations(groups)
	if len(all) == 0 {
		return nil
	}
	type statement struct {
		workload Workload
		check    string
	}
	ofPods := map[statement]bool{}
	for v := range all {
		if all[v].Source == SourcePod {
			ofPods[statement{all[v].Workload, all[v].Check}] = true
		}
	}
	byWorkload := map[Workload][]*shown{}
	for _, g := range groups {
		byWorkload[g.workload] = append(byWorkload[g.workload], g)
	}
	for v := range all {
		of := byWorkload[all[v].Workload]
		if all[v].Source == SourceTemplate {
			all[v].Apart = !ofPods[statement{all[v].Workload, all[v].Check}] && hasPods(of)
			continue
		}
		all[v].Apart, all[v].Differs = i.injected(&all[v], of, q)
	}
	return all
}

func hasPods(groups []*shown) bool {
	return slices.ContainsFunc(groups, func(g *shown) bool { return g.source == SourceTemplate && g.hasPods })
}

// injected says whether every pod that shows a violation was made from a template that complies with its check, and in which containers the first of them differs.
func (i *Inventory) injected(v *Violation, groups []*shown, q Query) (apart bool, differs string) {
	for _, g := range groups {
		if g.source != SourcePod || !says(g.findings, v) {
			continue
		}
		if g.template == nil || says(g.template.findings(i.evaluator, q.Level), v) {
			return false, ""
		}
		if !apart || g.example == v.Example {
			apart, differs = true, differing(g.profile, g.template)
		}
	}
	return apart, differs
}

// says is whether some finding is of a violation's check.
func says(findings []finding, v *Violation) bool {
	return slices.ContainsFunc(findings, func(f finding) bool { return f.check == v.Check })
}

// differing names the containers of a pod that its template does not have, or has otherwise.
func differing(pod, template *profile) string {
	of, err := pod.ref.Value().Profile()
	if err != nil {
		return ""
	}
	from, err := template.ref.Value().Profile()
	if err != nil {
		return ""
	}
	known := map[string]corev1.Container{}
	for _, c := range containersOf(&from.Spec) {
		known[c.Name] = c
	}
	var names []string
	for _, c := range containersOf(&of.Spec) {
		if same, there := known[c.Name]; !there || !equality.Semantic.DeepEqual(same, c) {
			names = append(names, c.Name)
		}
	}
	return strings.Join(names[:min(len(names), maxDiffering)], ", ")
}

// containersOf are all containers of a pod, of whatever sort.
func containersOf(spec *corev1.PodSpec) []corev1.Container {
	all := slices.Concat(spec.InitContainers, spec.Containers)
	for _, c := range spec.EphemeralContainers {
		all = append(all, corev1.Container(c.EphemeralContainerCommon))
	}
	return all
}
