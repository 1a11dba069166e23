// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/test/e2e/await"
	"github.com/podsecurity-rollout/operator/test/e2e/witness"
)

// TestClimb climbs a namespace without any label to its target. The API server
// has to show the ladder's writes in their order, no other, and none after it.
func TestClimb(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		to   levels
		want []string
	}{
		"baseline, told of restricted": {
			to:   levels{enforce: v1alpha1.LevelBaseline, warn: v1alpha1.LevelRestricted, audit: v1alpha1.LevelRestricted},
			want: []string{"audit=baseline", "warn=baseline", "enforce=baseline", "audit=restricted", "warn=restricted"},
		},
		"restricted": {
			to:   levels{enforce: v1alpha1.LevelRestricted},
			want: wholeLadder,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runOperator(t)
			s := newScene(t)
			ns := s.namespace()
			for _, pod := range []string{"web-a", "web-b"} {
				if err := s.Create(t.Context(), ownedBy(newPod(ns, pod, v1alpha1.LevelRestricted), "web")); err != nil {
					t.Fatalf("creating pod %s: %v", pod, err)
				}
			}
			rollout := s.rollout(tc.to)
			s.awaitState(ns, v1alpha1.ReasonComplete)
			s.awaitCounts(rollout.Name, v1alpha1.NamespaceCounts{Selected: 1, Complete: 1})
			s.wantWrites(ns, tc.want...)
			s.wantVersions(ns, tc.want...)
			s.staysSilent(ns, rollout)
			s.wantWrites(ns, tc.want...)
		})
	}
}

// wantVersions fails the test when the versions of a namespace, which the watch
// shows, differ by anything but these rungs, or there are more.
func (s *scene) wantVersions(namespace string, short ...string) {
	s.Helper()
	versions := s.Versions(namespace)
	want := s.rungs(short...)
	if len(versions) != len(want)+1 {
		s.Fatalf("namespace %s has had %d versions, want the first and %d more", namespace, len(versions), len(want))
	}
	for i, rung := range want {
		if got := witness.Change(versions[i], versions[i+1]); got != rung {
			s.Errorf("version %d of namespace %s changes %s, want %s", i+1, namespace, got, rung)
		}
	}
}

// staysSilent fails the test when the operator writes anything but Events while
// things go on that do not matter: one replica of several is made anew.
func (s *scene) staysSilent(namespace string, rollout *v1alpha1.PodSecurityRollout) {
	s.Helper()
	writes := func() ([]witness.Request, error) {
		return s.Requests(func(r witness.Request) bool {
			ours := r.Namespace == namespace || r.Resource == "podsecurityrollouts" && r.Name == rollout.Name
			return ours && r.User == operatorUser && r.Writes() && r.Resource != "events"
		})
	}
	before, err := writes()
	if err != nil {
		s.Fatal(err)
	}
	await.Throughout(s.T, quiet, func() error {
		if err := s.Delete(s.Context(), newPod(namespace, "web-b", v1alpha1.LevelRestricted), client.GracePeriodSeconds(0)); err != nil {
			return err
		}
		if err := s.Create(s.Context(), ownedBy(newPod(namespace, "web-b", v1alpha1.LevelRestricted), "web")); err != nil {
			return err
		}
		after, err := writes()
		if err == nil && len(after) > len(before) {
			err = fmt.Errorf("the operator wrote after it was done: %v", after[len(before):])
		}
		return err
	})
}
