// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

// encode turns a status into what is sent. The simulation, which has no wire,
// hands statuses over as they are.
var encode = runtime.DefaultUnstructuredConverter.ToUnstructured

// applyStatus writes a status by server-side apply under a field manager of its
// own, so that the two reconcilers never touch each other's fields. It writes to
// the object exactly as it was read: one that has changed since answers a
// conflict, so that a status made from an older state never follows a newer. It
// answers the object's resourceVersion after the write. have is the part of the
// status that the manager wrote last: what is equal is not sent.
func applyStatus(ctx context.Context, c client.Client, obj client.Object, manager string, have, want any) (string, error) {
	if equality.Semantic.DeepEqual(have, want) {
		return obj.GetResourceVersion(), nil
	}
	status, err := encode(want)
	if err != nil {
		return "", fmt.Errorf("encoding the status of %s: %w", obj.GetName(), err)
	}
	gvk, err := c.GroupVersionKindFor(obj)
	if err != nil {
		return "", fmt.Errorf("finding the kind of %s: %w", obj.GetName(), err)
	}
	u := &unstructured.Unstructured{Object: map[string]any{"status": status}}
	u.SetGroupVersionKind(gvk)
	u.SetName(obj.GetName())
	u.SetNamespace(obj.GetNamespace())
	// The UID keeps the status of a deleted object from one made anew meanwhile.
	u.SetUID(obj.GetUID())
	u.SetResourceVersion(obj.GetResourceVersion())
	err = c.Status().Apply(ctx, client.ApplyConfigurationFromUnstructured(u), client.FieldOwner(manager), client.ForceOwnership)
	if err != nil {
		return "", fmt.Errorf("writing the status of %s %s: %w", gvk.Kind, client.ObjectKeyFromObject(obj), err)
	}
	return u.GetResourceVersion(), nil
}

// ownStatus is the part of a NamespaceRollout's status that the namespace
// reconciler writes: all but the fleet's.
func ownStatus(s v1alpha1.NamespaceRolloutStatus) *v1alpha1.NamespaceRolloutStatus {
	s.Fleet = nil
	return &s
}

// fleetStatus is the part that the fleet reconciler writes, and nothing else.
type fleetStatus struct {
	Fleet *v1alpha1.FleetStatus `json:"fleet,omitempty"`
}
