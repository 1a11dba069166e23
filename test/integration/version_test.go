// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

// TestVersionNotServed does nothing for a version that the API server is too old
// for, and says so.
func TestVersionNotServed(t *testing.T) {
	t.Parallel()
	runOperator(t)
	s := newScene(t)
	ns := s.namespace()
	served := servedVersion(t)
	pin := v1alpha1.Version(fmt.Sprintf("v1.%d", served.Minor()+1))
	rollout := s.rollout(levels{enforce: v1alpha1.LevelBaseline}, func(spec *v1alpha1.PodSecurityRolloutSpec) {
		spec.Targets[0].Version = pin
	})
	refused := func(conditions []metav1.Condition) error {
		return hasCondition(conditions, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonVersionNotServed, string(pin), s.version)
	}
	got := s.awaitRollout(rollout.Name, func(r *v1alpha1.PodSecurityRollout) error { return refused(r.Status.Conditions) })
	if err := hasCondition(got.Status.Conditions, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonVersionNotServed); err != nil {
		t.Errorf("%v in\n%s", err, asYAML(got))
	}
	s.awaitClaim(ns, func(claim *v1alpha1.NamespaceRollout) error { return refused(claim.Status.Conditions) })
	s.staysAt(ns)

	s.edit(rollout, func(spec *v1alpha1.PodSecurityRolloutSpec) { spec.Targets[0].Version = v1alpha1.VersionCluster })
	s.awaitState(ns, v1alpha1.ReasonComplete)
	s.wantWrites(ns, "audit=baseline", "warn=baseline", "enforce=baseline")
}

// TestPinnedVersion climbs to a version older than the API server's own, and
// from there to its own: audit first, enforce last.
func TestPinnedVersion(t *testing.T) {
	t.Parallel()
	runOperator(t)
	s := newScene(t)
	ns := s.namespace()
	served := servedVersion(t)
	pin := fmt.Sprintf("v1.%d", served.Minor()-1)
	rollout := s.rollout(levels{enforce: v1alpha1.LevelBaseline}, func(spec *v1alpha1.PodSecurityRolloutSpec) {
		spec.Targets[0].Version = v1alpha1.Version(pin)
	})
	s.awaitState(ns, v1alpha1.ReasonComplete)
	newer := s.version
	s.version = pin
	s.wantWrites(ns, "audit=baseline", "warn=baseline", "enforce=baseline")
	s.edit(rollout, func(spec *v1alpha1.PodSecurityRolloutSpec) { spec.Targets[0].Version = v1alpha1.VersionCluster })
	s.awaitClaim(ns, func(claim *v1alpha1.NamespaceRollout) error {
		if claim.Status.Current == nil || claim.Status.Current.Enforce != v1alpha1.LevelVersion("baseline:"+newer) {
			return fmt.Errorf("enforce is not at %s", newer)
		}
		return nil
	})
	writes, err := s.Writes(operatorUser, ns)
	if err != nil {
		t.Fatal(err)
	}
	want := s.rungs("audit=baseline", "warn=baseline", "enforce=baseline")
	s.version = newer
	want = append(want, s.rungs("audit=baseline", "warn=baseline", "enforce=baseline")...)
	if fmt.Sprint(want) != fmt.Sprint(writes) {
		t.Errorf("the operator wrote %q, want %q", writes, want)
	}
}

// TestPrivilegedTarget has nothing to do.
func TestPrivilegedTarget(t *testing.T) {
	t.Parallel()
	runOperator(t)
	s := newScene(t)
	ns := s.namespace()
	s.pod(ns, "agent", v1alpha1.LevelPrivileged)
	rollout := s.rollout(levels{enforce: v1alpha1.LevelPrivileged})
	s.awaitState(ns, v1alpha1.ReasonComplete)
	s.awaitCounts(rollout.Name, v1alpha1.NamespaceCounts{Selected: 1, Complete: 1})
	s.staysAt(ns)
}
