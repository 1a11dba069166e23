// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"cmp"
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
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name), cmp.Compare(a.APIVersion, b.APIVersion))
}

// workloadRef is a workload held once however many hold it: eight bytes, compared by identity, freed when nobody holds it any more. The zero ref is none.
type workloadRef = unique.Handle[Workload]

// controllerOf answers the controller of an object, the zero ref when it has none. Of a watched kind the API version is the one watched, so that an old
// reference meets its object.
func controllerOf(object metav1.Object) workloadRef {
	owner := metav1.GetControllerOfNoCopy(object)
	if owner == nil {
		return workloadRef{}
	}
	w := Workload{APIVersion: owner.APIVersion, Kind: owner.Kind, Name: owner.Name}
	if gv, err := schema.ParseGroupVersion(owner.APIVersion); err == nil {
		if k, watched := kindsByGroupKind[schema.GroupKind{Group: gv.Group, Kind: owner.Kind}]; watched {
			w.APIVersion = kinds[k].apiVersion
		}
	}
	return unique.Make(w)
}
