// SPDX-License-Identifier: Apache-2.0

package integration

import (
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

// newPod answers a pod that complies with a level and with none stricter.
func newPod(namespace, name string, level v1alpha1.Level) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: podSpec(level)}
}

func podSpec(level v1alpha1.Level) corev1.PodSpec {
	container := corev1.Container{Name: "c", Image: "registry.example.com/image"}
	spec := corev1.PodSpec{}
	switch level {
	case v1alpha1.LevelPrivileged:
		container.SecurityContext = &corev1.SecurityContext{Privileged: ptr.To(true)}
	case v1alpha1.LevelRestricted:
		spec.SecurityContext = &corev1.PodSecurityContext{
			RunAsNonRoot:   ptr.To(true),
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		}
		container.SecurityContext = &corev1.SecurityContext{
			AllowPrivilegeEscalation: ptr.To(false),
			Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		}
	}
	spec.Containers = []corev1.Container{container}
	return spec
}

// ownedBy has a pod say that it is a replica of a ReplicaSet. Nobody looks
// whether there is one.
func ownedBy(pod *corev1.Pod, replicaSet string) *corev1.Pod {
	pod.OwnerReferences = []metav1.OwnerReference{{
		APIVersion: "apps/v1", Kind: "ReplicaSet", Name: replicaSet, UID: "5d1f7d5e-0000-4000-8000-000000000000", Controller: ptr.To(true),
	}}
	return pod
}

// podTemplate answers a template for pods that comply with a level.
func podTemplate(name string, level v1alpha1.Level) corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": name}}, Spec: podSpec(level)}
}

func newDeployment(namespace, name string, replicas int32, level v1alpha1.Level) *appsv1.Deployment {
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas,
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": name}},
			Template: podTemplate(name, level),
		},
	}
}

// newCronJob answers one that runs on the first of the month.
func newCronJob(namespace, name string, level v1alpha1.Level) *batchv1.CronJob {
	template := podTemplate(name, level)
	template.Spec.RestartPolicy = corev1.RestartPolicyNever
	return &batchv1.CronJob{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: batchv1.CronJobSpec{
			Schedule:    "0 3 1 * *",
			JobTemplate: batchv1.JobTemplateSpec{Spec: batchv1.JobSpec{Template: template}},
		},
	}
}
