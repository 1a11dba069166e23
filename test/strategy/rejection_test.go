// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/test/e2e/await"
)

// rejectedWithin is how soon a refused pod is told of.
const rejectedWithin = 5 * time.Second

// baking has enforce rungs watched for a time, and says what is done when pods
// are refused meanwhile.
func baking(bake time.Duration, policy v1alpha1.RejectionPolicy) edit {
	return enforcing(func(e *v1alpha1.EnforceStrategy) { e.Bake, e.OnRejection = lasting(bake), policy })
}

// fault is what pods can have that baseline forbids.
type fault struct {
	change func(*corev1.PodSpec)
	// message is what the API server says of it.
	message string
}

var (
	privilegedContainer = fault{privileged, `privileged (container "c" must not set securityContext.privileged=true)`}
	hostInProbe         = fault{withProbeHost, `probe or lifecycle host (container "c" uses probe or lifecycle host "192.0.2.1")`}
)

// rejecting wants the pods of a Deployment to be refused for a fault.
func rejecting(deployment string, f fault) want {
	return condition(v1alpha1.ConditionRejecting, metav1.ConditionTrue, v1alpha1.ReasonPodsRejected,
		"Pods of Deployment "+deployment+" are refused", f.message)
}

// refuse creates a Deployment whose pods are refused, and waits until the
// operator tells of it: in time, by name, and with the check.
func (s *scene) refuse(namespace, name string, f fault) *appsv1.Deployment {
	s.Helper()
	bad := deployment(namespace, name, f.change)
	s.create(bad)
	s.await(namespace, hasBeen(s.claims, rejecting(name, f)))
	first := s.firstRejecting(namespace)
	if took := statusTime(first).Sub(bad.CreationTimestamp.Time); took > rejectedWithin {
		s.Errorf("it took %v until the refused pods were told of, want at most %v: %s", took, rejectedWithin, asYAML(first))
	}
	want := []v1alpha1.Rejection{{
		Workload: v1alpha1.WorkloadReference{APIVersion: "apps/v1", Kind: "Deployment", Name: name},
		Message:  `violates PodSecurity "baseline:` + s.version + `": ` + f.message,
		Source:   v1alpha1.SourceTemplate,
	}}
	if diff := cmp.Diff(want, first.Status.Rejections, cmpopts.IgnoreFields(v1alpha1.Rejection{}, "Time")); diff != "" {
		s.Errorf("status.rejections (-want +got):\n%s", diff)
	}
	return bad
}

// hasBeen wants some version of the NamespaceRollout to be as wanted: one that
// is rolled back is rejecting for a moment only.
func hasBeen(claims *recorder[*v1alpha1.NamespaceRollout], wanted want) want {
	return func(claim *v1alpha1.NamespaceRollout) error {
		var err error
		for _, version := range claims.all(client.ObjectKeyFromObject(claim)) {
			if err = wanted(version); err == nil {
				return nil
			}
		}
		return err
	}
}

// firstRejecting is the first version of a NamespaceRollout that tells of
// refused pods.
func (s *scene) firstRejecting(namespace string) *v1alpha1.NamespaceRollout {
	s.Helper()
	for _, claim := range s.claims.all(claimKey(namespace)) {
		if meta.IsStatusConditionTrue(claim.Status.Conditions, v1alpha1.ConditionRejecting) {
			return claim
		}
	}
	s.Fatalf("no version of the NamespaceRollout of %s is rejecting", namespace)
	return nil
}

// statusTime is when the operator last wrote the status, by the API server's
// clock, to the second.
func statusTime(claim *v1alpha1.NamespaceRollout) time.Time {
	for _, f := range claim.ManagedFields {
		if f.Manager == v1alpha1.FieldManager && f.Subresource == "status" && f.Time != nil {
			return f.Time.Time
		}
	}
	return time.Time{}
}

// rolledBack has a namespace climb, a Deployment refused and the rung taken
// back, and answers the rollout, the Deployment and what the operator has written.
func (s *scene) rolledBack(ns string, f fault, back string) (*v1alpha1.PodSecurityRollout, *appsv1.Deployment, []string) {
	s.Helper()
	s.runs(deployment(ns, "web"))
	rollout := s.rollout(baking(20*time.Second, v1alpha1.RejectionRollback))
	written := climb("baseline", s.version)
	s.awaitWritten(ns, written...)
	bad := s.refuse(ns, "bad", f)
	written = append(written, back)
	s.awaitWritten(ns, written...)
	s.await(ns, next("enforce=baseline:"+s.version), state(v1alpha1.ReasonRolledBack, "Deployment bad", f.message))
	return rollout, bad, written
}

// TestRollbackIsHeld has a refused Deployment's rung taken back, once. While the
// Deployment's pods are made again and again nothing more is written; when the
// Deployment is gone neither, until the rung is approved anew.
func TestRollbackIsHeld(t *testing.T) {
	s := commonScene(t)
	ns := s.namespace("shop")
	_, bad, written := s.rolledBack(ns, privilegedContainer, "enforce=privileged:"+s.version+", lowered from baseline")

	made := map[string]bool{}
	await.Throughout(t, quiet, func() error {
		pods, err := s.podsOf(bad)
		if err != nil {
			return err
		}
		for i := range pods {
			made[pods[i].Name] = true
			if err := client.IgnoreNotFound(s.Delete(t.Context(), &pods[i], client.GracePeriodSeconds(0))); err != nil {
				return err
			}
		}
		_, err = s.written(ns, written...)
		return err
	})
	if len(made) < 2 {
		t.Errorf("pods %v were made of the Deployment, want some: the API server ought to let them in again", made)
	}
	s.remove(bad)
	s.await(ns, condition(v1alpha1.ConditionCompliant, metav1.ConditionTrue, v1alpha1.ReasonCompliant), state(v1alpha1.ReasonRolledBack))
	s.staysAt(quiet, ns, written...)

	s.approve(ns, "baseline:"+s.version)
	written = append(written, "enforce=baseline:"+s.version)
	s.awaitWritten(ns, written...)
	s.await(ns, state(v1alpha1.ReasonBaking))
	s.staysAt(quiet, ns, written...)
}

// TestRollbackIsReleasedByTheSpec has a rung that only moved the version taken
// back to the older one, and climbed again once the Deployment complies and the
// rollout's spec has changed: either alone is not enough.
func TestRollbackIsReleasedByTheSpec(t *testing.T) {
	const before = "v1.33"
	s := commonScene(t)
	ns := s.namespace("shop", "pod-security.kubernetes.io/enforce=baseline", "pod-security.kubernetes.io/enforce-version="+before)
	rollout, bad, written := s.rolledBack(ns, hostInProbe, "enforce=baseline:"+before)
	s.tellLate(ns, hostInProbe)

	s.edit(rollout, baking(10*time.Second, v1alpha1.RejectionRollback))
	s.await(ns, state(v1alpha1.ReasonViolations, "Deployment bad"))
	s.staysAt(quiet, ns, written...)

	base := bad.DeepCopy()
	bad.Spec.Template.Spec = podSpec()
	if err := s.Patch(t.Context(), bad, client.MergeFrom(base)); err != nil {
		t.Fatalf("correcting Deployment %s: %v", bad.Name, err)
	}
	written = append(written, "enforce=baseline:"+s.version)
	s.awaitWritten(ns, written...)
	s.await(ns, state(v1alpha1.ReasonBaking))
	s.staysAt(quiet, ns, written...)
}

// tellLate has an Event tell of a refusal by the level that is no longer in
// force, as happens when the API server's plugin or a controller is a moment
// behind. Such an Event must not be held against what is in force now.
func (s *scene) tellLate(ns string, f fault) {
	s.Helper()
	var sets appsv1.ReplicaSetList
	if err := s.List(s.Context(), &sets, client.InNamespace(ns), client.MatchingLabels{"app": "bad"}); err != nil || len(sets.Items) != 1 {
		s.Fatalf("the ReplicaSets of Deployment bad are %v (%v), want one", sets.Items, err)
	}
	now := metav1.NewTime(time.Now().Add(time.Second))
	s.create(&corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Namespace: ns, Name: "late"},
		InvolvedObject: corev1.ObjectReference{APIVersion: "apps/v1", Kind: "ReplicaSet", Namespace: ns, Name: sets.Items[0].Name},
		Reason:         "FailedCreate", Type: corev1.EventTypeWarning, FirstTimestamp: now, LastTimestamp: now, Count: 1,
		Message: fmt.Sprintf(`Error creating: pods "bad-x" is forbidden: violates PodSecurity "baseline:%s": %s`, s.version, f.message),
	})
}

// TestNoRollbackAfterBake has a Deployment refused when the bake is over. It is
// told of, and nothing is taken back.
func TestNoRollbackAfterBake(t *testing.T) {
	s := commonScene(t)
	ns := s.namespace("shop")
	s.rollout(baking(2*time.Second, v1alpha1.RejectionRollback))
	s.await(ns, state(v1alpha1.ReasonComplete))
	s.refuse(ns, "bad", privilegedContainer)
	s.await(ns, state(v1alpha1.ReasonRejecting), rejecting("bad", privilegedContainer))
	s.staysAt(quiet, ns, climb("baseline", s.version)...)
}

// TestHold has a Deployment refused in the first namespace of a wave. Nothing is
// lowered and the second of the wave waits, while another wave goes on; when the
// Deployment is gone the second goes too.
func TestHold(t *testing.T) {
	const bake = 5 * time.Second
	s := commonScene(t)
	first, second, other := s.namespace("a", "wave=one"), s.namespace("b", "wave=one"), s.namespace("c", "wave=two")
	rollout := s.rollout(budget("0"), baking(bake, v1alpha1.RejectionHold), func(spec *v1alpha1.PodSecurityRolloutSpec) {
		spec.Strategy.Waves = waves("one", "two")
	})
	all := climb("baseline", s.version)
	for _, ns := range []string{first, second, other} {
		s.await(ns, state(v1alpha1.ReasonAwaitingTurn))
	}
	s.edit(rollout, budget("1"))
	s.awaitWritten(first, all...)
	bad := s.refuse(first, "bad", privilegedContainer)

	s.awaitWritten(other, all...)
	s.await(second, next(all[2]), state(v1alpha1.ReasonAwaitingTurn, "wave one", "namespace "+first))
	await.Throughout(t, 2*bake, func() error {
		_, err := s.written(first, all...)
		if err == nil {
			_, err = s.written(second, all[:2]...)
		}
		return err
	})
	s.await(first, state(v1alpha1.ReasonRejecting), rejecting("bad", privilegedContainer))

	s.remove(bad)
	s.awaitWritten(second, all...)
	s.await(first, state(v1alpha1.ReasonComplete))
	if _, err := s.written(first, all...); err != nil {
		t.Error(err)
	}
}

// waves are named after the label of their namespaces. None waits for one before.
func waves(names ...string) []v1alpha1.Wave {
	none := intstrOf("0%")
	var all []v1alpha1.Wave
	for _, name := range names {
		all = append(all, v1alpha1.Wave{
			Name: name, MinComplete: &none,
			NamespaceSelector: &v1alpha1.NamespaceSelector{MatchLabels: map[string]string{"wave": name}},
		})
	}
	return all
}

// TestSuspendedWhileRejecting suspends a rollout in the middle of a bake. The
// refused Deployment is told of, but nothing is taken back until it goes on.
func TestSuspendedWhileRejecting(t *testing.T) {
	s := commonScene(t)
	ns := s.namespace("shop")
	s.runs(deployment(ns, "web"))
	rollout := s.rollout(baking(time.Minute, v1alpha1.RejectionRollback))
	written := climb("baseline", s.version)
	s.awaitWritten(ns, written...)
	s.await(ns, state(v1alpha1.ReasonBaking))

	s.edit(rollout, suspend(true))
	s.refuse(ns, "bad", privilegedContainer)
	s.staysAt(quiet, ns, written...)

	s.edit(rollout, suspend(false))
	s.awaitWritten(ns, append(written, fmt.Sprintf("enforce=privileged:%s, lowered from baseline", s.version))...)
}

// TestSuspendedWhileSoaking suspends a rollout in the middle of a soak, and lets
// it go on when the soak is long over.
func TestSuspendedWhileSoaking(t *testing.T) {
	s := commonScene(t)
	ns := s.namespace("shop")
	rollout := s.rollout(soak(6 * time.Second))
	all := climb("baseline", s.version)
	s.await(ns, s.soaking(time.Time{}))

	s.edit(rollout, suspend(true))
	s.await(ns, next(all[2]), state(v1alpha1.ReasonSuspended))
	s.staysAt(6*time.Second+quiet, ns, all[:2]...)

	s.edit(rollout, suspend(false))
	s.awaitWritten(ns, all...)
}
