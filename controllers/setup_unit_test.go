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

func TestClaimChanged(t *testing.T) {
	looked := v1alpha1.NamespaceRolloutStatus{
		Conditions: []metav1.Condition{{Type: v1alpha1.ConditionReady}},
		Fleet:      &v1alpha1.FleetStatus{EnforceTurn: v1alpha1.EnforceTurnWaiting},
	}
	for name, tc := range map[string]struct {
		change func(*v1alpha1.NamespaceRollout)
		want   bool
	}{
		"nothing":                     {func(*v1alpha1.NamespaceRollout) {}, false},
		"its own status":              {func(c *v1alpha1.NamespaceRollout) { c.Status.ViolationsTotal, c.ResourceVersion = 3, "2" }, false},
		"a label":                     {func(c *v1alpha1.NamespaceRollout) { c.Labels = map[string]string{"a": "b"} }, false},
		"the spec":                    {func(c *v1alpha1.NamespaceRollout) { c.Generation++ }, true},
		"the owner":                   {func(c *v1alpha1.NamespaceRollout) { c.OwnerReferences[0].UID = "another" }, true},
		"the turn":                    {func(c *v1alpha1.NamespaceRollout) { c.Status.Fleet = &v1alpha1.FleetStatus{EnforceTurn: "Granted"} }, true},
		"what the fleet says goes":    {func(c *v1alpha1.NamespaceRollout) { c.Status.Fleet = nil }, true},
		"the status, by somebody":     {func(c *v1alpha1.NamespaceRollout) { c.Status.Conditions = nil }, true},
		"its own status, said in new": {func(c *v1alpha1.NamespaceRollout) { c.Status.Fleet = &v1alpha1.FleetStatus{EnforceTurn: "Waiting"} }, false},
	} {
		t.Run(name, func(t *testing.T) {
			before := claimBy(platform(), "shop", looked)
			now := before.DeepCopy()
			tc.change(now)
			if got := claimChanged(event.UpdateEvent{ObjectOld: before, ObjectNew: now}); got != tc.want {
				t.Errorf("changed: %v, want %v", got, tc.want)
			}
		})
	}
	if !claimChanged(event.UpdateEvent{ObjectOld: &corev1.Namespace{}, ObjectNew: &corev1.Namespace{}}) {
		t.Error("what is no claim is let pass unseen")
	}
}

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
// leads to now is looked at a moment later.
func TestGathered(t *testing.T) {
	byOwner := func(_ context.Context, obj client.Object) []reconcile.Request {
		return []reconcile.Request{{NamespacedName: types.NamespacedName{Name: obj.GetLabels()["of"]}}}
	}
	of := func(owner string) client.Object {
		return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"of": owner}}}
	}
	for name, tc := range map[string]struct {
		happens func(handler.EventHandler, queue)
		want    []string
	}{
		"created":       {func(h handler.EventHandler, q queue) { h.Create(t.Context(), event.CreateEvent{Object: of("a")}, q) }, []string{"a"}},
		"deleted":       {func(h handler.EventHandler, q queue) { h.Delete(t.Context(), event.DeleteEvent{Object: of("a")}, q) }, []string{"a"}},
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
			tc.happens(gathered(byOwner), q)
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
