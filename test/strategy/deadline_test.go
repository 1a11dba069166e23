// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/test/e2e/await"
)

// awaitStalled waits until a rollout's condition Stalled is so, and answers the
// rollout.
func (s *scene) awaitStalled(timeout time.Duration, name string, status metav1.ConditionStatus, reason string) *v1alpha1.PodSecurityRollout {
	s.Helper()
	var rollout *v1alpha1.PodSecurityRollout
	await.Until(s.T, timeout, func() error {
		versions := s.rollouts.all(client.ObjectKey{Name: name})
		if len(versions) == 0 {
			return fmt.Errorf("there is no rollout %s", name)
		}
		rollout = versions[len(versions)-1]
		if err := hasCondition(rollout.Status.Conditions, v1alpha1.ConditionStalled, status, reason); err != nil {
			return fmt.Errorf("%w in\n%s", err, asYAML(rollout))
		}
		return nil
	})
	return rollout
}

// TestProgressDeadline has a rollout make no progress for longer than its
// deadline, and then some.
func TestProgressDeadline(t *testing.T) {
	const deadline = time.Minute // the least there is
	s := commonScene(t)
	ns := s.namespace("shop")
	bad := s.runs(deployment(ns, "web", privileged))
	rollout := s.rollout(func(spec *v1alpha1.PodSecurityRolloutSpec) { spec.Strategy.ProgressDeadline = lasting(deadline) })
	s.await(ns, state(v1alpha1.ReasonViolations))
	s.awaitStalled(soon, rollout.Name, metav1.ConditionFalse, v1alpha1.ReasonNotStalled)

	stalled := s.awaitStalled(deadline+soon, rollout.Name, metav1.ConditionTrue, v1alpha1.ReasonProgressDeadlineExceeded)
	since := meta.FindStatusCondition(stalled.Status.Conditions, v1alpha1.ConditionStalled).LastTransitionTime
	if after := since.Sub(rollout.CreationTimestamp.Time); after < deadline || after > deadline+10*time.Second {
		t.Errorf("stalled after %v, want a little more than %v: %s", after, deadline, asYAML(stalled))
	}
	s.remove(bad)
	s.awaitStalled(soon, rollout.Name, metav1.ConditionFalse, v1alpha1.ReasonNotStalled)
	s.awaitWritten(ns, climb("baseline", s.version)...)
}
