// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

func TestBoard(t *testing.T) {
	b := newBoard([]string{"shop"}, map[string]map[string]string{"shop": {}})
	labelled := func(labels map[string]string) func() []note {
		return func() []note {
			return b.showNamespace(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop", Labels: labels}})
		}
	}
	claimed := func(namespace, reason, message, next string) func() []note {
		return func() []note {
			claim := &v1alpha1.NamespaceRollout{ObjectMeta: metav1.ObjectMeta{Namespace: namespace}}
			if next != "" {
				claim.Status.Next = &v1alpha1.Rung{Rung: next}
			}
			claim.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionProgressing, Reason: reason, Message: message}}
			return b.showClaim(claim)
		}
	}
	for _, step := range []struct {
		name   string
		change func() []note
		want   []string
	}{
		{"nothing moves", labelled(nil), nil},
		{"held", claimed("shop", v1alpha1.ReasonViolations, "Pod web: privileged", "audit=baseline:v1.37"),
			[]string{"held at audit=baseline: Pod web: privileged"}},
		{"held as before", claimed("shop", v1alpha1.ReasonViolations, "Pod web: privileged, hostPort", "audit=baseline:v1.37"), nil},
		{"climbing is told by its labels", claimed("shop", v1alpha1.ReasonClimbing, "", "audit=baseline:v1.37"), nil},
		{"climbed", labelled(policyLabels("baseline:v1.37", "-", "-")), []string{"climbed to audit=baseline:v1.37"}},
		{"two at once", labelled(policyLabels("baseline:v1.37", "baseline:v1.37", "restricted")),
			[]string{"climbed to warn=baseline:v1.37", "climbed to enforce=restricted"}},
		{"lowered", labelled(policyLabels("baseline:v1.37", "baseline:v1.37", "-")), []string{"was lowered to enforce=none"}},
		{"complete", claimed("shop", v1alpha1.ReasonComplete, "All is well", ""), []string{"complete"}},
		{"a namespace that is not shown", claimed("web", v1alpha1.ReasonComplete, "", ""), nil},
	} {
		var got []string
		for _, n := range step.change() {
			got = append(got, n.text)
		}
		if diff := cmp.Diff(step.want, got); diff != "" {
			t.Errorf("%s: notes (-want +got):\n%s", step.name, diff)
		}
	}
	if got, want := b.counts(), "1 namespaces: 1 complete, 0 climbing, 0 held"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestInOrder(t *testing.T) {
	got := inOrder([]note{{text: "held", rests: true}, {text: "climbed to audit"}, {text: "climbed to warn"}, {text: "complete", rests: true}})
	want := []string{"climbed to audit", "climbed to warn", "held", "complete"}
	for i := range want {
		if got[i].text != want[i] {
			t.Errorf("%d is %q, want %q", i, got[i].text, want[i])
		}
	}
}
