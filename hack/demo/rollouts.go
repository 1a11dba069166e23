// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

//go:embed manifests/rollouts.yaml
var rolloutsYAML []byte

// readRollouts answers the demo's rollouts, in the order in which they are created.
func readRollouts() ([]v1alpha1.PodSecurityRollout, error) {
	var list []v1alpha1.PodSecurityRollout
	for _, document := range bytes.Split(rolloutsYAML, []byte("---\n")) {
		var r v1alpha1.PodSecurityRollout
		if err := yaml.UnmarshalStrict(document, &r); err != nil {
			return nil, fmt.Errorf("reading hack/demo/manifests/rollouts.yaml: %w", err)
		}
		list = append(list, r)
	}
	return list, nil
}

// createRollouts creates the rollouts one after the other, and answers them as the API server has
// completed them. Should two be created in the same second, the name decides which is the older: the
// names are in that order too.
func createRollouts(ctx context.Context, c client.Client) ([]v1alpha1.PodSecurityRollout, error) {
	list, err := readRollouts()
	if err != nil {
		return nil, err
	}
	for i := range list {
		if err := c.Create(ctx, &list[i]); err != nil {
			return nil, fmt.Errorf("creating PodSecurityRollout %s: %w", list[i].Name, err)
		}
	}
	return list, nil
}

// labelsNow answers the Pod Security labels of every namespace.
func labelsNow(ctx context.Context, c client.Client) (map[string]map[string]string, error) {
	var namespaces corev1.NamespaceList
	if err := c.List(ctx, &namespaces); err != nil {
		return nil, fmt.Errorf("listing namespaces: %w", err)
	}
	out := map[string]map[string]string{}
	for _, ns := range namespaces.Items {
		out[ns.Name] = securityLabels(ns.Labels)
	}
	return out, nil
}

// stateOf answers the state that the operator shows of a namespace, and why.
func stateOf(claim *v1alpha1.NamespaceRollout) (reason, message string) {
	c := meta.FindStatusCondition(claim.Status.Conditions, v1alpha1.ConditionProgressing)
	if c == nil {
		return "", ""
	}
	return c.Reason, c.Message
}

func isComplete(claim *v1alpha1.NamespaceRollout) bool {
	return meta.IsStatusConditionTrue(claim.Status.Conditions, v1alpha1.ConditionComplete)
}

// atRest tells whether a state stays until somebody does something.
func atRest(reason string) bool {
	switch reason {
	case "", v1alpha1.ReasonClimbing, v1alpha1.ReasonInconclusive, v1alpha1.ReasonServerDisagrees, v1alpha1.ReasonAwaitingTurn,
		v1alpha1.ReasonSoaking, v1alpha1.ReasonBaking:
		return false
	}
	return true
}

// summedUp tells whether a rollout's status speaks of the namespaces as they are.
func summedUp(r *v1alpha1.PodSecurityRollout, claims map[string]*v1alpha1.NamespaceRollout) bool {
	n := r.Status.Namespaces
	if n == nil || r.Status.ObservedGeneration != r.Generation {
		return false
	}
	var complete, claimed int32
	for _, claim := range claims {
		if owner := metav1.GetControllerOf(claim); owner == nil || owner.Name != r.Name {
			continue
		}
		claimed++
		if isComplete(claim) {
			complete++
		}
	}
	return n.Complete == complete && n.Blocked == claimed-complete
}

// rolloutsText answers the rollouts as the user would write them, without the comment at the top.
func rolloutsText() string {
	_, text, _ := strings.Cut(string(rolloutsYAML), "\n")
	return strings.TrimSpace(text)
}
