// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	applycorev1 "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/test/e2e/await"
)

func namespaceOf(name string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

// TestTakeOver has a GitOps tool own a label: it is yielded to, until the rollout
// says to take it over.
func TestTakeOver(t *testing.T) {
	const owner, label = "argocd-controller", "pod-security.kubernetes.io/enforce"
	s := commonScene(t)
	ns := s.namespace("shop")
	applied := applycorev1.Namespace(ns).WithLabels(map[string]string{label: "privileged"})
	if err := s.Apply(t.Context(), applied, client.FieldOwner(owner)); err != nil {
		t.Fatalf("applying a label: %v", err)
	}
	rollout := s.rollout()
	all := climb("baseline", s.version)
	s.await(ns, next(all[2]), state(v1alpha1.ReasonLabelConflict, owner, label+"=privileged", "TakeOver"))
	s.staysAt(quiet, ns, all[:2]...)

	s.edit(rollout, func(spec *v1alpha1.PodSecurityRolloutSpec) { spec.LabelConflicts = v1alpha1.LabelConflictTakeOver })
	s.awaitWritten(ns, all...)
	s.await(ns, state(v1alpha1.ReasonComplete))
	now := namespaceOf(ns)
	if err := s.Get(t.Context(), client.ObjectKeyFromObject(now), now); err != nil {
		t.Fatal(err)
	}
	for _, f := range now.ManagedFields {
		if f.Manager == owner && strings.Contains(f.FieldsV1.GetRawString(), label) {
			t.Errorf("%s still owns the label: %s", owner, f.FieldsV1.GetRawString())
		}
	}
	s.staysAt(quiet, ns, all...)
}

// TestDrift has kubectl lower a label that was climbed. It is climbed again, and
// an Event says who it was.
func TestDrift(t *testing.T) {
	s := commonScene(t)
	ns := s.namespace("shop")
	s.rollout()
	all := climb("baseline", s.version)
	s.awaitWritten(ns, all...)
	s.await(ns, state(v1alpha1.ReasonComplete))

	s.lower(ns)
	s.awaitWritten(ns, append(all, all[2])...)
	s.await(ns, state(v1alpha1.ReasonComplete))
	await.Until(t, soon, func() error {
		var events eventsv1.EventList
		if err := s.List(t.Context(), &events, client.InNamespace(ns)); err != nil {
			return err
		}
		for _, e := range events.Items {
			if e.Reason == "LabelChanged" && e.Regarding.Kind == "NamespaceRollout" && strings.Contains(e.Note, `"kubectl-label"`) &&
				strings.Contains(e.Note, "enforce went from baseline:"+s.version+" to privileged") {
				return nil
			}
		}
		return fmt.Errorf("no Event LabelChanged names kubectl-label among %v", notes(events.Items))
	})
}

func notes(events []eventsv1.Event) []string {
	var all []string
	for _, e := range events {
		all = append(all, e.Reason+": "+e.Note)
	}
	return all
}

// TestRequireNone has audit and warn climb over a violation, and enforce not.
func TestRequireNone(t *testing.T) {
	s := commonScene(t)
	ns := s.namespace("shop")
	s.runs(deployment(ns, "web", privileged))
	s.rollout(func(spec *v1alpha1.PodSecurityRolloutSpec) {
		spec.Strategy.Audit = &v1alpha1.ModeStrategy{Require: v1alpha1.RequirementNone}
		spec.Strategy.Warn = &v1alpha1.ModeStrategy{Require: v1alpha1.RequirementNone}
	})
	all := climb("baseline", s.version)
	s.awaitWritten(ns, all[:2]...)
	s.await(ns, next(all[2]), state(v1alpha1.ReasonViolations, "Deployment web", "privileged"))
	s.staysAt(quiet, ns, all[:2]...)
}
