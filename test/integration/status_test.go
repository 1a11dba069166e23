// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/test/e2e/await"
)

// TestEvents looks for an Event on both kinds for each rung, and for each change
// of what holds the namespace.
func TestEvents(t *testing.T) {
	t.Parallel()
	runOperator(t)
	s := newScene(t)
	ns := s.namespace()
	pod := s.pod(ns, "web", v1alpha1.LevelBaseline)
	rollout := s.rollout(levels{enforce: v1alpha1.LevelRestricted})
	s.awaitHeld(ns, "audit=restricted", v1alpha1.ReasonViolations)
	s.applyLabels(ns, "argocd-controller", map[string]string{"pod-security.kubernetes.io/audit": "baseline", sceneLabel: s.name})
	s.awaitState(ns, v1alpha1.ReasonLabelConflict)
	s.applyLabels(ns, "argocd-controller", map[string]string{sceneLabel: s.name})
	s.awaitState(ns, v1alpha1.ReasonViolations)
	s.remove(pod)
	s.awaitState(ns, v1alpha1.ReasonComplete)

	var want []event
	for _, mode := range []string{"audit", "warn", "enforce"} {
		want = append(want,
			event{reason: "Climbed", note: fmt.Sprintf("%s went from privileged:latest to baseline:%s", mode, s.version)},
			event{reason: "Climbed", note: fmt.Sprintf("%s went from baseline:%s to restricted:%[2]s", mode, s.version)})
	}
	want = append(want,
		event{reason: v1alpha1.ReasonViolations, note: "Pod web"},
		event{reason: v1alpha1.ReasonLabelConflict, note: "argocd-controller"},
		event{reason: v1alpha1.ReasonComplete, note: "The target is reached"})
	await.Until(t, 2*quiet, func() error {
		missing, err := s.missingEvents(ns, rollout.Name, want)
		if err == nil && len(missing) > 0 {
			err = fmt.Errorf("there is no Event\n%s", strings.Join(missing, "\n"))
		}
		return err
	})
}

// missingEvents answers those that are not on both the namespace's
// NamespaceRollout and the rollout, where the note names the namespace, one a line.
func (s *scene) missingEvents(namespace, rollout string, wanted []event) ([]string, error) {
	var missing []string
	for _, want := range wanted {
		onClaim, onRollout := want, want
		onClaim.kind, onClaim.namespace, onClaim.name = "NamespaceRollout", namespace, v1alpha1.NamespaceRolloutName
		onRollout.kind, onRollout.name = "PodSecurityRollout", rollout
		for _, e := range []event{onClaim, onRollout} {
			notes, err := s.eventNotes(e)
			if err != nil {
				return nil, err
			}
			if !slices.ContainsFunc(notes, func(note string) bool {
				return strings.Contains(note, e.note) && (e.kind == "NamespaceRollout" || strings.HasPrefix(note, "Namespace "+namespace+": "))
			}) {
				missing = append(missing, fmt.Sprintf("%s on %s %s: %s", e.reason, e.kind, e.name, e.note))
			}
		}
	}
	return missing, nil
}

// TestObservedGeneration looks at the conditions of both kinds after each was
// edited.
func TestObservedGeneration(t *testing.T) {
	t.Parallel()
	runOperator(t)
	s := newScene(t)
	ns := s.namespace()
	s.pod(ns, "web", v1alpha1.LevelPrivileged)
	rollout := s.rollout(levels{enforce: v1alpha1.LevelBaseline})
	claim := s.awaitState(ns, v1alpha1.ReasonViolations)
	s.edit(rollout, func(spec *v1alpha1.PodSecurityRolloutSpec) { spec.LabelConflicts = v1alpha1.LabelConflictTakeOver })
	base := claim.DeepCopy()
	claim.Spec.ApprovedEnforce = "baseline:" + s.version
	if err := s.Patch(t.Context(), claim, client.MergeFrom(base)); err != nil {
		t.Fatalf("approving: %v", err)
	}

	claim = s.awaitClaim(ns, func(claim *v1alpha1.NamespaceRollout) error {
		return haveObserved(claim.Status.Conditions, claim.Status.ObservedGeneration, 2)
	})
	wantTypes(t, claim.Status.Conditions, v1alpha1.ConditionReady, v1alpha1.ConditionProgressing, v1alpha1.ConditionComplete, v1alpha1.ConditionCompliant)
	got := s.awaitRollout(rollout.Name, func(rollout *v1alpha1.PodSecurityRollout) error {
		return haveObserved(rollout.Status.Conditions, rollout.Status.ObservedGeneration, 2)
	})
	wantTypes(t, got.Status.Conditions, v1alpha1.ConditionReady, v1alpha1.ConditionProgressing, v1alpha1.ConditionComplete, v1alpha1.ConditionBlocked, v1alpha1.ConditionStalled)
}

func haveObserved(conditions []metav1.Condition, observed, generation int64) error {
	if observed != generation {
		return fmt.Errorf("generation %d is observed, want %d", observed, generation)
	}
	for _, c := range conditions {
		if c.ObservedGeneration != generation {
			return fmt.Errorf("condition %s is of generation %d, want %d", c.Type, c.ObservedGeneration, generation)
		}
	}
	return nil
}

func wantTypes(t *testing.T, conditions []metav1.Condition, types ...string) {
	t.Helper()
	for _, kind := range types {
		if err := hasCondition(conditions, kind, "", ""); err != nil {
			t.Errorf("%v in %+v", err, conditions)
		}
	}
}

// TestStatusOwnership looks at who owns which fields of the status: each of the
// two reconcilers its own.
func TestStatusOwnership(t *testing.T) {
	t.Parallel()
	runOperator(t)
	s := newScene(t)
	ns := s.namespace()
	s.pod(ns, "web", v1alpha1.LevelBaseline)
	rollout := s.rollout(levels{enforce: v1alpha1.LevelRestricted})
	s.awaitState(ns, v1alpha1.ReasonViolations)
	s.awaitCounts(rollout.Name, v1alpha1.NamespaceCounts{Selected: 1, Blocked: 1})
	claim := s.awaitClaim(ns, func(claim *v1alpha1.NamespaceRollout) error {
		if claim.Status.Fleet == nil {
			return fmt.Errorf("the fleet has said nothing")
		}
		return nil
	})
	fleet := fieldpath.MakePathOrDie("status", "fleet")
	for manager, wantFleet := range map[string]bool{v1alpha1.FleetFieldManager: true, v1alpha1.FieldManager: false} {
		for _, path := range s.owned(claim, manager) {
			if inFleet := len(path) >= len(fleet) && path[:len(fleet)].Equals(fleet); inFleet != wantFleet {
				t.Errorf("%s owns %s", manager, path)
			}
		}
	}
	if err := s.Get(t.Context(), client.ObjectKeyFromObject(rollout), rollout); err != nil {
		t.Fatal(err)
	}
	s.owned(rollout, v1alpha1.FleetFieldManager)
	for _, entry := range append(claim.ManagedFields, rollout.ManagedFields...) {
		if entry.Subresource == "status" && entry.Operation != metav1.ManagedFieldsOperationApply {
			t.Errorf("%s writes the status by %s", entry.Manager, entry.Operation)
		}
	}
}

// owned answers the fields of an object's status that a manager has applied, of
// which there must be some.
func (s *scene) owned(object client.Object, manager string) []fieldpath.Path {
	s.Helper()
	var paths []fieldpath.Path
	for _, entry := range object.GetManagedFields() {
		if entry.Manager != manager || entry.Subresource != "status" {
			continue
		}
		set := &fieldpath.Set{}
		if err := set.FromJSON(entry.FieldsV1.GetRawReader()); err != nil {
			s.Fatalf("reading managedFields: %v", err)
		}
		set.Leaves().Iterate(func(p fieldpath.Path) { paths = append(paths, p.Copy()) })
	}
	if len(paths) == 0 {
		s.Errorf("%s owns nothing of the status in\n%v", manager, object.GetManagedFields())
	}
	return paths
}
