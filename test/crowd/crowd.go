// SPDX-License-Identifier: Apache-2.0

package crowd

import (
	"context"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// deployments are in each namespace.
const deployments = 3

// Fill makes namespaces scale-0000 and so on, of three Deployments each, with their
// ReplicaSets and so many pods, a third of which is at each level. No two
// Deployments have the same template: their containers have other names.
func Fill(ctx context.Context, c client.Client, namespaces, pods int) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(16)
	for n := range namespaces {
		group.Go(func() error {
			name := fmt.Sprintf("scale-%04d", n)
			objects := []client.Object{&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}}
			for d := range deployments {
				app := fmt.Sprintf("%s-app%d", name, d)
				spec := SpecAt(levels[(n+d)%(n%3+1)])
				spec.Containers[0].Name = app
				objects = append(objects, Deployment(name, app, spec, pods/deployments)...)
			}
			return createAll(ctx, c, objects)
		})
	}
	return group.Wait()
}

func createAll(ctx context.Context, c client.Client, objects []client.Object) error {
	for _, object := range objects {
		if err := c.Create(ctx, object); err != nil {
			return fmt.Errorf("creating %T %s: %w", object, object.GetName(), err)
		}
	}
	return nil
}

var levels = []string{"restricted", "baseline", "privileged"}

// SpecAt answers a pod that meets a level and no stricter one.
func SpecAt(level string) corev1.PodSpec {
	container := corev1.Container{Name: "app", Image: "registry.example.com/app:1"}
	for n := range 12 {
		container.Env = append(container.Env, corev1.EnvVar{Name: fmt.Sprintf("SETTING_%d", n), Value: strings.Repeat("value ", 8)})
	}
	spec := corev1.PodSpec{Containers: []corev1.Container{container}}
	switch level {
	case "restricted":
		spec.SecurityContext = &corev1.PodSecurityContext{
			RunAsNonRoot: ptr.To(true), SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		}
		spec.Containers[0].SecurityContext = &corev1.SecurityContext{
			AllowPrivilegeEscalation: ptr.To(false), Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		}
	case "privileged":
		spec.HostNetwork = true
		spec.Containers[0].SecurityContext = &corev1.SecurityContext{Privileged: ptr.To(true)}
	}
	return spec
}

// Deployment answers a Deployment with what the controllers would make of it, which do not run here.
func Deployment(namespace, name string, spec corev1.PodSpec, pods int) []client.Object {
	labels := map[string]string{"app": name}
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: spec}
	selector := &metav1.LabelSelector{MatchLabels: labels}
	owned := func(kind, apiVersion, owner string) []metav1.OwnerReference {
		return []metav1.OwnerReference{{APIVersion: apiVersion, Kind: kind, Name: owner, UID: "1", Controller: ptr.To(true)}}
	}
	objects := []client.Object{
		&appsv1.Deployment{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
			Spec:       appsv1.DeploymentSpec{Replicas: ptr.To(int32(pods)), Selector: selector, Template: template},
		},
		&appsv1.ReplicaSet{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name + "-1", OwnerReferences: owned("Deployment", "apps/v1", name)},
			Spec:       appsv1.ReplicaSetSpec{Replicas: ptr.To(int32(pods)), Selector: selector, Template: template},
		},
	}
	for n := range pods {
		objects = append(objects, &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: namespace, Name: fmt.Sprintf("%s-1-%d", name, n), Labels: labels, OwnerReferences: owned("ReplicaSet", "apps/v1", name+"-1"),
			},
			Spec: spec,
		})
	}
	return objects
}
