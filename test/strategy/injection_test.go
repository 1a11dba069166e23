// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/test/e2e/await"
)

// sidecar is what is put into pods as they are created.
const sidecar = `Object{spec: Object.spec{containers: [Object.spec.containers{
	name: "proxy", image: "example.com/proxy", securityContext: Object.spec.containers.securityContext{privileged: true}
}]}}`

// inject has the API server put the sidecar into every pod created in the
// scene's namespaces, as the webhook of a service mesh would. It answers what
// makes it cease.
func (s *scene) inject(namespace string) (cease func()) {
	s.Helper()
	policy := &admissionregistrationv1.MutatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: s.name},
		Spec: admissionregistrationv1.MutatingAdmissionPolicySpec{
			MatchConstraints: &admissionregistrationv1.MatchResources{
				NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{sceneLabel: s.name}},
				ResourceRules: []admissionregistrationv1.NamedRuleWithOperations{{RuleWithOperations: admissionregistrationv1.RuleWithOperations{
					Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
					Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
				}}},
			},
			Mutations: []admissionregistrationv1.Mutation{{
				PatchType:          admissionregistrationv1.PatchTypeApplyConfiguration,
				ApplyConfiguration: &admissionregistrationv1.ApplyConfiguration{Expression: sidecar},
			}},
			FailurePolicy:      ptr.To(admissionregistrationv1.Fail),
			ReinvocationPolicy: admissionregistrationv1.NeverReinvocationPolicy,
		},
	}
	binding := &admissionregistrationv1.MutatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: s.name},
		Spec:       admissionregistrationv1.MutatingAdmissionPolicyBindingSpec{PolicyName: policy.Name},
	}
	for _, object := range []client.Object{policy, binding} {
		s.create(object)
		s.Cleanup(func() {
			if err := s.Delete(context.Background(), object); client.IgnoreNotFound(err) != nil {
				s.Errorf("deleting %T %s: %v", object, object.GetName(), err)
			}
		})
	}
	s.awaitContainers(namespace, 2)
	return func() {
		s.remove(binding)
		s.awaitContainers(namespace, 1)
	}
}

// awaitContainers waits until a pod that is created with one container has so
// many: the API server hears of policies through a watch of its own.
func (s *scene) awaitContainers(namespace string, count int) {
	s.Helper()
	await.Until(s.T, soon, func() error {
		probe := pod(namespace, "probe")
		if err := s.Create(s.Context(), probe, client.DryRunAll); err != nil {
			return err
		}
		if len(probe.Spec.Containers) != count {
			return fmt.Errorf("it has %d containers, want %d: %s", len(probe.Spec.Containers), count, asYAML(probe))
		}
		return nil
	})
}

// TestInjection has pods differ from their template: the template complies and
// the pods do not. The namespace is held by what runs, and let go by that too.
func TestInjection(t *testing.T) {
	s := commonScene(t)
	ns := s.namespace("mesh")
	cease := s.inject(ns)
	web := s.runs(deployment(ns, "web"))
	s.rollout()
	claim := s.await(ns, next("audit=baseline:"+s.version), state(v1alpha1.ReasonViolations, "Deployment web", `container "proxy"`))
	pods, err := s.podsOf(web)
	if err != nil || len(pods) != 1 {
		t.Fatalf("the pods of Deployment web are %v (%v), want one", pods, err)
	}
	want := []v1alpha1.Violation{{
		Workload: v1alpha1.WorkloadReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "web"},
		Level:    v1alpha1.LevelBaseline, Check: "privileged", Source: v1alpha1.SourcePod, Pods: 1, Example: pods[0].Name,
		Apart: "Only pods show it, their template complies: something adds to the pods, or changes, container proxy",
	}}
	if diff := cmp.Diff(want, claim.Status.Violations, cmpopts.IgnoreFields(v1alpha1.Violation{}, "Message")); diff != "" {
		t.Errorf("status.violations (-want +got):\n%s", diff)
	}
	s.staysAt(quiet, ns)

	cease()
	s.staysAt(quiet/3, ns) // the pod that runs still has it
	s.remove(&pods[0])
	s.awaitWritten(ns, climb("baseline", s.version)...)
}
