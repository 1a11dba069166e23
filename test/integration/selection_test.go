// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"errors"
	"fmt"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/test/e2e/await"
	"github.com/podsecurity-rollout/operator/test/e2e/witness"
)

// wantNoClaim fails the test when there is a NamespaceRollout in a namespace.
func (s *scene) wantNoClaim(namespace string) {
	s.Helper()
	if err := s.hasNoClaim(namespace); err != nil {
		s.Fatal(err)
	}
}

func (s *scene) hasNoClaim(namespace string) error {
	claim := &v1alpha1.NamespaceRollout{}
	switch err := s.Get(s.Context(), claimKey(namespace), claim); {
	case apierrors.IsNotFound(err):
		return nil
	case err != nil:
		return err
	}
	return fmt.Errorf("there is a NamespaceRollout:\n%s", asYAML(claim))
}

// wantUntouched fails the test when the operator has asked the API server to
// change anything of a namespace or in it, be it by a dry run.
func (s *scene) wantUntouched(namespace string) {
	s.Helper()
	requests, err := s.Requests(func(r witness.Request) bool {
		return r.User == operatorUser && r.Namespace == namespace && r.Verb != "get" && r.Verb != "list" && r.Verb != "watch"
	})
	if err != nil {
		s.Fatal(err)
	}
	if len(requests) > 0 {
		s.Errorf("the operator has touched namespace %s: %v", namespace, requests)
	}
}

// TestNotSelected leaves alone what a rollout excludes and what it does not select.
func TestNotSelected(t *testing.T) {
	t.Parallel()
	runOperator(t)
	s := newScene(t)
	selected, excluded, unselected := s.namespace(), s.namespace(), s.namespace(sceneLabel+"=")
	rollout := s.rollout(levels{enforce: v1alpha1.LevelBaseline}, func(spec *v1alpha1.PodSecurityRolloutSpec) {
		spec.ExcludedNamespaces = []string{"kube-system", excluded}
	})
	s.awaitState(selected, v1alpha1.ReasonComplete)
	s.awaitCounts(rollout.Name, v1alpha1.NamespaceCounts{Selected: 1, Complete: 1})
	s.wantWrites(selected, "audit=baseline", "warn=baseline", "enforce=baseline")
	for _, ns := range []string{excluded, unselected} {
		s.wantUntouched(ns)
		s.wantNoClaim(ns)
	}
}

// TestSelectedTwice gives a namespace to the older of two rollouts, and to the
// younger when the older is gone.
func TestSelectedTwice(t *testing.T) {
	t.Parallel()
	runOperator(t)
	s := newScene(t)
	ns := s.namespace()
	// Not by name: the older comes last there.
	older := s.namedRollout("z-"+s.name, levels{enforce: v1alpha1.LevelBaseline})
	s.awaitState(ns, v1alpha1.ReasonComplete)
	s.inTheSecondAfter(older.CreationTimestamp)
	younger := s.namedRollout("a-"+s.name, levels{enforce: v1alpha1.LevelRestricted})

	got := s.awaitCounts(younger.Name, v1alpha1.NamespaceCounts{Selected: 1, Conflicted: 1})
	if err := hasCondition(got.Status.Conditions, v1alpha1.ConditionProgressing, metav1.ConditionFalse, v1alpha1.ReasonConflicted, older.Name); err != nil {
		t.Errorf("%v in\n%s", err, asYAML(got))
	}
	s.awaitCounts(older.Name, v1alpha1.NamespaceCounts{Selected: 1, Complete: 1})
	s.awaitClaim(ns, isOwnedBy(older))
	s.staysAt(ns, "audit=baseline", "warn=baseline", "enforce=baseline")

	s.remove(older)
	s.awaitClaim(ns, isOwnedBy(younger))
	s.awaitCounts(younger.Name, v1alpha1.NamespaceCounts{Selected: 1, Complete: 1})
	s.wantWrites(ns, wholeLadder...)
}

func isOwnedBy(rollout *v1alpha1.PodSecurityRollout) func(*v1alpha1.NamespaceRollout) error {
	return func(claim *v1alpha1.NamespaceRollout) error {
		if owner := metav1.GetControllerOf(claim); owner == nil || owner.UID != rollout.UID {
			return fmt.Errorf("it is not owned by rollout %s", rollout.Name)
		}
		return nil
	}
}

// TestLeavesSelection takes a namespace out of the selection: the claim goes and
// the labels stay.
func TestLeavesSelection(t *testing.T) {
	t.Parallel()
	runOperator(t)
	s := newScene(t)
	ns := s.namespace()
	pod := s.pod(ns, "web", v1alpha1.LevelBaseline)
	rollout := s.rollout(levels{enforce: v1alpha1.LevelRestricted})
	s.awaitState(ns, v1alpha1.ReasonViolations)
	s.setLabels(ns, sceneLabel+"=elsewhere")
	await.Until(t, soon, func() error { return s.hasNoClaim(ns) })
	s.awaitCounts(rollout.Name, v1alpha1.NamespaceCounts{})
	s.remove(pod) // nothing would hold it any more
	s.staysAt(ns, "audit=baseline", "warn=baseline", "enforce=baseline")
	s.wantNoClaim(ns)
}

// TestClaimMadeByHand has people make, forge and delete NamespaceRollouts.
func TestClaimMadeByHand(t *testing.T) {
	t.Parallel()
	runOperator(t)
	s := newScene(t)
	selected, unselected := s.namespace(), s.namespace(sceneLabel+"=")
	s.pod(selected, "web", v1alpha1.LevelPrivileged)
	for _, ns := range []string{selected, unselected} {
		s.forgeClaim(ns)
		claim := s.awaitState(ns, v1alpha1.ReasonNotOwned)
		if err := hasCondition(claim.Status.Conditions, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonNotOwned, "No PodSecurityRollout owns"); err != nil {
			t.Errorf("%v in\n%s", err, asYAML(claim))
		}
	}

	rollout := s.rollout(levels{enforce: v1alpha1.LevelBaseline})
	s.awaitClaim(selected, isOwnedBy(rollout))
	// What was written into its status by hand counts for nothing.
	claim := s.awaitState(selected, v1alpha1.ReasonViolations, "Pod web")
	if len(claim.Status.Compliance) != 1 || claim.Status.Compliance[0].Verdict != v1alpha1.VerdictViolating {
		t.Errorf("the forged verdict is still there:\n%s", asYAML(claim))
	}
	s.wantWrites(selected)
	s.wantWrites(unselected)
	s.awaitState(unselected, v1alpha1.ReasonNotOwned)
}

// forgeClaim makes a NamespaceRollout by hand that says that all is well.
func (s *scene) forgeClaim(namespace string) {
	s.Helper()
	key := claimKey(namespace)
	claim := &v1alpha1.NamespaceRollout{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}}
	if err := s.Create(s.Context(), claim); err != nil {
		s.Fatalf("creating a NamespaceRollout: %v", err)
	}
	cleanup(s.T, func(ctx context.Context) error { return client.IgnoreNotFound(s.Delete(ctx, claim)) })
	await.Until(s.T, soon, func() error {
		if err := s.Get(s.Context(), key, claim); err != nil {
			return err
		}
		claim.Status.Fleet = &v1alpha1.FleetStatus{Target: "forged", EnforceTurn: v1alpha1.EnforceTurnGranted}
		claim.Status.Compliance = []v1alpha1.Compliance{{Level: v1alpha1.LevelBaseline, Version: s.version, Verdict: v1alpha1.VerdictCompliant}}
		return s.Status().Update(s.Context(), claim)
	})
}

// TestClaimDeleted makes a deleted claim again, and goes on.
func TestClaimDeleted(t *testing.T) {
	t.Parallel()
	runOperator(t)
	s := newScene(t)
	ns := s.namespace()
	pod := s.pod(ns, "web", v1alpha1.LevelBaseline)
	rollout := s.rollout(levels{enforce: v1alpha1.LevelRestricted})
	claim := s.awaitState(ns, v1alpha1.ReasonViolations)
	s.remove(claim)
	s.awaitClaim(ns, func(now *v1alpha1.NamespaceRollout) error {
		if now.UID == claim.UID {
			return errors.New("it is still the old one")
		}
		return isOwnedBy(rollout)(now)
	})
	s.awaitState(ns, v1alpha1.ReasonViolations)
	s.remove(pod)
	s.awaitState(ns, v1alpha1.ReasonComplete)
	s.wantWrites(ns, wholeLadder...)
}
