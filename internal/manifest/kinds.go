// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/podsecurity-rollout/operator/internal/remedy"
)

// each is the step of a path into all items of a list, or all values of an object.
const each = "*"

// builtIn are the kinds that upstream takes a pod out of (admission.DefaultPodSpecExtractor), and their former groups, with the paths of their templates. A
// path of nothing means the object itself, which has metadata and spec like a template.
var builtIn = map[schema.GroupKind][]string{
	{Kind: "Pod"}:                             {""},
	{Kind: "PodTemplate"}:                     {"template"},
	{Kind: "ReplicationController"}:           {"spec.template"},
	{Group: "apps", Kind: "ReplicaSet"}:       {"spec.template"},
	{Group: "apps", Kind: "Deployment"}:       {"spec.template"},
	{Group: "apps", Kind: "StatefulSet"}:      {"spec.template"},
	{Group: "apps", Kind: "DaemonSet"}:        {"spec.template"},
	{Group: "batch", Kind: "Job"}:             {"spec.template"},
	{Group: "batch", Kind: "CronJob"}:         {"spec.jobTemplate.spec.template"},
	{Group: "extensions", Kind: "ReplicaSet"}: {"spec.template"},
	{Group: "extensions", Kind: "Deployment"}: {"spec.template"},
	{Group: "extensions", Kind: "DaemonSet"}:  {"spec.template"},
}

// custom are well-known kinds of others that hold pod templates.
var custom = map[schema.GroupKind][]string{
	{Group: "argoproj.io", Kind: "Rollout"}:                      {"spec.template"},
	{Group: "serving.knative.dev", Kind: "Service"}:              {"spec.template"},
	{Group: "serving.knative.dev", Kind: "Configuration"}:        {"spec.template"},
	{Group: "serving.knative.dev", Kind: "Revision"}:             {""},
	{Group: "apps.kruise.io", Kind: "CloneSet"}:                  {"spec.template"},
	{Group: "apps.kruise.io", Kind: "StatefulSet"}:               {"spec.template"},
	{Group: "apps.kruise.io", Kind: "DaemonSet"}:                 {"spec.template"},
	{Group: "apps.kruise.io", Kind: "BroadcastJob"}:              {"spec.template"},
	{Group: "apps.kruise.io", Kind: "AdvancedCronJob"}:           {"spec.template.jobTemplate.spec.template", "spec.template.broadcastJobTemplate.spec.template"},
	{Group: "apps.openshift.io", Kind: "DeploymentConfig"}:       {"spec.template"},
	{Group: "jobset.x-k8s.io", Kind: "JobSet"}:                   {"spec.replicatedJobs.*.template.spec.template"},
	{Group: "leaderworkerset.x-k8s.io", Kind: "LeaderWorkerSet"}: {"spec.leaderWorkerTemplate.leaderTemplate", "spec.leaderWorkerTemplate.workerTemplate"},
	{Group: "kubeflow.org", Kind: "PyTorchJob"}:                  {"spec.pytorchReplicaSpecs.*.template"},
	{Group: "kubeflow.org", Kind: "TFJob"}:                       {"spec.tfReplicaSpecs.*.template"},
	{Group: "kubeflow.org", Kind: "MPIJob"}:                      {"spec.mpiReplicaSpecs.*.template"},
	{Group: "keda.sh", Kind: "ScaledJob"}:                        {"spec.jobTargetRef.template"},
	{Group: "batch.volcano.sh", Kind: "Job"}:                     {"spec.tasks.*.template"},
}

// groupKind takes the version off.
func groupKind(apiVersion, kind string) schema.GroupKind {
	group, _, hasGroup := strings.Cut(apiVersion, "/")
	if !hasGroup {
		group = ""
	}
	return schema.GroupKind{Group: group, Kind: kind}
}

// misnamed says whether a kind has the name of a built-in one, and a group that neither Kubernetes has nor a custom resource can have. kubectl would not
// take it, and it must not pass for a kind without pods.
func misnamed(gk schema.GroupKind) bool {
	if strings.Contains(gk.Group, ".") {
		return false
	}
	for known := range builtIn {
		if strings.EqualFold(known.Kind, gk.Kind) {
			return true
		}
	}
	return false
}

// found is a value inside a document and where it is.
type found struct {
	path  remedy.Path
	value any
}

// find answers what is at the end of a path inside a value, without what is null.
func find(from found, path string) []found {
	all := []found{from}
	if path == "" {
		return all
	}
	for step := range strings.SplitSeq(path, ".") {
		var next []found
		for _, f := range all {
			next = append(next, f.follow(step)...)
		}
		all = next
	}
	return all
}

func (f found) follow(step string) []found {
	var below []found
	add := func(element remedy.Element, value any) {
		if value != nil {
			below = append(below, found{path: join(f.path, remedy.Path{element}), value: value})
		}
	}
	switch value := f.value.(type) {
	case map[string]any:
		if step != each {
			add(remedy.Element{Name: step}, value[step])
			break
		}
		for _, key := range slices.Sorted(maps.Keys(value)) {
			add(remedy.Element{Name: key}, value[key])
		}
	case []any:
		if step == each {
			for i, item := range value {
				add(remedy.Element{Index: i}, item)
			}
		}
	}
	return below
}

// join is a path from where another one ends. Neither is changed.
func join(path, below remedy.Path) remedy.Path {
	return slices.Concat(path, below)
}
