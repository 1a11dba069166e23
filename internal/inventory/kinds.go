// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"unique"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// kind is one of the watched kinds: pods, and the kinds whose templates upstream checks (admission.DefaultPodSpecExtractor).
type kind uint8

const (
	pods kind = iota
	replicationControllers
	podTemplates
	replicaSets
	deployments
	statefulSets
	daemonSets
	jobs
	cronJobs
	kindCount
)

// kindInfo is what the inventory knows of a kind.
type kindInfo struct {
	name string
	ref  unique.Handle[workloadKind]
	// intermediate objects stand between pods and the workload that people know: what they own counts for their controller, when they have one.
	intermediate bool
	// example is an object of the type that its watch delivers.
	example runtime.Object
}

var kinds = [kindCount]kindInfo{
	pods:                   topKind("v1", "Pod", &corev1.Pod{}),
	replicationControllers: intermediateKind("v1", "ReplicationController", &corev1.ReplicationController{}),
	podTemplates:           topKind("v1", "PodTemplate", &corev1.PodTemplate{}),
	replicaSets:            intermediateKind("apps/v1", "ReplicaSet", &appsv1.ReplicaSet{}),
	deployments:            topKind("apps/v1", "Deployment", &appsv1.Deployment{}),
	statefulSets:           topKind("apps/v1", "StatefulSet", &appsv1.StatefulSet{}),
	daemonSets:             topKind("apps/v1", "DaemonSet", &appsv1.DaemonSet{}),
	jobs:                   intermediateKind("batch/v1", "Job", &batchv1.Job{}),
	cronJobs:               topKind("batch/v1", "CronJob", &batchv1.CronJob{}),
}

func topKind(apiVersion, name string, example runtime.Object) kindInfo {
	return kindInfo{name: name, ref: unique.Make(workloadKind{apiVersion: apiVersion, kind: name}), example: example}
}

func intermediateKind(apiVersion, name string, example runtime.Object) kindInfo {
	info := topKind(apiVersion, name, example)
	info.intermediate = true
	return info
}

// kindsByRef and kindsByGroupKind find the watched kind that a reference names: the first in the watched version, the second in any.
var kindsByRef, kindsByGroupKind = func() (map[unique.Handle[workloadKind]]kind, map[schema.GroupKind]kind) {
	byRef, byGroupKind := map[unique.Handle[workloadKind]]kind{}, map[schema.GroupKind]kind{}
	for k, info := range kinds {
		byRef[info.ref] = kind(k)
		byGroupKind[schema.FromAPIVersionAndKind(info.ref.Value().apiVersion, info.name).GroupKind()] = kind(k)
	}
	return byRef, byGroupKind
}()

// objectID names an object of a watched kind inside its namespace.
type objectID struct {
	kind kind
	name string
}

// ref is the object as a workload.
func (id objectID) ref() workloadRef {
	return workloadRef{kind: kinds[id.kind].ref, name: id.name}
}
