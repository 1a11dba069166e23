// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

func TestNamespaceChanged(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*corev1.Namespace)
		want   bool
	}{
		"nothing":          {func(*corev1.Namespace) {}, false},
		"an annotation":    {func(ns *corev1.Namespace) { ns.Annotations = map[string]string{"a": "b"} }, false},
		"a label":          {func(ns *corev1.Namespace) { ns.Labels["env"] = "prod" }, true},
		"a label goes":     {func(ns *corev1.Namespace) { ns.Labels = nil }, true},
		"it is terminated": {func(ns *corev1.Namespace) { ns.DeletionTimestamp = &metav1.Time{Time: morning} }, true},
	} {
		t.Run(name, func(t *testing.T) {
			before := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop", Labels: map[string]string{"env": "dev"}}}
			now := before.DeepCopy()
			tc.change(now)
			if got := namespaceChanged(event.UpdateEvent{ObjectOld: before, ObjectNew: now}); got != tc.want {
				t.Errorf("changed: %v, want %v", got, tc.want)
			}
		})
	}
}

// later is a queue that notes what is to be looked at, and after how long.
type later struct {
	queue
	after map[string]time.Duration
	now   []string
}

func (l *later) AddAfter(req reconcile.Request, after time.Duration) { l.after[req.Name] = after }

func (l *later) Add(req reconcile.Request) { l.now = append(l.now, req.String()) }

// Whatever happens to an object is gathered: what it led to before and what it
// leads to now is looked at a moment later. When it goes, everybody looks.
func TestGathered(t *testing.T) {
	byOwner := func(_ context.Context, obj client.Object) []reconcile.Request {
		return []reconcile.Request{{NamespacedName: types.NamespacedName{Name: obj.GetLabels()["of"]}}}
	}
	everybody := func(context.Context, client.Object) []reconcile.Request {
		return []reconcile.Request{{NamespacedName: types.NamespacedName{Name: "a"}}, {NamespacedName: types.NamespacedName{Name: "b"}}}
	}
	of := func(owner string) client.Object {
		return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"of": owner}}}
	}
	for name, tc := range map[string]struct {
		happens func(handler.EventHandler, queue)
		want    []string
	}{
		"created":       {func(h handler.EventHandler, q queue) { h.Create(t.Context(), event.CreateEvent{Object: of("a")}, q) }, []string{"a"}},
		"deleted":       {func(h handler.EventHandler, q queue) { h.Delete(t.Context(), event.DeleteEvent{Object: of("a")}, q) }, []string{"a", "b"}},
		"anything else": {func(h handler.EventHandler, q queue) { h.Generic(t.Context(), event.GenericEvent{Object: of("a")}, q) }, []string{"a"}},
		"updated": {
			func(h handler.EventHandler, q queue) {
				h.Update(t.Context(), event.UpdateEvent{ObjectOld: of("a"), ObjectNew: of("b")}, q)
			},
			[]string{"a", "b"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			q := &later{after: map[string]time.Duration{}}
			tc.happens(gathered(byOwner, everybody), q)
			want := map[string]time.Duration{}
			for _, owner := range tc.want {
				want[owner] = time.Second
			}
			if diff := cmp.Diff(want, q.after); diff != "" {
				t.Errorf("enqueued (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRequests(t *testing.T) {
	q := &later{}
	addAll(q, claimOf(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}))
	claim := claimBy(platform(), "shop", v1alpha1.NamespaceRolloutStatus{})
	addAll(q, (&PodSecurityRolloutReconciler{}).rolloutsOfClaim(t.Context(), claim))
	if diff := cmp.Diff([]string{"shop/pod-security", "/platform"}, q.now); diff != "" {
		t.Errorf("enqueued (-want +got):\n%s", diff)
	}
}
