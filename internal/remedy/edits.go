// SPDX-License-Identifier: Apache-2.0

package remedy

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	psaapi "k8s.io/pod-security-admission/api"

	"github.com/podsecurity-rollout/operator/internal/standards"
)

// Edits answers the edits that make a pod, or a pod template, comply with a level at a version, and what no edit can put right. Edits come in the order of
// the findings that ask for them (see standards.Evaluator.Evaluate), without any that is not needed, and are to be applied in that order; some may be left
// out. Both answers are nil for a pod that complies. meta and spec are only read, and may be nil, which reads as empty.
//
// They have to be whole: a standards.Profile has lost what is not checked, so indexes would be wrong and mounts of volumes would be missed. A volume that
// names no source, an emptyDir to the API server, has to be given that default first.
func Edits(e *standards.Evaluator, lv psaapi.LevelVersion, meta *metav1.ObjectMeta, spec *corev1.PodSpec) ([]Edit, []Unfixable) {
	if meta == nil {
		meta = &metav1.ObjectMeta{}
	}
	if spec == nil {
		spec = &corev1.PodSpec{}
	}
	var edits []Edit
	var unfixable []Unfixable
	findings := e.Evaluate(lv, meta, spec)
	for _, finding := range findings {
		v := &violation{evaluator: e, level: lv, check: finding.Check, findings: findings, meta: meta, spec: spec, containers: containersOf(spec)}
		if spec.SecurityContext != nil {
			v.security = *spec.SecurityContext
		}
		for _, edit := range v.edits() {
			edit.Check = finding.Check
			edits = append(edits, edit)
		}
		for _, reason := range v.reasons {
			unfixable = append(unfixable, Unfixable{Check: finding.Check, Reason: reason})
		}
	}
	return edits, unfixable
}

// violation is one check that a pod violates at a level and version.
type violation struct {
	evaluator *standards.Evaluator
	level     psaapi.LevelVersion
	check     string
	findings  []standards.Finding // all that the pod violates

	meta       *metav1.ObjectMeta
	spec       *corev1.PodSpec
	security   corev1.PodSecurityContext // the pod's, empty when there is none
	containers []container

	reasons []string // why it cannot be put right, or not altogether
}

// container is one of any of the three lists, where it is, and its security context, empty when there is none.
type container struct {
	*corev1.Container
	path     Path
	security corev1.SecurityContext
}

// containersOf lists the containers in the order in which checks visit them (upstream's visitContainers).
func containersOf(spec *corev1.PodSpec) []container {
	var all []container
	collect := func(list string, i int, c *corev1.Container) {
		found := container{Container: c, path: path("spec", list).item(i)}
		if c.SecurityContext != nil {
			found.security = *c.SecurityContext
		}
		all = append(all, found)
	}
	for i := range spec.InitContainers {
		collect("initContainers", i, &spec.InitContainers[i])
	}
	for i := range spec.Containers {
		collect("containers", i, &spec.Containers[i])
	}
	for i := range spec.EphemeralContainers {
		collect("ephemeralContainers", i, (*corev1.Container)(&spec.EphemeralContainers[i].EphemeralContainerCommon))
	}
	return all
}

// podSecurity is the path of fields of the pod's security context.
func podSecurity(names ...string) Path {
	return path("spec", "securityContext").child(names...)
}

// securityPath is the path of fields of the container's security context.
func (c container) securityPath(names ...string) Path {
	return c.path.child("securityContext").child(names...)
}

// edits looks the check up in the table.
func (v *violation) edits() []Edit {
	r, known := For(v.check)
	switch {
	case !known:
		v.giveUp("no remedy is known here")
	case r.linuxOnly && v.spec.OS != nil && v.spec.OS.Name == corev1.Windows:
		v.giveUp("a pod of Windows cannot set what versions before v1.25 ask of it")
	default:
		return r.edits(v)
	}
	return nil
}

// giveUp says why no edit helps.
func (v *violation) giveUp(reason string) {
	v.reasons = append(v.reasons, reason)
}

// violates says whether the pod violates some other check.
func (v *violation) violates(check string) bool {
	return slices.ContainsFunc(v.findings, func(f standards.Finding) bool { return f.Check == check })
}

// minds says whether the check is violated by a pod that holds nothing but what is given. What a version allows is upstream's to know.
func (v *violation) minds(meta *metav1.ObjectMeta, spec *corev1.PodSpec) bool {
	for _, finding := range v.evaluator.Evaluate(v.level, meta, spec) {
		if finding.Check == v.check {
			return true
		}
	}
	return false
}

// mindsPod says whether the check minds something in a pod's security context.
func (v *violation) mindsPod(sc corev1.PodSecurityContext) bool {
	return v.minds(nil, &corev1.PodSpec{SecurityContext: &sc})
}

// mindsContainer says whether the check minds something in a container's security context.
func (v *violation) mindsContainer(sc corev1.SecurityContext) bool {
	return v.minds(nil, &corev1.PodSpec{Containers: []corev1.Container{{SecurityContext: &sc}}})
}
