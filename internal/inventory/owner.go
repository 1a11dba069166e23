// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"unique"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// DefaultOwnerKeys name the labels or annotations that say who owns a workload.
var DefaultOwnerKeys = []string{"team", "owner", "app.kubernetes.io/part-of"}

// OwnerOf answers who owns an object, a namespace for one: the value of the first key that it has as a label or, if not, as an annotation; "" when it has none.
func OwnerOf(object metav1.Object, keys []string) string {
	if len(keys) == 0 {
		return ""
	}
	labels, annotations := object.GetLabels(), object.GetAnnotations()
	for _, key := range keys {
		if value := labels[key]; value != "" {
			return value
		}
		if value := annotations[key]; value != "" {
			return value
		}
	}
	return ""
}

// ownerRef is an owner, held once however many objects have it. The zero ref is none.
type ownerRef = unique.Handle[string]

func ownerOf(object metav1.Object, keys []string) ownerRef {
	if owner := OwnerOf(object, keys); owner != "" {
		return unique.Make(owner)
	}
	return ownerRef{}
}

// Owner answers who owns a workload of a namespace, as its own labels and annotations say (see Options.OwnerKeys): "" when they do not say, and of an object
// that is not known.
func (i *Inventory) Owner(namespace string, w Workload) string {
	i.mu.RLock()
	defer i.mu.RUnlock()
	n, known := i.namespaces[namespace]
	if !known {
		return ""
	}
	if owner := n.ownerOf(w.ref()); owner != (ownerRef{}) {
		return owner.Value()
	}
	return ""
}

// UID answers the UID of a workload, as Events about it need it: "" of one that is not known. Of a controller of a kind that is not watched it is the one that its
// pods name.
func (i *Inventory) UID(namespace string, w Workload) types.UID {
	i.mu.RLock()
	defer i.mu.RUnlock()
	n, known := i.namespaces[namespace]
	if !known {
		return ""
	}
	if id, known := n.kinds.objectID(w.ref()); known && id.kind != pods {
		return n.objects[id].uid
	}
	if c, known := n.controllers[w.ref()]; known {
		return c.uid
	}
	return ""
}

// ownerOf looks among the objects and, as a pod without controller is its own, among the controllers.
func (n *namespace) ownerOf(ref workloadRef) ownerRef {
	id, known := n.kinds.objectID(ref)
	if !known {
		return ownerRef{}
	}
	if id.kind != pods {
		return n.objects[id].owner
	}
	if c, known := n.controllers[ref]; known {
		return c.owner
	}
	return ownerRef{}
}
