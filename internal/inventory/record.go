// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"fmt"
	"strings"
	"unique"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
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
	// profile is that of the pod or the template, none for an object that is no evidence.
	profile profileRef
}

// reduced answers the record of an object of a watched kind, or of a record already made. The template is the one that upstream checks
// (admission.DefaultPodSpecExtractor.ExtractPodSpec).
func reduced(obj any) (*record, error) {
	if r, ok := obj.(*record); ok {
		return r, nil
	}
	object, ok := obj.(interface {
		runtime.Object
		metav1.Object
	})
	if !ok {
		return nil, fmt.Errorf("reducing an object: %T is no API object", obj)
	}
	meta, spec, err := admission.DefaultPodSpecExtractor{}.ExtractPodSpec(object)
	if err != nil {
		return nil, fmt.Errorf("reducing %s/%s: %w", object.GetNamespace(), object.GetName(), err)
	}
	r := &record{
		namespace:  strings.Clone(object.GetNamespace()),
		name:       strings.Clone(object.GetName()),
		controller: controllerOf(object),
	}
	if spec != nil && !isOldRevision(object) {
		r.profile = unique.Make(standards.Reduce(meta, spec).Key())
	}
	return r, nil
}

// isOldRevision says whether an object is a ReplicaSet that its Deployment keeps for rolling back: scaled to zero, it says nothing of what runs or will run.
func isOldRevision(object metav1.Object) bool {
	rs, ok := object.(*appsv1.ReplicaSet)
	if !ok || rs.Spec.Replicas == nil || *rs.Spec.Replicas != 0 {
		return false
	}
	return controllerOf(rs).kind == kinds[deployments].ref
}

// GetObjectKind is here for runtime.Object: a record has no kind of its own.
func (r *record) GetObjectKind() schema.ObjectKind { return schema.EmptyObjectKind }

// DeepCopyObject is here for runtime.Object. Records are never changed.
func (r *record) DeepCopyObject() runtime.Object {
	c := *r
	return &c
}
