// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/fleet"
	"github.com/podsecurity-rollout/operator/internal/isolation"
	"github.com/podsecurity-rollout/operator/internal/summary"
)

// PodSecurityRolloutReconciler claims the namespaces of one rollout and sums
// them up.
type PodSecurityRolloutReconciler struct {
	client.Client
	// Live reads from the API server, past the cache.
	Live   client.Reader
	Server ServerVersion
	Clock  clock.PassiveClock
	// Exemptions answers the API server's of runtime classes, ConfigurationProblem why
	// its configuration cannot be read, empty when it can. Nil says nothing of either.
	Exemptions           func() []isolation.Exemption
	ConfigurationProblem func() string

	specs specs
}

// +kubebuilder:rbac:groups=rollout.podsecurity.dev,resources=podsecurityrollouts,verbs=get;list;watch
// +kubebuilder:rbac:groups=rollout.podsecurity.dev,resources=podsecurityrollouts/status,verbs=patch
// +kubebuilder:rbac:groups=rollout.podsecurity.dev,resources=namespacerollouts,verbs=get;list;watch;create;patch;delete

// Reconcile claims what the rollout selects, gives up what it does not, and
// writes the sum of the namespaces' status.
func (r *PodSecurityRolloutReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	f, err := r.fetch(ctx, req.Name)
	if err != nil {
		return resultOf(ctx, 0, err)
	}
	if err := r.giveUp(ctx, f); err != nil {
		return resultOf(ctx, 0, err)
	}
	if f.rollout == nil {
		return ctrl.Result{}, nil
	}
	if err := r.claim(ctx, f); err != nil {
		return resultOf(ctx, 0, err)
	}
	stale := r.giveTurns(ctx, f)
	if stale != nil && !errors.Is(stale, errStale) {
		return resultOf(ctx, 0, stale)
	}
	result, err := r.record(ctx, f)
	if err == nil && stale != nil {
		return resultOf(ctx, 0, stale)
	}
	return result, err
}

// fleetSnapshot is what one look at a rollout is made from.
type fleetSnapshot struct {
	// name is the rollout's; rollout is nil when it is gone.
	name     string
	rollout  *v1alpha1.PodSecurityRollout
	accepted summary.Acceptance
	// namespaces and claims are all of the cluster, by namespace.
	namespaces map[string]*corev1.Namespace
	claims     map[string]*v1alpha1.NamespaceRollout
	assigned   fleet.Assignment
	strategy   fleet.Strategy
	plan       fleet.Plan
	// reached are the namespaces that are at the rung they have their turn for.
	reached map[string]bool
}

// fetch reads everything that matching depends on.
func (r *PodSecurityRolloutReconciler) fetch(ctx context.Context, name string) (*fleetSnapshot, error) {
	var (
		rollouts   v1alpha1.PodSecurityRolloutList
		namespaces corev1.NamespaceList
		claims     v1alpha1.NamespaceRolloutList
	)
	for _, list := range []client.ObjectList{&rollouts, &namespaces, &claims} {
		if err := r.List(ctx, list, client.UnsafeDisableDeepCopy); err != nil {
			return nil, err
		}
	}
	f := &fleetSnapshot{
		name:       name,
		namespaces: make(map[string]*corev1.Namespace, len(namespaces.Items)),
		claims:     make(map[string]*v1alpha1.NamespaceRollout, len(claims.Items)),
	}
	for i := range claims.Items {
		f.claims[claims.Items[i].Namespace] = &claims.Items[i]
	}
	matched := make([]fleet.Namespace, 0, len(namespaces.Items))
	for i := range namespaces.Items {
		ns := &namespaces.Items[i]
		f.namespaces[ns.Name] = ns
		matched = append(matched, fleetNamespace(ns))
	}
	r.assign(f, rollouts.Items, matched)
	return f, nil
}

// assign matches namespaces to the rollout. Every rollout takes part whose
// selectors can be read: a suspended or refused one keeps what it has.
func (r *PodSecurityRolloutReconciler) assign(f *fleetSnapshot, rollouts []v1alpha1.PodSecurityRollout, namespaces []fleet.Namespace) {
	var self fleet.Rollout
	var all []fleet.Rollout
	for i := range rollouts {
		if !rollouts[i].DeletionTimestamp.IsZero() {
			continue
		}
		compiled, accepted := r.specs.accept(&rollouts[i], r.Server.Version())
		if rollouts[i].Name == f.name {
			f.rollout, f.accepted, self = &rollouts[i], accepted, compiled
			f.strategy = compiled.Strategy
		}
		if accepted.Reason != v1alpha1.ReasonInvalidSpec {
			all = append(all, compiled)
		}
	}
	if f.rollout != nil {
		f.assigned = fleet.Assign(self, all, namespaces)
	}
}

// giveUp deletes the claims that the rollout owns and no longer stands behind.
// The labels of those namespaces stay as they are.
func (r *PodSecurityRolloutReconciler) giveUp(ctx context.Context, f *fleetSnapshot) error {
	if f.rollout != nil && f.accepted.Reason == v1alpha1.ReasonInvalidSpec {
		return nil // what it selects cannot be told
	}
	for _, name := range slices.Sorted(maps.Keys(f.claims)) {
		claim := f.claims[name]
		owner := rolloutOwner(claim)
		if owner == nil || owner.Name != f.name || !claim.DeletionTimestamp.IsZero() {
			continue
		}
		if _, mine := f.assigned.Targets[name]; mine && owner.UID == f.rollout.UID {
			continue
		}
		if _, older := f.assigned.Conflicts[name]; older {
			continue // the older rollout takes the claim over, with its history
		}
		if err := r.Delete(ctx, claim, client.Preconditions{UID: &claim.UID, ResourceVersion: &claim.ResourceVersion}); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("giving up namespace %q: %w", name, err)
		}
	}
	return nil
}

// claim makes or adopts the claim of every namespace that belongs to the rollout.
func (r *PodSecurityRolloutReconciler) claim(ctx context.Context, f *fleetSnapshot) error {
	for _, name := range slices.Sorted(maps.Keys(f.assigned.Targets)) {
		claim := f.claims[name]
		switch {
		case !f.namespaces[name].DeletionTimestamp.IsZero():
			continue
		case claim == nil:
			if err := r.create(ctx, f.rollout, name); err != nil {
				return err
			}
		case !ownedBy(claim, f.rollout):
			if err := r.adopt(ctx, f.rollout, claim); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *PodSecurityRolloutReconciler) create(ctx context.Context, rollout *v1alpha1.PodSecurityRollout, namespace string) error {
	claim := &v1alpha1.NamespaceRollout{ObjectMeta: metav1.ObjectMeta{
		Name: v1alpha1.NamespaceRolloutName, Namespace: namespace,
		OwnerReferences: []metav1.OwnerReference{ownerReference(rollout)},
	}}
	err := r.Create(ctx, claim, client.FieldOwner(v1alpha1.FleetFieldManager))
	switch {
	case apierrors.IsAlreadyExists(err), apierrors.IsNotFound(err), apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return nil // the watch is behind, or the namespace is on its way out
	case err != nil:
		return fmt.Errorf("claiming namespace %q: %w", namespace, err)
	}
	return nil
}

// adopt makes the rollout the controlling owner of a claim that was made by
// hand or belonged to a younger rollout.
func (r *PodSecurityRolloutReconciler) adopt(ctx context.Context, rollout *v1alpha1.PodSecurityRollout, claim *v1alpha1.NamespaceRollout) error {
	adopted := claim.DeepCopy()
	adopted.OwnerReferences = []metav1.OwnerReference{ownerReference(rollout)}
	patch := client.MergeFromWithOptions(claim, client.MergeFromWithOptimisticLock{})
	if err := r.Patch(ctx, adopted, patch, client.FieldOwner(v1alpha1.FleetFieldManager)); err != nil {
		return fmt.Errorf("adopting the claim of namespace %q: %w", claim.Namespace, err)
	}
	return nil
}

func ownerReference(rollout *v1alpha1.PodSecurityRollout) metav1.OwnerReference {
	ref := metav1.NewControllerRef(rollout, v1alpha1.GroupVersion.WithKind("PodSecurityRollout"))
	ref.BlockOwnerDeletion = nil // nothing waits for the claims, and setting it needs a right on finalizers
	return *ref
}

func ownedBy(claim *v1alpha1.NamespaceRollout, rollout *v1alpha1.PodSecurityRollout) bool {
	owner := rolloutOwner(claim)
	return owner != nil && owner.UID == rollout.UID
}

// record writes the rollout's status: the sum of what its claims say.
func (r *PodSecurityRolloutReconciler) record(ctx context.Context, f *fleetSnapshot) (ctrl.Result, error) {
	in := summary.RolloutInput{
		Now: r.Clock.Now(), Generation: f.rollout.Generation, Server: r.Server.Version(), Accepted: f.accepted,
		Suspended:  ptr.Deref(f.rollout.Spec.Suspend, false),
		Observe:    f.rollout.Spec.Mode == v1alpha1.RolloutModeObserve,
		Namespaces: map[string]v1alpha1.NamespaceRolloutStatus{},
		Conflicts:  f.assigned.Conflicts,
		Waves:      f.plan.Waves,
	}
	if r.Exemptions != nil {
		in.Exemptions, in.ConfigurationProblem = r.Exemptions(), r.ConfigurationProblem()
	}
	if s := f.rollout.Spec.Strategy; s != nil && s.ProgressDeadline != nil {
		in.Deadline = s.ProgressDeadline.Duration
	}
	for name := range f.assigned.Targets {
		var status v1alpha1.NamespaceRolloutStatus
		if claim := f.claims[name]; claim != nil && ownedBy(claim, f.rollout) {
			status = claim.Status
		}
		in.Namespaces[name] = status
	}
	want := summary.Rollout(f.rollout.Status, in)
	_, err := applyStatus(ctx, r.Client, f.rollout, v1alpha1.FleetFieldManager, &f.rollout.Status, &want)
	return resultOf(ctx, summary.LookAgain(want, in, f.plan.Changes), err)
}
