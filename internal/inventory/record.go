// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"fmt"
	"strings"
	"unique"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/pod-security-admission/admission"

	"github.com/podsecurity-rollout/operator/internal/standards"
)

// profileRef is the key of a profile, held once however many hold it. The zero ref is none.
type profileRef = unique.Handle[standards.Key]

// record is what an object is reduced to. It shares no memory with the object. It is a runtime.Object only so that it can travel in a list.
type record struct {
	namespace, name string
	// controller is the object's own controller, none for an object without.
	controller workloadRef
	// profiles are that of the pod, or those of the templates: none of an object that is no evidence, more than one of some custom kinds.
	profiles []profileRef
	// owner is who owns the object, as its labels and annotations say. Pods with a controller do not say.
	owner ownerRef
	// uid is the object's, but of a pod with a controller that one's.
	uid types.UID
	// unreadable is why not every template could be read.
	unreadable error
}

// apiObject is what watches deliver.
type apiObject interface {
	runtime.Object
	metav1.Object
}

// reduce answers the record of an object of a kind, or a record already made.
func (i *Inventory) reduce(k kind, obj any) (*record, error) {
	if r, ok := obj.(*record); ok {
		return r, nil
	}
	object, ok := obj.(apiObject)
	if !ok {
		return nil, fmt.Errorf("reducing an object: %T is no API object", obj)
	}
	r := &record{
		namespace:  strings.Clone(object.GetNamespace()),
		name:       strings.Clone(object.GetName()),
		controller: i.kinds.controllerOf(object),
		uid:        types.UID(strings.Clone(string(uidOf(k, object)))),
	}
	if k != pods || r.controller == (workloadRef{}) {
		r.owner = ownerOf(object, i.options.OwnerKeys)
	}
	if i.kinds.isOldRevision(object, r.controller) {
		return r, nil
	}
	if k >= firstCustom {
		r.reduceCustom(&i.kinds.infos[k], object)
		return r, nil
	}
	return r, r.reduceBuiltin(object)
}

// uidOf answers the UID of an object, or of the controller that a pod names.
func uidOf(k kind, object metav1.Object) types.UID {
	if k == pods {
		if owner := metav1.GetControllerOfNoCopy(object); owner != nil {
			return owner.UID
		}
	}
	return object.GetUID()
}

// reduceBuiltin takes the template that upstream checks (admission.DefaultPodSpecExtractor.ExtractPodSpec).
func (r *record) reduceBuiltin(object apiObject) error {
	meta, spec, err := admission.DefaultPodSpecExtractor{}.ExtractPodSpec(object)
	if err != nil {
		return fmt.Errorf("reducing %s/%s: %w", r.namespace, r.name, err)
	}
	if spec != nil {
		r.add(meta, spec)
	}
	return nil
}

// reduceCustom takes the templates that the kind's paths lead to. One that cannot be read is no evidence, and no reason to go without the others.
func (r *record) reduceCustom(info *kindInfo, object apiObject) {
	whole, ok := object.(*unstructured.Unstructured)
	if !ok {
		return // metadata is all that is watched of a kind without templates
	}
	templates, err := info.custom.PodTemplates(whole.Object)
	r.unreadable = err
	for _, template := range templates {
		r.add(&template.ObjectMeta, &template.Spec)
	}
}

func (r *record) add(meta *metav1.ObjectMeta, spec *corev1.PodSpec) {
	r.profiles = append(r.profiles, unique.Make(standards.Reduce(meta, spec).Key()))
}

// isOldRevision says whether an object is a ReplicaSet that is kept for rolling back: scaled to zero, it says nothing of what runs or will run, which its
// controller's own template does.
func (c *catalog) isOldRevision(object metav1.Object, controller workloadRef) bool {
	rs, ok := object.(*appsv1.ReplicaSet)
	return ok && rs.Spec.Replicas != nil && *rs.Spec.Replicas == 0 && c.hasTemplates(controller)
}

// GetObjectKind is here for runtime.Object: a record has no kind of its own.
func (r *record) GetObjectKind() schema.ObjectKind { return schema.EmptyObjectKind }

// DeepCopyObject is here for runtime.Object. Records are never changed.
func (r *record) DeepCopyObject() runtime.Object {
	c := *r
	return &c
}
