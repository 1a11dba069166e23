// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/workqueue"
	psaapi "k8s.io/pod-security-admission/api"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/inventory"
)

// TestViolatingPodAfterEvaluation has a violating pod turn up when everything,
// the API server's dry run of the enforce rung too, has been found in order, and
// the rung is about to be written.
func TestViolatingPodAfterEvaluation(t *testing.T) {
	t.Parallel()
	o := runOperator(t)
	s := newScene(t)
	ns := s.namespace()
	s.pod(ns, "good", v1alpha1.LevelBaseline)
	var once sync.Once
	s.interrupt(ns, func(request *admissionv1.AdmissionRequest) {
		if asksToEnforce(request, psaapi.LevelBaseline) {
			once.Do(func() {
				if err := s.Create(t.Context(), newPod(ns, "bad", v1alpha1.LevelPrivileged)); err != nil {
					t.Errorf("creating the pod: %v", err)
				}
				awaitViolation(t, o, ns, psaapi.LevelBaseline)
			})
		}
	})
	rollout := s.rollout(levels{enforce: v1alpha1.LevelBaseline})

	claim := s.awaitState(ns, v1alpha1.ReasonViolations, "Pod bad", "privileged")
	if err := hasCondition(claim.Status.Conditions, v1alpha1.ConditionCompliant, metav1.ConditionFalse, v1alpha1.ReasonViolations, "Pod bad"); err != nil {
		t.Error(err)
	}
	s.awaitCounts(rollout.Name, v1alpha1.NamespaceCounts{Selected: 1, Blocked: 1})
	s.staysAt(ns, "audit=baseline", "warn=baseline")

	s.remove(newPod(ns, "bad", v1alpha1.LevelPrivileged))
	s.awaitState(ns, v1alpha1.ReasonComplete)
	s.wantWrites(ns, "audit=baseline", "warn=baseline", "enforce=baseline")
}

// asksToEnforce is whether a patch is the dry run for the enforce rung of a
// level: warn has reached it, and what it asks about is to enforce it.
func asksToEnforce(request *admissionv1.AdmissionRequest, level psaapi.Level) bool {
	has := func(raw []byte, label string) bool {
		return bytes.Contains(raw, fmt.Appendf(nil, "%q:%q", label, level))
	}
	return ptr.Deref(request.DryRun, false) && has(request.OldObject.Raw, psaapi.WarnLevelLabel) && has(request.Object.Raw, psaapi.EnforceLevelLabel)
}

// awaitViolation waits until the operator's inventory has a violation. It is not
// called by the test's own goroutine, so it does not end the test.
func awaitViolation(t *testing.T, o *operator, namespace string, level psaapi.Level) {
	t.Helper()
	query := inventory.Query{Level: psaapi.LevelVersion{Level: level, Version: psaapi.LatestVersion()}}
	err := wait.PollUntilContextTimeout(t.Context(), time.Millisecond, soon, true, func(context.Context) (bool, error) {
		verdict, _ := o.Inventory.Verdict(namespace, query)
		return !verdict.Compliant(), nil
	})
	if err != nil {
		t.Errorf("waiting until the operator sees the violating pod: %v", err)
	}
}

// TestTemplatesHold has workloads without any pod violate: the API server, which
// looks at pods, would let them through.
func TestTemplatesHold(t *testing.T) {
	t.Parallel()
	runOperator(t)
	s := newScene(t)
	ns := s.namespace()
	cronJob := newCronJob(ns, "monthly", v1alpha1.LevelPrivileged)
	for _, object := range []client.Object{cronJob, newDeployment(ns, "asleep", 0, v1alpha1.LevelPrivileged)} {
		if err := s.Create(t.Context(), object); err != nil {
			t.Fatalf("creating %T: %v", object, err)
		}
	}
	s.rollout(levels{enforce: v1alpha1.LevelBaseline})
	claim := s.awaitState(ns, v1alpha1.ReasonViolations, "CronJob monthly", "1 more workload")
	if claim.Status.ViolatingWorkloads != 2 {
		t.Errorf("%d workloads violate, want 2:\n%s", claim.Status.ViolatingWorkloads, asYAML(claim))
	}
	s.remove(cronJob)
	s.awaitState(ns, v1alpha1.ReasonViolations, "Deployment asleep")
	s.wantWrites(ns)

	s.remove(newDeployment(ns, "asleep", 0, v1alpha1.LevelPrivileged))
	s.awaitState(ns, v1alpha1.ReasonComplete)
	s.wantWrites(ns, "audit=baseline", "warn=baseline", "enforce=baseline")
}

// manyPods is more than the API server looks at when it is asked about a namespace.
const manyPods = 3500

// TestManyPods has the only violation in the last of many pods, all of one
// ReplicaSet, of which the API server looks at the first and at others up to 3000.
func TestManyPods(t *testing.T) {
	t.Parallel()
	runOperator(t)
	s := newScene(t)
	ns := s.namespace()
	last := fmt.Sprintf("web-%04d", manyPods-1)
	s.createMany(ns, manyPods-1)
	bad := ownedBy(newPod(ns, last, v1alpha1.LevelPrivileged), "web")
	if err := s.Create(t.Context(), bad); err != nil {
		t.Fatalf("creating the last pod: %v", err)
	}
	s.rollout(levels{enforce: v1alpha1.LevelBaseline, warn: v1alpha1.LevelRestricted, audit: v1alpha1.LevelRestricted})
	claim := s.awaitState(ns, v1alpha1.ReasonViolations, "ReplicaSet web", "privileged", last)
	if v := claim.Status.Violations; len(v) == 0 || v[0].Example != last || v[0].Pods != 1 {
		t.Errorf("the first violation is not that of the one pod %s:\n%s", last, asYAML(claim))
	}
	s.wantWrites(ns)

	s.remove(bad)
	if err := s.Create(t.Context(), ownedBy(newPod(ns, last, v1alpha1.LevelRestricted), "web")); err != nil {
		t.Fatalf("creating the last pod anew: %v", err)
	}
	s.awaitState(ns, v1alpha1.ReasonComplete)
	s.wantWrites(ns, "audit=baseline", "warn=baseline", "enforce=baseline", "audit=restricted", "warn=restricted")
}

// createMany creates pods of one ReplicaSet, named web-0000 and so on.
func (s *scene) createMany(namespace string, n int) {
	s.Helper()
	cfg := rest.CopyConfig(cluster.Config())
	cfg.ContentType, cfg.AcceptContentTypes = runtime.ContentTypeProtobuf, runtime.ContentTypeProtobuf
	pods := kubernetes.NewForConfigOrDie(cfg).CoreV1().Pods(namespace)
	workqueue.ParallelizeUntil(s.Context(), 16, n, func(i int) {
		pod := ownedBy(newPod(namespace, fmt.Sprintf("web-%04d", i), v1alpha1.LevelRestricted), "web")
		if _, err := pods.Create(s.Context(), pod, metav1.CreateOptions{}); err != nil {
			s.Errorf("creating pod %s: %v", pod.Name, err)
		}
	})
	// One request instead of thousands; the namespace goes after them.
	cleanup(s.T, func(ctx context.Context) error {
		return s.DeleteAllOf(ctx, &corev1.Pod{}, client.InNamespace(namespace), client.GracePeriodSeconds(0))
	})
}
