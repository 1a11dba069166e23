// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/fleet"
)

// gatherFor is how long the changes of a fleet are gathered before it is looked
// at: with thousands of namespaces it must not run for each change of each.
const gatherFor = time.Second

// workers is how many namespaces are looked at side by side.
const workers = 4

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// Notifier calls back with the name of a namespace when what runs there has
// changed, and with "" for all of them. The callback must return at once.
type Notifier func(callback func(namespace string))

// SetupWithManager has the reconciler run for every claim that changed, or whose
// namespace, rollout or pods did, and for all of them when the cluster's side did:
// the API server, or its configuration.
func (r *NamespaceRolloutReconciler) SetupWithManager(mgr ctrl.Manager, pods Notifier, clusterChanged func(func())) error {
	r.started = r.Clock.Now()
	return ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.NamespaceRollout{}). // its own writes too: a look at what it wrote is what makes sure of it
		Watches(&corev1.Namespace{}, handler.EnqueueRequestsFromMapFunc(claimOf)).
		Watches(&v1alpha1.PodSecurityRollout{}, handler.EnqueueRequestsFromMapFunc(r.claimsOfRollout),
			builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WatchesRawSource(source.Func(func(ctx context.Context, q queue) error {
			all := func() { addAll(q, r.allClaims(ctx)) }
			clusterChanged(all)
			pods(func(namespace string) {
				if namespace == "" {
					all()
					return
				}
				r.changes.note(namespace, r.Clock.Now())
				q.Add(claimRequest(namespace))
			})
			return nil
		})).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).
		Complete(r)
}

func claimRequest(namespace string) reconcile.Request {
	return reconcile.Request{NamespacedName: types.NamespacedName{Namespace: namespace, Name: v1alpha1.NamespaceRolloutName}}
}

func claimOf(_ context.Context, ns client.Object) []reconcile.Request {
	return []reconcile.Request{claimRequest(ns.GetName())}
}

func (r *NamespaceRolloutReconciler) claimsOfRollout(ctx context.Context, rollout client.Object) []reconcile.Request {
	return r.claims(ctx, func(claim *v1alpha1.NamespaceRollout) bool {
		owner := rolloutOwner(claim)
		return owner != nil && owner.Name == rollout.GetName()
	})
}

func (r *NamespaceRolloutReconciler) allClaims(ctx context.Context) []reconcile.Request {
	return r.claims(ctx, func(*v1alpha1.NamespaceRollout) bool { return true })
}

func (r *NamespaceRolloutReconciler) claims(ctx context.Context, wanted func(*v1alpha1.NamespaceRollout) bool) []reconcile.Request {
	var claims v1alpha1.NamespaceRolloutList
	if err := r.List(ctx, &claims, client.UnsafeDisableDeepCopy); err != nil {
		log.FromContext(ctx).Error(err, "Could not list NamespaceRollouts")
		return nil
	}
	var requests []reconcile.Request
	for i := range claims.Items {
		if wanted(&claims.Items[i]) {
			requests = append(requests, claimRequest(claims.Items[i].Namespace))
		}
	}
	return requests
}

func addAll(q queue, requests []reconcile.Request) {
	for _, req := range requests {
		q.Add(req)
	}
}

// SetupWithManager has the reconciler run for every rollout that changed, and a
// moment after a namespace or a claim did.
func (r *PodSecurityRolloutReconciler) SetupWithManager(mgr ctrl.Manager, serverChanged func(func())) error {
	return ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.PodSecurityRollout{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.PodSecurityRollout{}, gathered(r.allRollouts, r.allRollouts), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&corev1.Namespace{}, gathered(r.allRollouts, r.allRollouts), builder.WithPredicates(predicate.Funcs{UpdateFunc: namespaceChanged})).
		Watches(&v1alpha1.NamespaceRollout{}, gathered(r.rolloutsOfClaim, r.allRollouts)). // who found a claim in its way may make its own once it is gone
		WatchesRawSource(source.Func(func(ctx context.Context, q queue) error {
			serverChanged(func() { addAll(q, r.allRollouts(ctx, nil)) })
			return nil
		})).
		Complete(r)
}

// namespaceChanged is whether a namespace may be matched otherwise than before.
func namespaceChanged(e event.UpdateEvent) bool {
	return !equality.Semantic.DeepEqual(e.ObjectOld.GetLabels(), e.ObjectNew.GetLabels()) ||
		e.ObjectOld.GetDeletionTimestamp().IsZero() != e.ObjectNew.GetDeletionTimestamp().IsZero()
}

func (r *PodSecurityRolloutReconciler) allRollouts(ctx context.Context, _ client.Object) []reconcile.Request {
	var rollouts v1alpha1.PodSecurityRolloutList
	if err := r.List(ctx, &rollouts, client.UnsafeDisableDeepCopy); err != nil {
		log.FromContext(ctx).Error(err, "Could not list PodSecurityRollouts")
		return nil
	}
	var requests []reconcile.Request
	for _, rollout := range rollouts.Items {
		requests = append(requests, reconcile.Request{NamespacedName: types.NamespacedName{Name: rollout.Name}})
	}
	return requests
}

// rolloutsOfClaim answers the claim's owner, and every rollout for a claim that
// has none: one of them may adopt it.
func (r *PodSecurityRolloutReconciler) rolloutsOfClaim(ctx context.Context, obj client.Object) []reconcile.Request {
	claim, ok := obj.(*v1alpha1.NamespaceRollout)
	if owner := rolloutOwner(claim); ok && owner != nil {
		return []reconcile.Request{{NamespacedName: types.NamespacedName{Name: owner.Name}}}
	}
	return r.allRollouts(ctx, obj)
}

// gathered enqueues what a change, or an object's going, leads to a moment later;
// what is enqueued again meanwhile is looked at once.
func gathered(changed, gone func(context.Context, client.Object) []reconcile.Request) handler.EventHandler {
	later := func(requests []reconcile.Request, q queue) {
		for _, req := range requests {
			q.AddAfter(req, gatherFor)
		}
	}
	add := func(ctx context.Context, obj client.Object, q queue) { later(changed(ctx, obj), q) }
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, q queue) { add(ctx, e.Object, q) },
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, q queue) {
			add(ctx, e.ObjectOld, q)
			add(ctx, e.ObjectNew, q)
		},
		DeleteFunc:  func(ctx context.Context, e event.DeleteEvent, q queue) { later(gone(ctx, e.Object), q) },
		GenericFunc: func(ctx context.Context, e event.GenericEvent, q queue) { add(ctx, e.Object, q) },
	}
}

func fleetNamespace(ns *corev1.Namespace) fleet.Namespace {
	return fleet.Namespace{Name: ns.Name, Labels: ns.Labels}
}
