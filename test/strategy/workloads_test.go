// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podsecurity-rollout/operator/test/e2e/await"
)

// podSpec is that of a pod that complies with restricted, after the changes.
func podSpec(changes ...func(*corev1.PodSpec)) corev1.PodSpec {
	spec := corev1.PodSpec{
		SecurityContext: &corev1.PodSecurityContext{
			RunAsNonRoot: ptr.To(true), RunAsUser: ptr.To[int64](1000),
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
		Containers: []corev1.Container{{Name: "c", Image: "example.com/c", SecurityContext: &corev1.SecurityContext{
			AllowPrivilegeEscalation: ptr.To(false), Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		}}},
	}
	for _, change := range changes {
		change(&spec)
	}
	return spec
}

// privileged makes a pod violate baseline, by the check of that name.
func privileged(spec *corev1.PodSpec) {
	spec.Containers[0].SecurityContext = &corev1.SecurityContext{Privileged: ptr.To(true)}
}

func pod(namespace, name string, changes ...func(*corev1.PodSpec)) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: podSpec(changes...)}
}

func deployment(namespace, name string, changes ...func(*corev1.PodSpec)) *appsv1.Deployment {
	labels := map[string]string{"app": name}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: appsv1.DeploymentSpec{
			Replicas: ptr.To[int32](1),
			Strategy: appsv1.DeploymentStrategy{Type: appsv1.RecreateDeploymentStrategyType},
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: podSpec(changes...)},
		},
	}
}

// podsOf answers the pods of a Deployment.
func (s *scene) podsOf(d *appsv1.Deployment) ([]corev1.Pod, error) {
	var pods corev1.PodList
	err := s.List(s.Context(), &pods, client.InNamespace(d.Namespace), client.MatchingLabels(d.Spec.Selector.MatchLabels))
	return pods.Items, err
}

// runs creates a Deployment and waits until the controllers have made its pod.
func (s *scene) runs(d *appsv1.Deployment) *appsv1.Deployment {
	s.Helper()
	s.create(d)
	await.Until(s.T, soon, func() error {
		pods, err := s.podsOf(d)
		if err == nil && len(pods) == 0 {
			err = fmt.Errorf("no pod of Deployment %s", d.Name)
		}
		return err
	})
	return d
}

// lives waits while an object is there for a time.
func (s *scene) lives(d time.Duration, object client.Object) {
	s.Helper()
	await.Throughout(s.T, d, func() error { return s.Get(s.Context(), client.ObjectKeyFromObject(object), object) })
}

// awaitPods waits until a namespace has so many pods.
func (s *scene) awaitPods(namespace string, count int) {
	s.Helper()
	await.Until(s.T, soon, func() error {
		var pods corev1.PodList
		err := s.List(s.Context(), &pods, client.InNamespace(namespace))
		if err == nil && len(pods.Items) != count {
			err = fmt.Errorf("namespace %s has %d pods, want %d", namespace, len(pods.Items), count)
		}
		return err
	})
}
