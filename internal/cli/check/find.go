// SPDX-License-Identifier: Apache-2.0

package check

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	psaapi "k8s.io/pod-security-admission/api"

	"github.com/podsecurity-rollout/operator/internal/cli/offline"
	"github.com/podsecurity-rollout/operator/internal/manifest"
	"github.com/podsecurity-rollout/operator/internal/remedy"
	"github.com/podsecurity-rollout/operator/internal/standards"
)

// findingsOf answers what a level and version hold against a pod, at each place.
func findingsOf(e *standards.Evaluator, lv psaapi.LevelVersion, file string, pod manifest.Pod) []Finding {
	meta, spec := &pod.Template.ObjectMeta, &pod.Template.Spec
	violated := e.Evaluate(lv, meta, spec)
	if len(violated) == 0 {
		return nil
	}
	edits, _ := remedy.Edits(e, lv, meta, spec)
	object := Object{APIVersion: pod.APIVersion, Kind: pod.Kind, Namespace: pod.Namespace, Name: pod.Name}
	var findings []Finding
	for _, v := range violated {
		known, _ := remedy.For(v.Check)
		for _, place := range places(pod, v.Check, edits) {
			at := pod.Locate(place)
			findings = append(findings, Finding{
				File: file, Line: at.Line, Column: at.Column, Object: object, Level: string(lv.Level), Version: lv.Version.String(),
				Check: v.Check, Field: pod.Whole(place).String(), Message: messageAt(e, lv, pod, place, v), Remedy: known.Text, URL: known.URL(),
				Fingerprint: fingerprint(object, v.Check, pod.Identity(place)),
			})
		}
	}
	return findings
}

// places are where a pod violates a check: the fields that would have to be edited, or the pod's spec when no edit would help.
func places(pod manifest.Pod, check string, edits []remedy.Edit) []remedy.Path {
	var all []remedy.Path
	for _, edit := range edits {
		if edit.Check == check && !offline.Alongside(edit) {
			all = append(all, inside(pod, edit)...)
		}
	}
	if len(all) == 0 {
		return []remedy.Path{{{Name: "spec"}}}
	}
	return all
}

// inside goes into what an edit takes away: a whole list is at fault for each of its items, and a volume for its source.
func inside(pod manifest.Pod, edit remedy.Edit) []remedy.Path {
	items := []remedy.Path{edit.Path}
	if edit.Op == remedy.Remove && pod.Items(edit.Path) > 0 {
		items = nil
		for i := range pod.Items(edit.Path) {
			items = append(items, append(slices.Clone(edit.Path), remedy.Element{Index: i}))
		}
	}
	for i, item := range items {
		if len(item) != 3 || item[1].Name != "volumes" {
			continue
		}
		source := slices.DeleteFunc(pod.Fields(item), func(name string) bool { return name == "name" })
		if len(source) > 0 {
			items[i] = append(slices.Clone(item), remedy.Element{Name: source[0]})
		}
	}
	return items
}

// messageAt is what upstream says of the place alone: of the one container, or the one volume.
func messageAt(e *standards.Evaluator, lv psaapi.LevelVersion, pod manifest.Pod, place remedy.Path, whole standards.Finding) string {
	for _, f := range e.Evaluate(lv, &pod.Template.ObjectMeta, only(pod.Template.Spec, place)) {
		if f.Check == whole.Check {
			return f.Message()
		}
	}
	return whole.Message()
}

// only leaves of a spec the container or volume that a path leads into, and what is the pod's.
func only(spec corev1.PodSpec, place remedy.Path) *corev1.PodSpec {
	if len(place) < 3 || place[2].Name != "" {
		return &spec
	}
	i := place[2].Index
	initContainers, containers, ephemeral, volumes := spec.InitContainers, spec.Containers, spec.EphemeralContainers, spec.Volumes
	switch place[1].Name {
	case "initContainers":
		spec.InitContainers, spec.Containers, spec.EphemeralContainers = initContainers[i:i+1], nil, nil
	case "containers":
		spec.InitContainers, spec.Containers, spec.EphemeralContainers = nil, containers[i:i+1], nil
	case "ephemeralContainers":
		spec.InitContainers, spec.Containers, spec.EphemeralContainers = nil, nil, ephemeral[i:i+1]
	case "volumes":
		spec.Volumes = volumes[i : i+1]
	}
	return &spec
}
