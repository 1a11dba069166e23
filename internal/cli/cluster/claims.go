// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

// page is how many objects are read at a time.
const page = 500

// Claim reads the NamespaceRollout of a namespace, nil when it has none.
func Claim(ctx context.Context, api client.Reader, namespace string) (*v1alpha1.NamespaceRollout, error) {
	claim := &v1alpha1.NamespaceRollout{}
	err := api.Get(ctx, client.ObjectKey{Namespace: namespace, Name: v1alpha1.NamespaceRolloutName}, claim)
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, Explain(fmt.Errorf("reading the NamespaceRollout of namespace %q: %w", namespace, err))
	}
	return claim, nil
}

// Rollout reads a PodSecurityRollout. It errs, and says what there is, when there is none of the name.
func Rollout(ctx context.Context, api client.Reader, name string) (*v1alpha1.PodSecurityRollout, error) {
	rollout := &v1alpha1.PodSecurityRollout{}
	err := api.Get(ctx, client.ObjectKey{Name: name}, rollout)
	switch {
	case apierrors.IsNotFound(err):
		return nil, fmt.Errorf("there is no PodSecurityRollout %q: `kubectl get podsecurityrollouts` lists those there are", name)
	case err != nil:
		return nil, Explain(fmt.Errorf("reading PodSecurityRollout %q: %w", name, err))
	}
	return rollout, nil
}

// Rollouts reads all PodSecurityRollouts.
func Rollouts(ctx context.Context, api client.Reader) ([]v1alpha1.PodSecurityRollout, error) {
	list := &v1alpha1.PodSecurityRolloutList{}
	if err := api.List(ctx, list); err != nil {
		return nil, Explain(fmt.Errorf("listing PodSecurityRollouts: %w", err))
	}
	return list.Items, nil
}

// Claims reads all NamespaceRollouts, by pages.
func Claims(ctx context.Context, api client.Reader) ([]v1alpha1.NamespaceRollout, error) {
	var all []v1alpha1.NamespaceRollout
	list := &v1alpha1.NamespaceRolloutList{}
	for {
		if err := api.List(ctx, list, client.Limit(page), client.Continue(list.Continue)); err != nil {
			return nil, Explain(fmt.Errorf("listing NamespaceRollouts: %w", err))
		}
		all = append(all, list.Items...)
		if list.Continue == "" {
			return all, nil
		}
		list = &v1alpha1.NamespaceRolloutList{ListMeta: metav1.ListMeta{Continue: list.Continue}}
	}
}

// CachedClaims reads all NamespaceRollouts from a cache, which knows no pages.
func CachedClaims(ctx context.Context, cached client.Reader) ([]v1alpha1.NamespaceRollout, error) {
	list := &v1alpha1.NamespaceRolloutList{}
	if err := cached.List(ctx, list); err != nil {
		return nil, fmt.Errorf("listing NamespaceRollouts: %w", err)
	}
	return list.Items, nil
}

// OwnerOf answers the name of the PodSecurityRollout that a claim belongs to, empty for none.
func OwnerOf(claim *v1alpha1.NamespaceRollout) string {
	owner := metav1.GetControllerOf(claim)
	if owner == nil || owner.Kind != "PodSecurityRollout" || owner.APIVersion != v1alpha1.GroupVersion.String() {
		return ""
	}
	return owner.Name
}
