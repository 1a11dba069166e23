// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/fleet"
)

var (
	claimResource   = schema.GroupResource{Group: v1alpha1.GroupVersion.Group, Resource: "namespacerollouts"}
	rolloutResource = schema.GroupResource{Group: v1alpha1.GroupVersion.Group, Resource: "podsecurityrollouts"}
)

const handedOver = "handed over"

// handOver has statuses handed over as they are while a test runs: encoding and
// decoding them would be half of a simulation's time. Runs that are checked do
// both all the same.
func handOver(t testing.TB) {
	real := encode
	encode = func(status any) (map[string]any, error) { return map[string]any{handedOver: status}, nil }
	t.Cleanup(func() { encode = real })
}

// cachedClient is the manager's client: it reads from the operator's caches and
// writes to the API server.
type cachedClient struct {
	client.Client // nil: what is not below is not used
	o             *operator
}

func (c cachedClient) Get(ctx context.Context, key client.ObjectKey, obj client.Object, _ ...client.GetOption) error {
	t := taskOf(ctx)
	switch obj := obj.(type) {
	case *corev1.Namespace:
		t.namespace = c.o.namespaces[key.Name]
		return read(obj, c.o.w.sabotage.namespace(t.namespace), namespaceResource, key.Name)
	case *v1alpha1.NamespaceRollout:
		t.claim = c.o.claims[key.Namespace]
		return read(obj, c.o.w.sabotage.claim(t.claim), claimResource, key.Name)
	case *v1alpha1.PodSecurityRollout:
		t.rollout = c.o.rollouts[key.Name]
		return read(obj, c.o.w.sabotage.rollout(t.rollout), rolloutResource, key.Name)
	}
	return fmt.Errorf("reading a %T", obj)
}

func read[T any](into, from *T, resource schema.GroupResource, name string) error {
	if from == nil {
		return apierrors.NewNotFound(resource, name)
	}
	*into = *from
	return nil
}

func (c cachedClient) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	switch list := list.(type) {
	case *corev1.NamespaceList:
		list.Items = values(c.o.namespaces, func(ns *corev1.Namespace) *corev1.Namespace { return ns })
	case *v1alpha1.NamespaceRolloutList:
		list.Items = values(c.o.claims, c.o.w.sabotage.claim)
	case *v1alpha1.PodSecurityRolloutList:
		list.Items = values(c.o.rollouts, c.o.w.sabotage.rollout)
	default:
		return fmt.Errorf("listing a %T", list)
	}
	return nil
}

func values[T any](of map[string]*T, doctor func(*T) *T) []T {
	out := make([]T, 0, len(of))
	for _, name := range slices.Sorted(maps.Keys(of)) {
		out = append(out, *doctor(of[name]))
	}
	return out
}

func (c cachedClient) Create(ctx context.Context, obj client.Object, _ ...client.CreateOption) error {
	claim, ok := obj.(*v1alpha1.NamespaceRollout)
	if !ok {
		return fmt.Errorf("creating a %T", obj)
	}
	return c.o.writeClaim(ctx, claim.Namespace, func() error {
		ns := c.o.w.namespaces[claim.Namespace]
		switch {
		case ns == nil:
			return apierrors.NewNotFound(namespaceResource, claim.Namespace)
		case !ns.DeletionTimestamp.IsZero():
			err := apierrors.NewForbidden(claimResource, claim.Name, fmt.Errorf("the namespace is being terminated"))
			err.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: corev1.NamespaceTerminatingCause}}
			return err
		case c.o.w.claims[claim.Namespace] != nil:
			return apierrors.NewAlreadyExists(claimResource, claim.Name)
		}
		created := claim.DeepCopy()
		created.UID, created.Generation = c.o.w.newUID(), 1
		c.o.w.putClaim(created)
		c.o.w.wrote()
		c.o.w.log(claim.Namespace, "", "is claimed by rollout %s", rolloutOwner(created).Name)
		return nil
	})
}

// Patch is an adoption: a merge patch under an optimistic lock.
func (c cachedClient) Patch(ctx context.Context, obj client.Object, _ client.Patch, _ ...client.PatchOption) error {
	claim, ok := obj.(*v1alpha1.NamespaceRollout)
	if !ok {
		return fmt.Errorf("patching a %T", obj)
	}
	return c.o.writeClaim(ctx, claim.Namespace, func() error {
		live := c.o.w.claims[claim.Namespace]
		if err := matches(live, claim.UID, claim.ResourceVersion); err != nil {
			return err
		}
		adopted := *live
		adopted.OwnerReferences = claim.OwnerReferences
		c.o.w.putClaim(&adopted)
		c.o.w.wrote()
		c.o.w.log(claim.Namespace, "", "is adopted by rollout %s", rolloutOwner(&adopted).Name)
		return nil
	})
}

func (c cachedClient) Delete(ctx context.Context, obj client.Object, opts ...client.DeleteOption) error {
	claim, ok := obj.(*v1alpha1.NamespaceRollout)
	if !ok {
		return fmt.Errorf("deleting a %T", obj)
	}
	options := (&client.DeleteOptions{}).ApplyOptions(opts)
	return c.o.writeClaim(ctx, claim.Namespace, func() error {
		pre := ptr.Deref(options.Preconditions, metav1.Preconditions{})
		live := c.o.w.claims[claim.Namespace]
		if err := matches(live, ptr.Deref(pre.UID, ""), ptr.Deref(pre.ResourceVersion, "")); err != nil {
			return err
		}
		c.o.w.deleteClaim(claim.Namespace)
		c.o.w.wrote()
		c.o.w.log(claim.Namespace, "", "the claim is given up")
		return nil
	})
}

// matches is what the API server checks before a write that names a UID and a
// resourceVersion, either "" for any.
func matches[T ~string](live *v1alpha1.NamespaceRollout, uid T, resourceVersion string) error {
	switch {
	case live == nil:
		return apierrors.NewNotFound(claimResource, v1alpha1.NamespaceRolloutName)
	case uid != "" && string(live.UID) != string(uid), resourceVersion != "" && live.ResourceVersion != resourceVersion:
		return apierrors.NewConflict(claimResource, live.Name, fmt.Errorf("it has changed"))
	}
	return nil
}

// writeClaim is a write of a claim's metadata. It rests while a namespace is
// between its last look past the cache and its label: see settled.
func (o *operator) writeClaim(ctx context.Context, namespace string, do func() error) error {
	for o.confirmed[namespace] > 0 && !o.crashed {
		taskOf(ctx).by.rest()
	}
	return o.write(ctx, do)
}

func (c cachedClient) GroupVersionKindFor(obj runtime.Object) (schema.GroupVersionKind, error) {
	switch obj.(type) {
	case *v1alpha1.NamespaceRollout:
		return v1alpha1.GroupVersion.WithKind("NamespaceRollout"), nil
	case *v1alpha1.PodSecurityRollout:
		return v1alpha1.GroupVersion.WithKind("PodSecurityRollout"), nil
	}
	return schema.GroupVersionKind{}, fmt.Errorf("the kind of a %T", obj)
}

func (c cachedClient) Status() client.SubResourceWriter { return statusWriter{o: c.o} }

// statusWriter applies statuses as the API server does: a manager's fields are
// replaced by what it applies, the other manager's stay.
type statusWriter struct {
	client.SubResourceWriter
	o *operator
}

func (s statusWriter) Apply(ctx context.Context, config runtime.ApplyConfiguration, _ ...client.SubResourceApplyOption) error {
	u, ok := config.(interface {
		metav1.Object
		UnstructuredContent() map[string]any
	})
	if !ok {
		return fmt.Errorf("applying a %T", config)
	}
	status, ok := u.UnstructuredContent()["status"].(map[string]any)
	if !ok {
		return fmt.Errorf("applying no status")
	}
	return s.o.write(ctx, func() error {
		switch status := s.o.w.received(status[handedOver]).(type) {
		case *v1alpha1.NamespaceRolloutStatus:
			return s.claimStatus(ctx, u, func(claim *v1alpha1.NamespaceRollout) {
				fleet := claim.Status.Fleet
				claim.Status = *status
				claim.Status.Fleet = fleet
			}, s.o.w.check.statusWrite)
		case *fleetStatus:
			u.SetResourceVersion(s.o.w.sabotage.turnVersion(u.GetResourceVersion()))
			return s.claimStatus(ctx, u, func(claim *v1alpha1.NamespaceRollout) { claim.Status.Fleet = status.Fleet }, s.o.w.check.turnWrite)
		case *v1alpha1.PodSecurityRolloutStatus:
			return s.rolloutStatus(u, status)
		}
		return fmt.Errorf("applying a status of an unknown kind")
	})
}

func (s statusWriter) claimStatus(
	ctx context.Context, u metav1.Object, set func(*v1alpha1.NamespaceRollout), check func(t *task, before, after *v1alpha1.NamespaceRollout),
) error {
	live := s.o.w.claims[u.GetNamespace()]
	if err := matches(live, string(u.GetUID()), u.GetResourceVersion()); err != nil {
		return err
	}
	next := *live
	set(&next)
	t := taskOf(ctx)
	if t.claim != live && equality.Semantic.DeepEqual(live.Status, next.Status) {
		return nil // the reconciler has compared it with an older one
	}
	if s.o.w.sabotage.loseStatus(live.Status, next.Status) {
		return nil
	}
	s.o.w.putClaim(&next)
	u.SetResourceVersion(next.ResourceVersion)
	t.version = next.ResourceVersion
	s.o.w.wrote()
	check(t, live, &next)
	return nil
}

func (s statusWriter) rolloutStatus(u metav1.Object, status *v1alpha1.PodSecurityRolloutStatus) error {
	live := s.o.w.rollouts[u.GetName()]
	switch {
	case live == nil:
		return apierrors.NewNotFound(rolloutResource, u.GetName())
	case live.UID != u.GetUID(), u.GetResourceVersion() != "" && u.GetResourceVersion() != live.ResourceVersion:
		return apierrors.NewConflict(rolloutResource, u.GetName(), fmt.Errorf("it has changed"))
	}
	next := *live
	next.Status = *status
	s.o.w.putRollout(&next)
	u.SetResourceVersion(next.ResourceVersion)
	s.o.w.wrote()
	s.o.w.logRollout(live, &next)
	s.o.w.check.checkProgress(live, &next)
	return nil
}

// received is a status as the API server gets it: through JSON.
func (w *world) received(status any) any {
	if !w.checked {
		return status
	}
	data, err := json.Marshal(status)
	if err != nil {
		panic(err)
	}
	var out any
	switch status.(type) {
	case *v1alpha1.NamespaceRolloutStatus:
		out = &v1alpha1.NamespaceRolloutStatus{}
	case *fleetStatus:
		out = &fleetStatus{}
	case *v1alpha1.PodSecurityRolloutStatus:
		out = &v1alpha1.PodSecurityRolloutStatus{}
	}
	if err := json.Unmarshal(data, out); err != nil {
		panic(err)
	}
	return out
}

// liveReader reads from the API server, past the cache.
type liveReader struct {
	client.Reader
	o *operator
}

func (l liveReader) Get(ctx context.Context, key client.ObjectKey, obj client.Object, _ ...client.GetOption) error {
	if err := l.o.call(ctx, reading); err != nil {
		return err
	}
	t := taskOf(ctx)
	l.o.confirm(t)
	w := l.o.w
	switch obj := obj.(type) {
	case *v1alpha1.NamespaceRollout:
		if w.sabotage.skipConfirm {
			return read(obj, t.recorded(), claimResource, key.Name)
		}
		return read(obj, w.sabotage.claim(w.claims[key.Namespace]), claimResource, key.Name)
	case *corev1.Namespace:
		if w.sabotage.skipConfirm || w.sabotage.ignoreResourceVersion {
			return read(obj, t.namespace, namespaceResource, key.Name)
		}
		return read(obj, w.namespaces[key.Name], namespaceResource, key.Name)
	case *v1alpha1.PodSecurityRollout:
		if w.sabotage.skipConfirm && t.rollout != nil {
			return read(obj, t.rollout, rolloutResource, key.Name)
		}
		return read(obj, w.sabotage.rollout(w.rollouts[key.Name]), rolloutResource, key.Name)
	}
	return fmt.Errorf("reading a %T", obj)
}

func (l liveReader) List(ctx context.Context, list client.ObjectList, _ ...client.ListOption) error {
	if err := l.o.call(ctx, reading); err != nil {
		return err
	}
	t := taskOf(ctx)
	l.o.confirm(t)
	claims, ok := list.(*v1alpha1.NamespaceRolloutList)
	if !ok {
		return fmt.Errorf("listing a %T", list)
	}
	from := l.o.w.claims
	t.listed = l.o.belonging(t.key)
	if l.o.w.sabotage.staleTurns {
		from = l.o.claims
	}
	claims.Items = values(from, l.o.w.sabotage.claim)
	claims.Continue = ""
	return nil
}

// belonging are the claims of the namespaces that belong to a rollout, as they
// are on the API server, by what the caches say of namespaces and rollouts.
func (o *operator) belonging(rollout string) map[string]*v1alpha1.NamespaceRollout {
	f := &fleetSnapshot{name: rollout}
	matched := make([]fleet.Namespace, 0, len(o.namespaces))
	for _, ns := range o.namespaces {
		matched = append(matched, fleetNamespace(ns))
	}
	o.fleet.assign(f, values(o.rollouts, func(r *v1alpha1.PodSecurityRollout) *v1alpha1.PodSecurityRollout { return r }), matched)
	out := map[string]*v1alpha1.NamespaceRollout{}
	for name := range f.assigned.Targets {
		if claim := o.w.claims[name]; claim != nil && ownedBy(claim, f.rollout) {
			out[name] = claim
		}
	}
	return out
}

// confirm notes that a task has read past the cache what it will write on. From
// here to its end nothing that it has read so is edited: the time of two
// requests is all that no precondition covers, and the simulation leaves it out.
func (o *operator) confirm(t *task) {
	if t.confirmed {
		return
	}
	t.confirmed = true
	if t.of == o.ofNamespaces {
		o.confirmed[t.key]++
		o.w.inHaste(t)
	}
}

// settled is whether no task is between its look past the cache and its end.
func (o *operator) settled() bool {
	return !slices.ContainsFunc(o.tasks, func(t *task) bool { return t.confirmed })
}
