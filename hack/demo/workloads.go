// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// poll is how often something is asked for that no watch tells.
const poll = 50 * time.Millisecond

// podsWithin is how long the controllers may take to make the pods. They take a second.
const podsWithin = time.Minute

var errNoPods = fmt.Errorf("none after %s", podsWithin)

// filled is what was made in the cluster.
type filled struct {
	workloads map[string][]workload
}

func (f filled) count() (workloads, kinds int) {
	seen := map[string]bool{}
	for _, list := range f.workloads {
		workloads += len(list)
		for _, w := range list {
			seen[w.GetKind()] = true
		}
	}
	return workloads, len(seen)
}

// loadCatalog reads all manifests before anything is created.
func loadCatalog(ctx context.Context) (filled, error) {
	f := filled{workloads: map[string][]workload{}}
	sources, err := findSources(ctx)
	if err != nil {
		return f, err
	}
	for _, ns := range catalog {
		if f.workloads[ns.name], err = sources.load(ns); err != nil {
			return f, err
		}
	}
	return f, nil
}

// fill creates the namespaces and their workloads, and waits for the first pods.
func (f filled) fill(ctx context.Context, c client.Client) error {
	if err := create(ctx, c, f.node()); err != nil {
		return err
	}
	for _, ns := range catalog {
		object := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns.name, Labels: ns.labels}}
		if err := create(ctx, c, object); err != nil {
			return err
		}
		for _, w := range f.workloads[ns.name] {
			if err := createWorkload(ctx, c, w); err != nil {
				return err
			}
		}
	}
	return f.awaitPods(ctx, c)
}

// node answers one for the DaemonSets to run on. Nothing stands behind it: a DaemonSet's pods are made
// for a node that exists, with the labels it asks for, and admission is before any kubelet.
func (f filled) node() *corev1.Node {
	labels := map[string]string{corev1.LabelOSStable: "linux"}
	for _, list := range f.workloads {
		for _, w := range list {
			selector, _, _ := unstructured.NestedStringMap(w.podSpec(), "nodeSelector")
			if w.GetKind() == "DaemonSet" {
				maps.Copy(labels, selector)
			}
		}
	}
	return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "demo-node", Labels: labels}}
}

// createWorkload creates the workload, and before it the ServiceAccount that its pods name: without,
// they would be refused for that.
func createWorkload(ctx context.Context, c client.Client, w workload) error {
	for _, field := range []string{"serviceAccountName", "serviceAccount"} { // the second is the first's old name
		name, _, _ := unstructured.NestedString(w.podSpec(), field)
		if name == "" {
			continue
		}
		account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: w.GetNamespace(), Name: name}}
		if err := create(ctx, c, account); err != nil {
			return err
		}
	}
	if w.GetKind() != "Pod" {
		return create(ctx, c, w.Unstructured)
	}
	// A pod that names no ServiceAccount gets the default one, which the controller makes a moment after the namespace.
	return wait.PollUntilContextCancel(ctx, poll, true, func(ctx context.Context) (bool, error) {
		err := create(ctx, c, w.Unstructured.DeepCopy())
		if apierrors.IsForbidden(err) && strings.Contains(err.Error(), "serviceaccount") {
			return false, nil
		}
		return err == nil, err
	})
}

func create(ctx context.Context, c client.Client, object client.Object) error {
	err := c.Create(ctx, object)
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("creating %T %s: %w", object, client.ObjectKeyFromObject(object), err)
	}
	return nil
}

// awaitPods waits until every workload that is to have pods has one: what is judged later is then
// what runs, and not how quick the controllers are.
func (f filled) awaitPods(ctx context.Context, c client.Client) error {
	ctx, cancel := context.WithTimeoutCause(ctx, podsWithin, errNoPods)
	defer cancel()
	var missing []string
	err := wait.PollUntilContextCancel(ctx, poll, true, func(ctx context.Context) (bool, error) {
		var pods corev1.PodList
		if err := c.List(ctx, &pods); err != nil {
			return false, err
		}
		missing = f.withoutPods(pods.Items)
		return len(missing) == 0, nil
	})
	if err != nil && len(missing) > 0 {
		return fmt.Errorf("waiting for pods of %s: %w (their events say why: kubectl get events -A)", strings.Join(missing, ", "), context.Cause(ctx))
	}
	return err
}

// withoutPods answers the workloads that have no pod and should have.
func (f filled) withoutPods(pods []corev1.Pod) []string {
	have := map[string]bool{}
	for i := range pods {
		have[pods[i].Namespace+"/"+creator(&pods[i])] = true
	}
	var missing []string
	for _, namespace := range slices.Sorted(maps.Keys(f.workloads)) {
		for _, w := range f.workloads[namespace] {
			if wantsPods(w) && !have[namespace+"/"+w.String()] {
				missing = append(missing, namespace+"/"+w.String())
			}
		}
	}
	return missing
}

// creator answers who in the catalog a pod comes from. A ReplicaSet of a Deployment is named after it.
func creator(pod *corev1.Pod) string {
	owner := metav1.GetControllerOf(pod)
	if owner == nil {
		return "Pod " + pod.Name
	}
	hash, hashed := pod.Labels["pod-template-hash"]
	if deployment, ok := strings.CutSuffix(owner.Name, "-"+hash); owner.Kind == "ReplicaSet" && hashed && ok {
		return "Deployment " + deployment
	}
	return owner.Kind + " " + owner.Name
}

func wantsPods(w workload) bool {
	switch w.GetKind() {
	case "CronJob", "PodTemplate":
		return false
	}
	replicas, found, _ := unstructured.NestedInt64(w.Object, "spec", "replicas")
	return !found || replicas > 0
}
