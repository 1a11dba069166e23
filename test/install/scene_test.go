// SPDX-License-Identifier: Apache-2.0

package install

import (
	"context"
	"fmt"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

func lasting(d time.Duration) *metav1.Duration { return &metav1.Duration{Duration: d} }

func namespaceOf(name string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

// rolloutOf is a rollout of namespaces by their names.
func rolloutOf(name string, enforce v1alpha1.Level, namespaces ...string) *v1alpha1.PodSecurityRollout {
	rollout := &v1alpha1.PodSecurityRollout{ObjectMeta: metav1.ObjectMeta{Name: name}}
	rollout.Spec.Targets = []v1alpha1.Target{{
		Name: "all", Enforce: enforce,
		NamespaceSelector: &v1alpha1.NamespaceSelector{MatchExpressions: []v1alpha1.SelectorRequirement{{
			Key: corev1.LabelMetadataName, Operator: v1alpha1.SelectorOperator(metav1.LabelSelectorOpIn), Values: namespaces,
		}}},
	}}
	return rollout
}

// begin makes a namespace and a rollout of it, so that there is something to do.
func (s *site) begin(t *testing.T, name string) {
	t.Helper()
	rollout := rolloutOf(name, v1alpha1.LevelBaseline, name)
	s.create(t, namespaceOf(name), rollout)
	t.Cleanup(func() { s.delete(t, rollout) })
}

// populate makes a namespace with a Deployment that complies with restricted, and
// waits until the controllers have made its pods.
func (s *site) populate(t *testing.T, name string) {
	t.Helper()
	labels := map[string]string{"app": "web"}
	const replicas = 2
	web := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: "web"},
		Spec: appsv1.DeploymentSpec{
			Replicas: ptr.To[int32](replicas), Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: restrictedPod()},
		},
	}
	s.create(t, namespaceOf(name), web)
	eventually(t, func(ctx context.Context) error {
		var pods corev1.PodList
		if err := s.admin.List(ctx, &pods, client.InNamespace(name)); err != nil {
			return err
		}
		if len(pods.Items) < replicas {
			return fmt.Errorf("namespace %s has %d pods", name, len(pods.Items))
		}
		return nil
	})
}

func restrictedPod() corev1.PodSpec {
	return corev1.PodSpec{
		SecurityContext: &corev1.PodSecurityContext{
			RunAsNonRoot: ptr.To(true), SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
		Containers: []corev1.Container{{Name: "web", Image: "example.com/web", SecurityContext: &corev1.SecurityContext{
			AllowPrivilegeEscalation: ptr.To(false), Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		}}},
	}
}

func (s *site) create(t *testing.T, objects ...client.Object) {
	t.Helper()
	for _, object := range objects {
		if err := s.admin.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
}

// delete may be called when the test is over.
func (s *site) delete(t *testing.T, object client.Object) {
	t.Helper()
	if err := s.admin.Delete(context.WithoutCancel(t.Context()), object); err != nil {
		t.Error(err)
	}
}
