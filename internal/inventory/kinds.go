// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"strings"
	"unique"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/podsecurity-rollout/operator/internal/workloadkinds"
)

// kind is one of the kinds of a catalog, by its place there.
type kind uint16

// The built-in kinds, which every server has: pods, and those whose templates upstream checks (admission.DefaultPodSpecExtractor).
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
	builtinCount
)

// definitions are the CustomResourceDefinitions, which tell what custom kinds there are. No objects of theirs are kept. The custom kinds come after.
const (
	definitions = builtinCount
	firstCustom = definitions + 1
)

// kindInfo is what the inventory knows of a kind.
type kindInfo struct {
	name string
	ref  unique.Handle[workloadKind]
	// intermediate objects stand between pods and the workload that people know: what they own counts for their controller, of whatever kind it is.
	intermediate bool
	// example is an object of the type that its watch delivers.
	example runtime.Object
	// custom says where objects of a custom kind have pod templates.
	custom workloadkinds.Kind
}

var builtins = [builtinCount]kindInfo{
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

// customKind is watched whole for its templates, by its metadata when it has none.
func customKind(k workloadkinds.Kind) kindInfo {
	apiVersion, name := k.ToAPIVersionAndKind()
	if len(k.Templates) == 0 {
		info := topKind(apiVersion, name, &metav1.PartialObjectMetadata{})
		info.custom = k
		return info
	}
	example := &unstructured.Unstructured{}
	example.SetGroupVersionKind(k.GroupVersionKind)
	info := topKind(apiVersion, name, example)
	info.custom = k
	return info
}

// catalog are the kinds that an inventory knows: the built-in ones, and the custom ones that it was made with, served or not.
type catalog struct {
	infos []kindInfo
	// byRef and byGroupKind find the kind that a reference names: the first in the watched version, the second in any.
	byRef       map[unique.Handle[workloadKind]]kind
	byGroupKind map[schema.GroupKind]kind
	// owning are the kinds that objects have named as their controllers. The inventory's lock guards it.
	owning []bool
}

func newCatalog(custom []workloadkinds.Kind) *catalog {
	c := &catalog{
		infos: append(builtins[:builtinCount:builtinCount], kindInfo{name: "CustomResourceDefinition", example: &metav1.PartialObjectMetadata{}}),
		byRef: map[unique.Handle[workloadKind]]kind{}, byGroupKind: map[schema.GroupKind]kind{},
	}
	for _, k := range custom {
		c.infos = append(c.infos, customKind(k))
	}
	for k, info := range c.infos {
		if kind(k) == definitions {
			continue
		}
		c.byRef[info.ref] = kind(k)
		c.byGroupKind[schema.FromAPIVersionAndKind(info.ref.Value().apiVersion, info.name).GroupKind()] = kind(k)
	}
	c.owning = make([]bool, len(c.infos))
	return c
}

// customKinds are the kinds that may be served or not.
func (c *catalog) customKinds() []kind {
	var all []kind
	for k := firstCustom; int(k) < len(c.infos); k++ {
		all = append(all, k)
	}
	return all
}

// follows says whether what an object of a kind owns, and the object itself, counts for its controller. It does for an intermediate object, and for any
// whose controller is of a custom kind: a Deployment of a Knative Revision, a VirtualMachineInstance of a VirtualMachine. A Deployment of anything else is
// where people look: the DaemonSets and Deployments of one installation would be one workload otherwise.
func (c *catalog) follows(k kind, controller workloadRef) bool {
	if controller == (workloadRef{}) {
		return false
	}
	above, known := c.byRef[controller.kind]
	return c.infos[k].intermediate || known && above >= firstCustom
}

// hasTemplates says whether objects of the kind that a reference names show what their pods are to be, so that an old ReplicaSet of theirs need not.
func (c *catalog) hasTemplates(ref workloadRef) bool {
	k, known := c.byRef[ref.kind]
	return known && (k == deployments || len(c.infos[k].custom.Templates) > 0)
}

// controllerOf answers the controller of an object, the zero ref when it has none. Of a known kind the API version is the one watched, so that an old
// reference meets its object.
func (c *catalog) controllerOf(object metav1.Object) workloadRef {
	owner := metav1.GetControllerOfNoCopy(object)
	if owner == nil {
		return workloadRef{}
	}
	ref := Workload{APIVersion: owner.APIVersion, Kind: owner.Kind, Name: strings.Clone(owner.Name)}.ref()
	if _, known := c.byRef[ref.kind]; known {
		return ref
	}
	if k, known := c.byGroupKind[schema.FromAPIVersionAndKind(owner.APIVersion, owner.Kind).GroupKind()]; known {
		ref.kind = c.infos[k].ref
	}
	return ref
}

// objectID answers the object of a known kind that a workload is.
func (c *catalog) objectID(ref workloadRef) (id objectID, known bool) {
	k, known := c.byRef[ref.kind]
	return objectID{kind: k, name: ref.name}, known
}

// ref is an object as a workload.
func (c *catalog) ref(id objectID) workloadRef {
	return workloadRef{kind: c.infos[id.kind].ref, name: id.name}
}

// objectID names an object of a known kind inside its namespace.
type objectID struct {
	kind kind
	name string
}
