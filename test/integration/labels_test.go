// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	applycorev1 "k8s.io/client-go/applyconfigurations/core/v1"
	psaapi "k8s.io/pod-security-admission/api"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

// setLabels writes labels as `kubectl label --overwrite` does, all at once. One
// without a value is taken away.
func (s *scene) setLabels(namespace string, labels ...string) {
	s.Helper()
	values := map[string]any{}
	for _, label := range labels {
		key, value, has := strings.Cut(label, "=")
		if values[key] = nil; has {
			values[key] = value
		}
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"labels": values}})
	if err != nil {
		s.Fatal(err)
	}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
	if err := s.Patch(s.Context(), ns, client.RawPatch(types.MergePatchType, patch), client.FieldOwner("kubectl-label")); err != nil {
		s.Fatalf("labelling namespace %s: %v", namespace, err)
	}
}

// applyLabels applies labels as a GitOps tool does, server-side.
func (s *scene) applyLabels(namespace, manager string, labels map[string]string) {
	s.Helper()
	err := s.Apply(s.Context(), applycorev1.Namespace(namespace).WithLabels(labels), client.FieldOwner(manager), client.ForceOwnership)
	if err != nil {
		s.Fatalf("applying labels to namespace %s: %v", namespace, err)
	}
}

// securityLabels answers the Pod Security labels of a namespace.
func (s *scene) securityLabels(namespace string) map[string]string {
	s.Helper()
	ns := &corev1.Namespace{}
	if err := s.Get(s.Context(), client.ObjectKey{Name: namespace}, ns); err != nil {
		s.Fatalf("reading namespace %s: %v", namespace, err)
	}
	labels := map[string]string{}
	for _, key := range []string{
		psaapi.EnforceLevelLabel, psaapi.EnforceVersionLabel, psaapi.AuditLevelLabel,
		psaapi.AuditVersionLabel, psaapi.WarnLevelLabel, psaapi.WarnVersionLabel,
	} {
		if value, ok := ns.Labels[key]; ok {
			labels[key] = value
		}
	}
	return labels
}

// TestLabelsLoweredMeanwhile has somebody lower labels in the middle of a climb:
// the rungs are climbed again, and told of with the name of who lowered them.
func TestLabelsLoweredMeanwhile(t *testing.T) {
	t.Parallel()
	climbed := []string{"audit=baseline", "warn=baseline", "enforce=baseline"}
	for name, modes := range map[string][]string{"one": {"warn"}, "two at once": {"warn", "enforce"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runOperator(t)
			s := newScene(t)
			ns := s.namespace()
			// It complies with baseline, so the climb stops before restricted.
			pod := s.pod(ns, "web", v1alpha1.LevelBaseline)
			rollout := s.rollout(levels{enforce: v1alpha1.LevelRestricted})
			s.awaitHeld(ns, "audit=restricted", v1alpha1.ReasonViolations)
			s.wantWrites(ns, climbed...)

			var lowered []string
			again := slices.Clone(climbed)
			for _, mode := range modes {
				lowered = append(lowered, "pod-security.kubernetes.io/"+mode+"=privileged")
				again = append(again, mode+"=baseline")
			}
			s.setLabels(ns, lowered...)
			s.awaitWrites(ns, again...)
			s.awaitHeld(ns, "audit=restricted", v1alpha1.ReasonViolations)
			for _, mode := range modes {
				note := fmt.Sprintf(`%s went from baseline:%s to privileged:%[2]s, not by this operator but by field manager "kubectl-label"`, mode, s.version)
				s.awaitEvent(event{kind: "NamespaceRollout", name: v1alpha1.NamespaceRolloutName, namespace: ns, reason: "LabelChanged", note: note})
				s.awaitEvent(event{kind: "PodSecurityRollout", name: rollout.Name, reason: "LabelChanged", note: note})
			}

			s.remove(pod)
			s.awaitState(ns, v1alpha1.ReasonComplete)
			s.wantWrites(ns, append(again, "audit=restricted", "warn=restricted", "enforce=restricted")...)
		})
	}
}

// TestLabelOwnedByOther has another manager own a label with another value: the
// rung is held and the manager named, until the rollout takes labels over.
func TestLabelOwnedByOther(t *testing.T) {
	t.Parallel()
	const other = "argocd-controller"
	for name, tc := range map[string]struct {
		label string
		own   func(s *scene, namespace, label string)
		// want are the rungs below the one that is held.
		want []string
	}{
		"audit": {
			label: psaapi.AuditLevelLabel,
			own: func(s *scene, namespace, label string) {
				s.applyLabels(namespace, other, map[string]string{label: "privileged", sceneLabel: s.name})
			},
		},
		"enforce": {
			label: psaapi.EnforceLevelLabel,
			own: func(s *scene, namespace, label string) {
				s.applyLabels(namespace, other, map[string]string{label: "privileged", sceneLabel: s.name})
			},
			want: []string{"audit=baseline", "warn=baseline"},
		},
		// Server-side apply minds such owners too.
		"audit, written with the status": {
			label: psaapi.AuditLevelLabel,
			own: func(s *scene, namespace, label string) {
				s.writeWithStatus(namespace, other, map[string]string{label: "privileged"})
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runOperator(t)
			s := newScene(t)
			ns := s.namespace()
			tc.own(s, ns, tc.label)
			rollout := s.rollout(levels{enforce: v1alpha1.LevelBaseline})
			s.awaitState(ns, v1alpha1.ReasonLabelConflict, other, tc.label+"=privileged", "labelConflicts: TakeOver")
			got := s.awaitCounts(rollout.Name, v1alpha1.NamespaceCounts{Selected: 1, Blocked: 1})
			if b := got.Status.Blocked; len(b) != 1 || b[0].Namespace != ns || b[0].Reason != v1alpha1.ReasonLabelConflict {
				t.Errorf("the rollout does not list the namespace as blocked:\n%s", asYAML(got))
			}
			s.staysAt(ns, tc.want...)
			if value := s.securityLabels(ns)[tc.label]; value != "privileged" {
				t.Errorf("%s=%s, want privileged as its owner has it", tc.label, value)
			}

			s.edit(rollout, func(spec *v1alpha1.PodSecurityRolloutSpec) { spec.LabelConflicts = v1alpha1.LabelConflictTakeOver })
			s.awaitState(ns, v1alpha1.ReasonComplete)
			s.wantWrites(ns, "audit=baseline", "warn=baseline", "enforce=baseline")
		})
	}
}

// TestOwnerAtTheLastMoment has a manager come to own a label while the rung that
// replaces it is being written: that write must not go through.
func TestOwnerAtTheLastMoment(t *testing.T) {
	t.Parallel()
	runOperator(t)
	s := newScene(t)
	ns := s.namespace()
	s.setLabels(ns, psaapi.AuditLevelLabel+"=privileged") // which the operator takes over
	var once sync.Once
	s.interrupt(ns, func(request *admissionv1.AdmissionRequest) {
		if ptr.Deref(request.DryRun, false) {
			return
		}
		once.Do(func() {
			labels := applycorev1.Namespace(ns).WithLabels(map[string]string{psaapi.AuditLevelLabel: "privileged"})
			if err := s.Apply(t.Context(), labels, client.FieldOwner("argocd-controller"), client.ForceOwnership); err != nil {
				t.Errorf("applying labels: %v", err)
			}
		})
	})
	s.rollout(levels{enforce: v1alpha1.LevelBaseline})
	s.awaitState(ns, v1alpha1.ReasonLabelConflict, "argocd-controller")
	s.staysAt(ns)
}

// TestLabelsOfNobody has labels that no manager stands behind, or one with the
// very value wanted: neither holds the climb.
func TestLabelsOfNobody(t *testing.T) {
	t.Parallel()
	old := []string{psaapi.AuditLevelLabel + "=privileged", psaapi.EnforceLevelLabel + "=privileged", psaapi.EnforceVersionLabel + "=v1.25"}
	for name, tc := range map[string]struct {
		label func(s *scene, namespace string)
	}{
		"typed by somebody": {
			label: func(s *scene, namespace string) { s.setLabels(namespace, old...) },
		},
		"from before managedFields, or restored without": {
			label: func(s *scene, namespace string) {
				s.setLabels(namespace, old...)
				s.forgetManagers(namespace)
			},
		},
		"owned with the value wanted": {
			label: func(s *scene, namespace string) {
				s.applyLabels(namespace, "argocd-controller", map[string]string{psaapi.AuditLevelLabel: "baseline", sceneLabel: s.name})
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runOperator(t)
			s := newScene(t)
			ns := s.namespace()
			tc.label(s, ns)
			s.rollout(levels{enforce: v1alpha1.LevelBaseline})
			s.awaitState(ns, v1alpha1.ReasonComplete)
			s.wantWrites(ns, "audit=baseline", "warn=baseline", "enforce=baseline")
			if diff := cmp.Diff(s.labels("baseline", "baseline", "baseline"), s.securityLabels(ns)); diff != "" {
				t.Errorf("labels (-want +got):\n%s", diff)
			}
		})
	}
}

// forgetManagers has the API server forget who owns what of a namespace.
func (s *scene) forgetManagers(namespace string) {
	s.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
	if err := s.Patch(s.Context(), ns, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"managedFields":[{}]}}`))); err != nil {
		s.Fatalf("forgetting the managers of namespace %s: %v", namespace, err)
	}
	if len(ns.ManagedFields) > 0 {
		s.Fatalf("namespace %s still has managers: %v", namespace, ns.ManagedFields)
	}
}

// labels answers all six, at the API server's version.
func (s *scene) labels(enforce, warn, audit string) map[string]string {
	return map[string]string{
		psaapi.EnforceLevelLabel: enforce, psaapi.EnforceVersionLabel: s.version,
		psaapi.WarnLevelLabel: warn, psaapi.WarnVersionLabel: s.version,
		psaapi.AuditLevelLabel: audit, psaapi.AuditVersionLabel: s.version,
	}
}

// TestInvalidLabels has labels on a namespace that the API server cannot parse.
// One that the rung writes anyway is mended; others are named, and nothing is
// written.
func TestInvalidLabels(t *testing.T) {
	t.Parallel()
	const (
		audit       = psaapi.AuditLevelLabel
		auditValue  = "Baseline"
		warn        = psaapi.WarnLevelLabel
		warnValue   = "strict"
		version     = psaapi.EnforceVersionLabel
		versionText = "1.37"
	)
	for name, tc := range map[string]struct {
		labels map[string]string
		// held is whether some are left after the first rung.
		held bool
	}{
		"audit":                           {labels: map[string]string{audit: auditValue}},
		"warn and the version of enforce": {labels: map[string]string{warn: warnValue, version: versionText}, held: true},
		// Not the audit label either can be written, by anybody, before the other is mended.
		"audit and warn": {labels: map[string]string{audit: auditValue, warn: warnValue}, held: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runOperator(t)
			s := newScene(t)
			ns := s.namespace()
			s.forceLabels(ns, tc.labels)
			s.rollout(levels{enforce: v1alpha1.LevelBaseline})
			if tc.held {
				var all []string
				for key, value := range tc.labels {
					all = append(all, key+"="+value)
				}
				s.awaitState(ns, v1alpha1.ReasonInvalidLabels, all...)
				s.staysAt(ns)
				// In one write: the API server refuses one that leaves invalid labels and changes which.
				s.setLabels(ns, slices.Collect(maps.Keys(tc.labels))...)
			}
			s.awaitState(ns, v1alpha1.ReasonComplete)
			s.wantWrites(ns, "audit=baseline", "warn=baseline", "enforce=baseline")
			if diff := cmp.Diff(s.labels("baseline", "baseline", "baseline"), s.securityLabels(ns)); diff != "" {
				t.Errorf("labels (-want +got):\n%s", diff)
			}
		})
	}
}

// forceLabels writes labels past Pod Security, which would refuse invalid ones,
// as if `kubectl label` had written them before Pod Security was switched on.
func (s *scene) forceLabels(namespace string, labels map[string]string) {
	s.Helper()
	ns := s.writeWithStatus(namespace, "kubectl-label", labels)
	for i := range ns.ManagedFields {
		ns.ManagedFields[i].Subresource = ""
	}
	if err := s.Update(s.Context(), ns); err != nil {
		s.Fatalf("updating namespace %s: %v", namespace, err)
	}
}

// writeWithStatus writes labels through the subresource status, at which Pod
// Security does not look (upstream's Admission.ValidateNamespace).
func (s *scene) writeWithStatus(namespace, manager string, labels map[string]string) *corev1.Namespace {
	s.Helper()
	ns := &corev1.Namespace{}
	if err := s.Get(s.Context(), client.ObjectKey{Name: namespace}, ns); err != nil {
		s.Fatalf("reading namespace %s: %v", namespace, err)
	}
	maps.Copy(ns.Labels, labels)
	if err := s.Status().Update(s.Context(), ns, client.FieldOwner(manager)); err != nil {
		s.Fatalf("updating the status of namespace %s: %v", namespace, err)
	}
	for key, value := range labels {
		if ns.Labels[key] != value {
			s.Fatalf("the API server does not keep %s=%s of an update of the status: find another way", key, value)
		}
	}
	return ns
}

// TestStricterThanTarget leaves a namespace alone that is ahead of its target.
func TestStricterThanTarget(t *testing.T) {
	t.Parallel()
	runOperator(t)
	s := newScene(t)
	var start []string
	for key, value := range s.labels("restricted", "restricted", "restricted") {
		start = append(start, key+"="+value)
	}
	ns := s.namespace(start...)
	s.pod(ns, "web", v1alpha1.LevelRestricted)
	rollout := s.rollout(levels{enforce: v1alpha1.LevelBaseline})
	claim := s.awaitState(ns, v1alpha1.ReasonAheadOfTarget, "enforce=restricted")
	if err := hasCondition(claim.Status.Conditions, v1alpha1.ConditionComplete, "True", v1alpha1.ReasonAheadOfTarget); err != nil {
		t.Error(err)
	}
	s.awaitCounts(rollout.Name, v1alpha1.NamespaceCounts{Selected: 1, Complete: 1})
	s.staysAt(ns)
}
