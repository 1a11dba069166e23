// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/inventory"
	"github.com/podsecurity-rollout/operator/internal/workloadkinds"
	"github.com/podsecurity-rollout/operator/test/e2e/await"
)

// customKinds are the kinds of testdata that the operator is told to watch.
func customKinds(t *testing.T) []workloadkinds.Kind {
	t.Helper()
	var kinds []workloadkinds.Kind
	for _, value := range []string{"early.example.com/v1/Canary=spec.template", "late.example.com/v1/Train=spec.wagons[*].pod"} {
		kind, err := workloadkinds.Parse(value)
		if err != nil {
			t.Fatal(err)
		}
		kinds = append(kinds, kind)
	}
	return kinds
}

// install installs the definitions of a directory of testdata. They are gone,
// with all their objects, when uninstall returns or the test is over.
func install(t *testing.T, dir string) (uninstall func()) {
	t.Helper()
	options := envtest.CRDInstallOptions{Paths: []string{filepath.Join("testdata", dir)}, ErrorIfPathMissing: true}
	installed, err := envtest.InstallCRDs(cluster.Config(), options)
	if err != nil {
		t.Fatalf("installing the definitions of %s: %v", dir, err)
	}
	names := make([]string, 0, len(installed))
	for _, definition := range installed {
		names = append(names, definition.Name)
	}
	c := newClient(t)
	uninstall = func() {
		// The test's own context may be done.
		ctx, cancel := context.WithTimeout(context.Background(), soon)
		defer cancel()
		if err := removeDefinitions(ctx, c, names); err != nil {
			t.Errorf("removing the definitions of %s: %v", dir, err)
		}
	}
	t.Cleanup(uninstall)
	return uninstall
}

// removeDefinitions answers when they are gone.
func removeDefinitions(ctx context.Context, c client.Client, names []string) error {
	for _, name := range names {
		definition := newCustom("", "apiextensions.k8s.io/v1", "CustomResourceDefinition", name)
		err := wait.PollUntilContextCancel(ctx, 50*time.Millisecond, true, func(ctx context.Context) (bool, error) {
			err := c.Delete(ctx, definition)
			return apierrors.IsNotFound(err), client.IgnoreNotFound(err)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// grantCustomKinds gives the operator the rights that docs/workloads.md says to
// give. The ClusterRole is bound by itself: no controller aggregates it here.
func grantCustomKinds(t *testing.T) {
	t.Helper()
	c := newClient(t)
	meta := metav1.ObjectMeta{Name: "test-workloads"}
	role := &rbacv1.ClusterRole{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{{
		APIGroups: []string{"early.example.com", "late.example.com"}, Resources: []string{"canaries", "trains"}, Verbs: []string{"list", "watch"},
	}}}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: meta,
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: meta.Name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: operatorNamespace, Name: operatorServiceAccount}},
	}
	for _, object := range []client.Object{role, binding} {
		if err := c.Create(t.Context(), object); err != nil {
			t.Fatalf("granting the right to watch custom kinds: %v", err)
		}
		cleanup(t, func(ctx context.Context) error { return c.Delete(ctx, object) })
	}
}

// newCustom answers an object of a custom kind, without its spec.
func newCustom(namespace, apiVersion, kind, name string) *unstructured.Unstructured {
	object := &unstructured.Unstructured{}
	object.SetAPIVersion(apiVersion)
	object.SetKind(kind)
	object.SetNamespace(namespace)
	object.SetName(name)
	return object
}

// setSpec sets a field of an object's spec to a pod template or a pod spec.
func setSpec(t *testing.T, object *unstructured.Unstructured, value any, fields ...string) {
	t.Helper()
	converted, err := runtime.DefaultUnstructuredConverter.ToUnstructured(value)
	if err != nil {
		t.Fatal(err)
	}
	if err := unstructured.SetNestedMap(object.Object, converted, append([]string{"spec"}, fields...)...); err != nil {
		t.Fatal(err)
	}
}

// replicaSetOf answers an empty ReplicaSet that an object controls. No garbage
// collector looks whether the object is there.
func replicaSetOf(object *unstructured.Unstructured, name string) *appsv1.ReplicaSet {
	return &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: object.GetNamespace(), Name: name,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(object, object.GroupVersionKind())},
		},
		Spec: appsv1.ReplicaSetSpec{
			Replicas: ptr.To[int32](0),
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": name}},
			Template: podTemplate(name, v1alpha1.LevelPrivileged),
		},
	}
}

// awaitViolationOf waits until a violation of a workload shows in its template,
// or in a pod.
func (s *scene) awaitViolationOf(namespace string, want inventory.Workload, source v1alpha1.Source, example string) {
	s.Helper()
	s.awaitClaim(namespace, func(claim *v1alpha1.NamespaceRollout) error {
		for _, v := range claim.Status.Violations {
			if v.Workload == (v1alpha1.WorkloadReference{APIVersion: want.APIVersion, Kind: want.Kind, Name: want.Name}) && v.Source == source && v.Example == example {
				return nil
			}
		}
		return fmt.Errorf("no violation of %v as %s %q", want, source, example)
	})
}

// TestCustomWorkloads has one kind that is defined before the operator starts,
// and one that is defined later, and gone again at last. It is not parallel to
// other tests, which would have the operator run already.
func TestCustomWorkloads(t *testing.T) {
	operatorConfig(t) // makes the ServiceAccount
	grantCustomKinds(t)
	install(t, "early")
	s := newScene(t)
	ns := s.namespace()
	canary := newCustom(ns, "early.example.com/v1", "Canary", "web")
	canary.SetLabels(map[string]string{"team": "checkout"})
	setSpec(t, canary, ptr.To(podTemplate("web", v1alpha1.LevelPrivileged)), "template")
	if err := s.Create(t.Context(), canary); err != nil {
		t.Fatalf("creating the Canary: %v", err)
	}
	o := runOperator(t)
	s.rollout(levels{enforce: v1alpha1.LevelBaseline})
	s.checkEarlyKind(o, ns, canary)

	newScene(t).checkLateKind(o)
	if unwatched := o.Inventory.Unwatched(); len(unwatched) > 0 {
		t.Errorf("not watched: %v", unwatched)
	}
}

// checkEarlyKind has the template hold the namespace, and then a pod two owners below.
func (s *scene) checkEarlyKind(o *operator, ns string, canary *unstructured.Unstructured) {
	s.Helper()
	web := inventory.Workload{APIVersion: "early.example.com/v1", Kind: "Canary", Name: "web"}
	s.awaitState(ns, v1alpha1.ReasonViolations, "Canary web", "privileged")
	s.awaitViolationOf(ns, web, v1alpha1.SourceTemplate, "")
	if owner := o.Inventory.Owner(ns, web); owner != "checkout" {
		s.Errorf("the Canary's owner is %q", owner)
	}

	replicaSet := replicaSetOf(canary, "web-1")
	if err := s.Create(s.Context(), replicaSet); err != nil {
		s.Fatalf("creating the ReplicaSet: %v", err)
	}
	pod := ownedBy(newPod(ns, "web-1-a", v1alpha1.LevelPrivileged), replicaSet.Name)
	if err := s.Create(s.Context(), pod); err != nil {
		s.Fatalf("creating the pod: %v", err)
	}
	s.awaitViolationOf(ns, web, v1alpha1.SourcePod, pod.Name)

	base := canary.DeepCopy()
	setSpec(s.T, canary, ptr.To(podTemplate("web", v1alpha1.LevelBaseline)), "template")
	if err := s.Patch(s.Context(), canary, client.MergeFrom(base)); err != nil {
		s.Fatalf("mending the Canary: %v", err)
	}
	s.awaitClaim(ns, func(claim *v1alpha1.NamespaceRollout) error {
		if v := claim.Status.Violations; len(v) != 1 || v[0].Source != v1alpha1.SourcePod {
			return fmt.Errorf("the pod is not the only violation")
		}
		return nil
	})
	s.wantWrites(ns)
	s.remove(pod)
	s.awaitState(ns, v1alpha1.ReasonComplete)
	s.wantWrites(ns, "audit=baseline", "warn=baseline", "enforce=baseline")
	s.remove(replicaSet)
}

// checkLateKind has a pod hold the namespace until the kind is there, and then an
// object of it.
func (s *scene) checkLateKind(o *operator) {
	s.Helper()
	ns := s.namespace()
	s.pod(ns, "bad", v1alpha1.LevelPrivileged)
	s.rollout(levels{enforce: v1alpha1.LevelBaseline})
	s.awaitState(ns, v1alpha1.ReasonViolations, "Pod bad")

	uninstall := install(s.T, "late")
	train := newCustom(ns, "late.example.com/v1", "Train", "night")
	var wagons []any
	for _, level := range []v1alpha1.Level{v1alpha1.LevelBaseline, v1alpha1.LevelPrivileged} {
		wagon := &unstructured.Unstructured{Object: map[string]any{}}
		setSpec(s.T, wagon, ptr.To(podSpec(level)), "pod")
		wagons = append(wagons, wagon.Object["spec"])
	}
	train.Object["spec"] = map[string]any{"wagons": wagons}
	if err := s.Create(s.Context(), train); err != nil {
		s.Fatalf("creating the Train: %v", err)
	}
	s.awaitViolationOf(ns, inventory.Workload{APIVersion: "late.example.com/v1", Kind: "Train", Name: "night"}, v1alpha1.SourceTemplate, "")
	s.remove(newPod(ns, "bad", v1alpha1.LevelPrivileged))
	s.awaitState(ns, v1alpha1.ReasonViolations, "Train night")
	s.wantWrites(ns)

	uninstall()
	s.awaitState(ns, v1alpha1.ReasonComplete)
	s.wantWrites(ns, "audit=baseline", "warn=baseline", "enforce=baseline")
	await.Until(s.T, soon, func() error {
		if !o.Inventory.Synced() {
			return fmt.Errorf("the inventory waits for a kind that is gone")
		}
		return nil
	})
}
