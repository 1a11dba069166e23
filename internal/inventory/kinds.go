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
	apiVersion, name string
	// intermediate objects stand between pods and the workload that people know: what they own counts for their controller, when they have one.
	intermediate bool
	// example is an object of the type that its watch delivers.
	example runtime.Object
}

var kinds = [kindCount]kindInfo{
	pods:                   {apiVersion: "v1", name: "Pod", example: &corev1.Pod{}},
	replicationControllers: {apiVersion: "v1", name: "ReplicationController", intermediate: true, example: &corev1.ReplicationController{}},
	podTemplates:           {apiVersion: "v1", name: "PodTemplate", example: &corev1.PodTemplate{}},
	replicaSets:            {apiVersion: "apps/v1", name: "ReplicaSet", intermediate: true, example: &appsv1.ReplicaSet{}},
	deployments:            {apiVersion: "apps/v1", name: "Deployment", example: &appsv1.Deployment{}},
	statefulSets:           {apiVersion: "apps/v1", name: "StatefulSet", example: &appsv1.StatefulSet{}},
	daemonSets:             {apiVersion: "apps/v1", name: "DaemonSet", example: &appsv1.DaemonSet{}},
	jobs:                   {apiVersion: "batch/v1", name: "Job", intermediate: true, example: &batchv1.Job{}},
	cronJobs:               {apiVersion: "batch/v1", name: "CronJob", example: &batchv1.CronJob{}},
}

// kindsByGroupKind finds the watched kind that an owner reference names.
var kindsByGroupKind = func() map[schema.GroupKind]kind {
	byGroupKind := map[schema.GroupKind]kind{}
	for k, info := range kinds {
		byGroupKind[schema.FromAPIVersionAndKind(info.apiVersion, info.name).GroupKind()] = kind(k)
	}
	return byGroupKind
}()

// objectID names an object of a watched kind inside its namespace.
type objectID struct {
	kind kind
	name string
}

// workload is the object as a workload.
func (id objectID) workload() workloadRef {
	return unique.Make(Workload{APIVersion: kinds[id.kind].apiVersion, Kind: kinds[id.kind].name, Name: id.name})
}

// intermediateID answers the object that a workload is, when it is of an intermediate kind.
func intermediateID(w Workload) (objectID, bool) {
	k, watched := kindsByGroupKind[schema.FromAPIVersionAndKind(w.APIVersion, w.Kind).GroupKind()]
	return objectID{kind: k, name: w.Name}, watched && kinds[k].intermediate
}
