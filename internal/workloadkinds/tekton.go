// SPDX-License-Identifier: Apache-2.0

package workloadkinds

import (
	"fmt"
	"maps"
)

// podOfSteps makes, of the spec of a Tekton Task, the pod template that Tekton will make for a TaskRun, as far as the Task alone says (tektoncd/pipeline,
// pkg/pod: Builder.Build and v1.MergeStepsWithStepTemplate): a container for each step, with the stepTemplate's securityContext under its own, and
// one for each sidecar. A step that refers to a StepAction says nothing by itself and is left out.
func podOfSteps(task map[string]any) map[string]any {
	stepTemplate, _ := task["stepTemplate"].(map[string]any)
	containers := []any{}
	for i, step := range objects(task["steps"]) {
		if _, referring := step["ref"]; referring {
			continue
		}
		container := named(step, "step", i)
		if merged := merge(stepTemplate["securityContext"], step["securityContext"]); merged != nil {
			container["securityContext"] = merged
		}
		containers = append(containers, container)
	}
	for i, sidecar := range objects(task["sidecars"]) {
		containers = append(containers, named(sidecar, "sidecar", i))
	}
	spec := map[string]any{"containers": containers}
	if volumes, ok := task["volumes"]; ok {
		spec["volumes"] = volumes
	}
	return map[string]any{"spec": spec}
}

// objects are the elements of a list that are objects.
func objects(list any) []map[string]any {
	elements, _ := list.([]any)
	all := make([]map[string]any, 0, len(elements))
	for _, element := range elements {
		if object, ok := element.(map[string]any); ok {
			all = append(all, object)
		}
	}
	return all
}

// named is the container of a step or sidecar, under the name that Tekton gives it.
func named(object map[string]any, prefix string, i int) map[string]any {
	container := maps.Clone(object)
	name, _ := object["name"].(string)
	if name == "" {
		name = fmt.Sprint("unnamed-", i)
	}
	container["name"] = prefix + "-" + name
	return container
}

// merge lays one securityContext over another, field by field. Lists in it are replaced, as a strategic merge does with those that a securityContext has.
func merge(under, over any) any {
	below, belowIsObject := under.(map[string]any)
	above, aboveIsObject := over.(map[string]any)
	switch {
	case over == nil:
		return under
	case !belowIsObject || !aboveIsObject:
		return over
	}
	merged := maps.Clone(below)
	for key, value := range above {
		merged[key] = merge(below[key], value)
	}
	return merged
}
