// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/test/e2e/await"
	"github.com/podsecurity-rollout/operator/test/e2e/witness"
)

// TestNamespaceDeleted deletes namespaces in the middle of their climb, each as
// soon as another rung shows. Nothing is written after, nothing comes back, and
// the operator makes no noise of it.
func TestNamespaceDeleted(t *testing.T) {
	t.Parallel()
	runOperator(t)
	s := newScene(t)
	var namespaces []string
	var deleting sync.WaitGroup
	for rung := range len(wholeLadder) - 1 {
		ns := s.namespace()
		namespaces = append(namespaces, ns)
		deleting.Go(func() { s.deleteAfter(ns, rung+1) })
	}
	rollout := s.rollout(levels{enforce: v1alpha1.LevelRestricted})
	deleting.Wait()
	for _, ns := range namespaces {
		s.awaitState(ns, v1alpha1.ReasonTerminating)
		if err := removeNamespace(t.Context(), s.Client, ns); err != nil {
			t.Fatal(err)
		}
	}
	s.awaitCounts(rollout.Name, v1alpha1.NamespaceCounts{})
	await.Throughout(t, quiet, func() error {
		for _, ns := range namespaces {
			if err := s.staysGone(ns); err != nil {
				return err
			}
		}
		return nil
	})
	for _, ns := range namespaces {
		if errors := operatorLog.errorsAbout(ns); len(errors) > 3 {
			t.Errorf("the operator logs %d errors about namespace %s:\n%s", len(errors), ns, strings.Join(errors, "\n"))
		}
	}
}

// deleteAfter deletes a namespace as soon as it has had so many rungs.
func (s *scene) deleteAfter(namespace string, rungs int) {
	ctx, cancel := context.WithTimeout(s.Context(), soon)
	defer cancel()
	if _, err := s.Await(ctx, namespace, func(v []witness.Version) bool { return len(v) > rungs }); err != nil {
		s.Error(err)
	}
	if err := s.Delete(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}); err != nil {
		s.Errorf("deleting namespace %s: %v", namespace, err)
	}
}

// staysGone is whether the last that was seen of a namespace is its end, and
// nothing but its deletion, by somebody else, came after it was asked for.
func (s *scene) staysGone(namespace string) error {
	versions := s.Versions(namespace)
	if last := versions[len(versions)-1]; !last.Gone {
		return fmt.Errorf("namespace %s is not gone", namespace)
	}
	writes, err := s.Writes(operatorUser, namespace)
	if err != nil {
		return err
	}
	rungs := 0
	for _, v := range versions[1:] {
		if !v.Deleting {
			rungs++
		}
	}
	if len(writes) != rungs {
		return fmt.Errorf("the operator wrote %q to namespace %s, which had %d versions before it was deleted", writes, namespace, rungs)
	}
	return s.hasNoClaim(namespace)
}

// TestSuspended suspends a rollout in the middle of a climb.
func TestSuspended(t *testing.T) {
	t.Parallel()
	runOperator(t)
	s := newScene(t)
	ns := s.namespace()
	pod := s.pod(ns, "web", v1alpha1.LevelBaseline)
	rollout := s.rollout(levels{enforce: v1alpha1.LevelRestricted})
	s.awaitState(ns, v1alpha1.ReasonViolations)
	s.edit(rollout, func(spec *v1alpha1.PodSecurityRolloutSpec) { spec.Suspend = ptr.To(true) })
	s.awaitState(ns, v1alpha1.ReasonSuspended)
	// Evaluation goes on: it says what holds it besides, and when nothing does.
	s.awaitClaim(ns, isCompliant(metav1.ConditionFalse))
	s.awaitCounts(rollout.Name, v1alpha1.NamespaceCounts{Selected: 1, Blocked: 1})
	s.remove(pod)
	s.awaitClaim(ns, isCompliant(metav1.ConditionTrue))
	got := s.awaitCounts(rollout.Name, v1alpha1.NamespaceCounts{Selected: 1, Progressing: 1})
	if err := hasCondition(got.Status.Conditions, v1alpha1.ConditionProgressing, metav1.ConditionFalse, v1alpha1.ReasonSuspended); err != nil {
		t.Errorf("%v in\n%s", err, asYAML(got))
	}
	s.staysAt(ns, "audit=baseline", "warn=baseline", "enforce=baseline")

	s.edit(rollout, func(spec *v1alpha1.PodSecurityRolloutSpec) { spec.Suspend = ptr.To(false) })
	s.awaitState(ns, v1alpha1.ReasonComplete)
	s.wantWrites(ns, wholeLadder...)
}

func isCompliant(status metav1.ConditionStatus) func(*v1alpha1.NamespaceRollout) error {
	return func(claim *v1alpha1.NamespaceRollout) error {
		return hasCondition(claim.Status.Conditions, v1alpha1.ConditionCompliant, status, "")
	}
}

// TestObserve evaluates and writes nothing.
func TestObserve(t *testing.T) {
	t.Parallel()
	runOperator(t)
	s := newScene(t)
	clean, violating := s.namespace(), s.namespace()
	s.pod(clean, "web", v1alpha1.LevelRestricted)
	s.pod(violating, "agent", v1alpha1.LevelPrivileged)
	rollout := s.rollout(levels{enforce: v1alpha1.LevelBaseline}, func(spec *v1alpha1.PodSecurityRolloutSpec) {
		spec.Mode = v1alpha1.RolloutModeObserve
	})
	s.awaitState(clean, v1alpha1.ReasonObserving, "audit=baseline")
	s.awaitClaim(clean, isCompliant(metav1.ConditionTrue))
	claim := s.awaitState(violating, v1alpha1.ReasonObserving, "audit=baseline")
	if err := hasCondition(claim.Status.Conditions, v1alpha1.ConditionCompliant, metav1.ConditionFalse, v1alpha1.ReasonViolations, "Pod agent", "privileged"); err != nil {
		t.Errorf("it does not say what would hold it: %v in\n%s", err, asYAML(claim))
	}
	got := s.awaitCounts(rollout.Name, v1alpha1.NamespaceCounts{Selected: 2, Progressing: 1, Blocked: 1})
	if b := got.Status.Blocked; len(b) != 1 || b[0].Namespace != violating {
		t.Errorf("it does not list what would be blocked:\n%s", asYAML(got))
	}
	if len(got.Status.TopViolations) == 0 || got.Status.TopViolations[0].Check != "privileged" {
		t.Errorf("it does not list what is violated:\n%s", asYAML(got))
	}
	s.staysAt(clean)
	s.staysAt(violating)
	for _, ns := range []string{clean, violating} {
		if versions := s.Versions(ns); len(versions) != 1 {
			t.Errorf("namespace %s has had %d versions", ns, len(versions))
		}
	}
}

// TestTargetEdited raises and lowers the target in the middle of a climb. Labels
// only ever go up.
func TestTargetEdited(t *testing.T) {
	t.Parallel()
	runOperator(t)
	s := newScene(t)
	ns := s.namespace()
	pod := s.pod(ns, "web", v1alpha1.LevelBaseline)
	rollout := s.rollout(levels{enforce: v1alpha1.LevelBaseline})
	s.awaitState(ns, v1alpha1.ReasonComplete)

	to := func(enforce, warn v1alpha1.Level) {
		s.edit(rollout, func(spec *v1alpha1.PodSecurityRolloutSpec) {
			spec.Targets[0].Enforce, spec.Targets[0].Warn, spec.Targets[0].Audit = enforce, warn, warn
		})
	}
	to(v1alpha1.LevelRestricted, v1alpha1.LevelRestricted)
	s.awaitHeld(ns, "audit=restricted", v1alpha1.ReasonViolations)
	s.remove(pod)
	s.awaitState(ns, v1alpha1.ReasonComplete)
	s.wantWrites(ns, wholeLadder...)

	to(v1alpha1.LevelBaseline, v1alpha1.LevelRestricted)
	claim := s.awaitState(ns, v1alpha1.ReasonAheadOfTarget, "enforce=restricted")
	if err := hasCondition(claim.Status.Conditions, v1alpha1.ConditionComplete, metav1.ConditionTrue, v1alpha1.ReasonAheadOfTarget); err != nil {
		t.Errorf("%v in\n%s", err, asYAML(claim))
	}
	to(v1alpha1.LevelPrivileged, v1alpha1.LevelPrivileged)
	s.awaitState(ns, v1alpha1.ReasonAheadOfTarget, "enforce=restricted", "warn=restricted", "audit=restricted")
	s.staysAt(ns, wholeLadder...)
}

// TestRolloutDeleted deletes a rollout in the middle of a climb: its claims go,
// without a garbage collector, and the labels stay.
func TestRolloutDeleted(t *testing.T) {
	t.Parallel()
	runOperator(t)
	s := newScene(t)
	ns := s.namespace()
	pod := s.pod(ns, "web", v1alpha1.LevelBaseline)
	rollout := s.rollout(levels{enforce: v1alpha1.LevelRestricted})
	s.awaitState(ns, v1alpha1.ReasonViolations)
	s.remove(rollout)
	await.Until(t, soon, func() error { return s.hasNoClaim(ns) })
	s.remove(pod) // nothing would hold it any more
	s.staysAt(ns, "audit=baseline", "warn=baseline", "enforce=baseline")
	s.wantNoClaim(ns)
}
