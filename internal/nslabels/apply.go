// SPDX-License-Identifier: Apache-2.0

package nslabels

import (
	"context"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	applycorev1 "k8s.io/client-go/applyconfigurations/core/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/ladder"
)

// Client makes the two requests on namespaces.
type Client struct {
	namespaces corev1client.NamespaceInterface
}

// NewClient answers a client that gathers each response's warnings apart.
func NewClient(cfg *rest.Config) (*Client, error) {
	cfg = rest.CopyConfig(cfg)
	cfg.WarningHandlerWithContext = warningHandler{}
	core, err := corev1client.NewForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("making a client for namespaces: %w", err)
	}
	return &Client{namespaces: core.Namespaces()}, nil
}

// Apply writes one rung by server-side apply: one mode's level and version, and
// nothing if the labels already say so. It carries the namespace's UID and
// resourceVersion, so what was decided on ns is written to nothing else; a
// namespace that has changed meanwhile answers a conflict
// (apierrors.IsConflict), and the caller decides anew.
//
// Labels that the operator set before are applied again as they are, or they
// would go. It forces ownership only of the rung's own labels, which the gate
// has cleared on this very resourceVersion.
func (c *Client) Apply(ctx context.Context, ns *corev1.Namespace, r ladder.Rung) error {
	wanted := Wanted(r)
	if contains(ns.Labels, wanted) {
		return nil
	}
	labels, err := owned(ns)
	if err != nil {
		return err
	}
	maps.Copy(labels, wanted)
	apply := applycorev1.Namespace(ns.Name).WithUID(ns.UID).WithResourceVersion(ns.ResourceVersion).WithLabels(labels)
	_, err = c.namespaces.Apply(ctx, apply, metav1.ApplyOptions{FieldManager: v1alpha1.FieldManager, Force: replaces(ns.Labels, wanted)})
	if err != nil {
		return fmt.Errorf("applying %s to namespace %q: %w", r, ns.Name, err)
	}
	return nil
}

// owned answers the pod-security labels that the operator owns, as they are now.
func owned(ns *corev1.Namespace) (map[string]string, error) {
	labels := map[string]string{}
	i := slices.IndexFunc(ns.ManagedFields, isOurs)
	if i < 0 {
		return labels, nil
	}
	fields, err := fieldsOf(ns, ns.ManagedFields[i])
	if err != nil {
		return nil, err
	}
	for _, key := range Keys {
		if value, ok := ns.Labels[key]; ok && fields.Has(paths[key]) {
			labels[key] = value
		}
	}
	return labels, nil
}

// replaces is whether a label has another value now: somebody owns it, be it in
// the name of who wrote before managedFields were kept.
func replaces(labels, wanted map[string]string) bool {
	for key, value := range wanted {
		if have, ok := labels[key]; ok && have != value {
			return true
		}
	}
	return false
}

func contains(labels, wanted map[string]string) bool {
	for key, value := range wanted {
		if have, ok := labels[key]; !ok || have != value {
			return false
		}
	}
	return true
}
