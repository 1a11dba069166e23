// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"cmp"
	"strings"
	"unique"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Workload is what owns subjects in a namespace: the topmost controller, or the subject itself when it has none. A controller of a kind that is not
// watched is named as the owner reference names it.
type Workload struct {
	APIVersion, Kind, Name string
}

// compareWorkloads orders by kind, then name, then API version.
func compareWorkloads(a, b Workload) int {
	if c := cmp.Compare(a.Kind, b.Kind); c != 0 {
		return c
	}
	if c := cmp.Compare(a.Name, b.Name); c != 0 {
		return c
	}
	return cmp.Compare(a.APIVersion, b.APIVersion)
}

// workloadRef is a Workload as it is kept: names of kinds are held once however many workloads have them, and freed with the last. The zero ref is none.
type workloadRef struct {
	kind unique.Handle[workloadKind]
	name string
}

// workloadKind is what workloads of one kind have in common.
type workloadKind struct {
	apiVersion, kind string
}

func (w Workload) ref() workloadRef {
	return workloadRef{kind: unique.Make(workloadKind{apiVersion: w.APIVersion, kind: w.Kind}), name: w.Name}
}

// workload writes the ref out. It is not called on the zero ref.
func (r workloadRef) workload() Workload {
	kind := r.kind.Value()
	return Workload{APIVersion: kind.apiVersion, Kind: kind.kind, Name: r.name}
}

// objectID answers the object of a watched kind that the workload is.
func (r workloadRef) objectID() (id objectID, watched bool) {
	k, watched := kindsByRef[r.kind]
	return objectID{kind: k, name: r.name}, watched
}

// controllerOf answers the controller of an object, the zero ref when it has none. Of a watched kind the API version is the one watched, so that an old
// reference meets its object.
func controllerOf(object metav1.Object) workloadRef {
	owner := metav1.GetControllerOfNoCopy(object)
	if owner == nil {
		return workloadRef{}
	}
	ref := workloadRef{kind: unique.Make(workloadKind{apiVersion: owner.APIVersion, kind: owner.Kind}), name: strings.Clone(owner.Name)}
	if _, watched := kindsByRef[ref.kind]; watched {
		return ref
	}
	if k, watched := kindsByGroupKind[schema.FromAPIVersionAndKind(owner.APIVersion, owner.Kind).GroupKind()]; watched {
		ref.kind = kinds[k].ref
	}
	return ref
}
