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

// applyStatus writes a status by server-side apply under a field manager of its
// own, so that the two reconcilers never touch each other's fields. have is the
// part of the status that the manager wrote last: what is equal is not sent.
func applyStatus(ctx context.Context, c client.Client, obj client.Object, manager string, have, want any) error {
	return apply(ctx, c, obj, manager, "", have, want)
}

// applyStatusOf is applyStatus of the object exactly as it was read: one that
// has changed since answers a conflict.
func applyStatusOf(ctx context.Context, c client.Client, obj client.Object, manager string, have, want any) error {
	return apply(ctx, c, obj, manager, obj.GetResourceVersion(), have, want)
}

// encode turns a status into what is sent. The simulation, which has no wire,
// hands statuses over as they are.
var encode = runtime.DefaultUnstructuredConverter.ToUnstructured

func apply(ctx context.Context, c client.Client, obj client.Object, manager, resourceVersion string, have, want any) error {
	if equality.Semantic.DeepEqual(have, want) {
		return nil
	}
	status, err := encode(want)
	if err != nil {
		return fmt.Errorf("encoding the status of %s: %w", obj.GetName(), err)
	}
	gvk, err := c.GroupVersionKindFor(obj)
	if err != nil {
		return fmt.Errorf("finding the kind of %s: %w", obj.GetName(), err)
	}
	u := &unstructured.Unstructured{Object: map[string]any{"status": status}}
	u.SetGroupVersionKind(gvk)
	u.SetName(obj.GetName())
	u.SetNamespace(obj.GetNamespace())
	// The UID keeps the status of a deleted object from one made anew meanwhile.
	u.SetUID(obj.GetUID())
	u.SetResourceVersion(resourceVersion)
	err = c.Status().Apply(ctx, client.ApplyConfigurationFromUnstructured(u), client.FieldOwner(manager), client.ForceOwnership)
	if err != nil {
		return fmt.Errorf("writing the status of %s %s: %w", gvk.Kind, client.ObjectKeyFromObject(obj), err)
	}
	return nil
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
