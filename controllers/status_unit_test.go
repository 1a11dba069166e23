// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

// An equal status is not sent: there is no client that could.
func TestAnEqualStatusIsNotSent(t *testing.T) {
	claim := claimBy(platform(), "shop", v1alpha1.NamespaceRolloutStatus{})
	claim.ResourceVersion = "7"
	have := &v1alpha1.NamespaceRolloutStatus{BakeUntil: &metav1.Time{Time: morning}, History: []v1alpha1.HistoryEntry{}}
	same := &v1alpha1.NamespaceRolloutStatus{BakeUntil: &metav1.Time{Time: morning.In(time.FixedZone("UTC+3", 3*60*60))}}
	fleet := func() *fleetStatus { return &fleetStatus{&v1alpha1.FleetStatus{Target: "everyone"}} }
	for manager, parts := range map[string][2]any{v1alpha1.FieldManager: {have, same}, v1alpha1.FleetFieldManager: {fleet(), fleet()}} {
		version, err := applyStatus(t.Context(), nil, claim, manager, parts[0], parts[1])
		if err != nil || version != "7" {
			t.Errorf("%s: version %q, error %v; want the version that was read", manager, version, err)
		}
	}
}

// The two reconcilers write apart: neither sends a field of the other's.
func TestEachWritesItsOwn(t *testing.T) {
	status := v1alpha1.NamespaceRolloutStatus{ObservedGeneration: 2, Fleet: &v1alpha1.FleetStatus{Target: "everyone"}}
	for name, tc := range map[string]struct {
		part any
		want string
	}{
		"the namespace's":   {ownStatus(status), `{"observedGeneration":2,"violationsTotal":0,"violatingWorkloads":0}`},
		"the fleet's":       {fleetStatus{status.Fleet}, `{"fleet":{"target":"everyone"}}`},
		"the fleet's first": {fleetStatus{}, `{}`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := json.Marshal(tc.part)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, string(got)); diff != "" {
				t.Errorf("sent (-want +got):\n%s", diff)
			}
		})
	}
	if status.Fleet == nil {
		t.Error("the status that the part was taken from has lost its fleet")
	}
}

// Who owns a label is read from the managedFields of namespaces; those of the
// operator's own kinds would only cost memory.
func TestCacheKeepsManagedFieldsOfNamespaces(t *testing.T) {
	scheme, kept := NewScheme(), map[string]bool{"Namespace": true}
	for obj, by := range CacheOptions().ByObject {
		kinds, _, err := scheme.ObjectKinds(obj)
		if err != nil {
			t.Fatal(err)
		}
		obj.SetManagedFields([]metav1.ManagedFieldsEntry{ours()})
		out, err := by.Transform(obj)
		if err != nil {
			t.Fatal(err)
		}
		stripped, ok := out.(client.Object)
		kept[kinds[0].Kind] = !ok || len(stripped.GetManagedFields()) > 0
	}
	if diff := cmp.Diff(map[string]bool{"Namespace": true, "NamespaceRollout": false, "PodSecurityRollout": false}, kept); diff != "" {
		t.Errorf("managedFields kept (-want +got):\n%s", diff)
	}
	if !scheme.Recognizes(corev1.SchemeGroupVersion.WithKind("Namespace")) {
		t.Error("namespaces are not recognized")
	}
}
