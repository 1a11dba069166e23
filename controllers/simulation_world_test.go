// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	psaapi "k8s.io/pod-security-admission/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/psaconfig"
)

// world is a cluster in memory: what the API server stores, what runs, one
// clock, and one operator that may be killed at any time. Nothing in it is
// random but by its own generator, so a seed is a whole run.
//
// Objects are never changed once stored: a write stores a new one. Caches may
// therefore share them, and an older version is simply an older pointer.
type world struct {
	*rand.Rand
	seed uint64
	now  time.Time

	// server is the API server's emulation version, config its PodSecurity
	// configuration, which the operator was given too.
	server psaapi.Version
	config psaconfig.Config

	version    int64 // the last resourceVersion, and the last UID
	namespaces map[string]*corev1.Namespace
	claims     map[string]*v1alpha1.NamespaceRollout
	rollouts   map[string]*v1alpha1.PodSecurityRollout

	// owners are each namespace's owners of labels, workloads what runs in it,
	// refusals the Events of refused pods, by the Event's name.
	owners    map[string][]ownership
	workloads map[string][]*workload
	refusals  map[string]map[string]refusal
	// policies name the namespaces whose labels an admission policy refuses, pins
	// the versions that were pinned before a spec was made one that is refused.
	policies map[string]bool
	pins     map[string]v1alpha1.Version
	// haste is whether somebody has suspended a rollout in haste.
	haste bool

	op       *operator
	idle     []*worker
	faults   faults
	sabotage sabotage
	check    *checker
	trace    *trace

	// writes counts what the operator has changed, lastWrite is when it last did.
	writes    int
	lastWrite time.Time
	// checked has every status go through JSON, and the labels through the real
	// client: slow, and so not in every run.
	checked bool
	// reached counts what has come about, to tell that a run was worth its while.
	reached map[string]int
}

// faults are what befalls the operator, each as one in so many API calls or
// steps; 0 is never. meddle has people act at the worst of times.
type faults struct {
	crash, fail, pause, meddle int
}

// began is when every simulation begins: a Monday, long before any window.
var began = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

func newWorld(seed uint64) *world {
	latest := psaapi.LevelVersion{Level: psaapi.LevelPrivileged, Version: psaapi.LatestVersion()}
	w := &world{
		Rand: rand.New(rand.NewPCG(seed, 0)), seed: seed, now: began, lastWrite: began,
		server: psaapi.MajorMinorVersion(1, 37),
		config: psaconfig.Config{
			Defaults:         psaapi.Policy{Enforce: latest, Audit: latest, Warn: latest},
			ExemptNamespaces: sets.New("exempt"), ExemptRuntimeClasses: sets.New[string](),
		},
		namespaces: map[string]*corev1.Namespace{},
		claims:     map[string]*v1alpha1.NamespaceRollout{},
		rollouts:   map[string]*v1alpha1.PodSecurityRollout{},
		owners:     map[string][]ownership{},
		workloads:  map[string][]*workload{},
		refusals:   map[string]map[string]refusal{},
		policies:   map[string]bool{},
		pins:       map[string]v1alpha1.Version{},
		reached:    map[string]int{},
	}
	w.check = newChecker(w)
	return w
}

// Now and Since implement clock.PassiveClock.
func (w *world) Now() time.Time { return w.now }

func (w *world) Since(t time.Time) time.Duration { return w.now.Sub(t) }

// oneIn is true once in n times, never for 0.
func (w *world) oneIn(n int) bool { return n > 0 && w.IntN(n) == 0 }

func pick[T any](w *world, from ...T) T { return from[w.IntN(len(from))] }

// reach counts something that has come about.
func (w *world) reach(what string) { w.reached[what]++ }

func (w *world) nextVersion() string {
	w.version++
	return strconv.FormatInt(w.version, 10)
}

func versionOf(o metav1.Object) int64 {
	v, err := strconv.ParseInt(o.GetResourceVersion(), 10, 64)
	if err != nil {
		return 0
	}
	return v
}

func (w *world) newUID() types.UID {
	w.version++
	return types.UID(fmt.Sprintf("uid-%d", w.version))
}

// names are the namespaces that there are, in order.
func (w *world) names() []string { return slices.Sorted(maps.Keys(w.namespaces)) }

// createNamespace stores a new namespace with labels that kubectl create set.
func (w *world) createNamespace(name string, labels map[string]string) {
	w.owners[name] = nil
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: name, UID: w.newUID(), CreationTimestamp: metav1.NewTime(w.now.Truncate(time.Second)), Labels: labels,
	}}
	w.own(name, "kubectl-create", metav1.ManagedFieldsOperationUpdate, podSecurityLabels(labels))
	w.putNamespace(ns)
}

// putNamespace stores the next version of a namespace.
func (w *world) putNamespace(ns *corev1.Namespace) {
	ns.ResourceVersion = w.nextVersion()
	ns.ManagedFields = managedFields(w.owners[ns.Name])
	old := w.namespaces[ns.Name]
	w.namespaces[ns.Name] = ns
	w.check.inForce(ns.Name)
	w.tell(kindNamespace, ns.Name, object(old), ns)
}

// deleteNamespace takes a namespace away with all that is in it, in the order in
// which the API server does: it is terminating first.
func (w *world) deleteNamespace(name string) {
	ns := w.namespaces[name]
	if ns.DeletionTimestamp.IsZero() {
		going := *ns
		gone := metav1.NewTime(w.now.Truncate(time.Second))
		going.DeletionTimestamp = &gone
		w.putNamespace(&going)
		return
	}
	w.workloads[name] = nil
	w.tellPods(name)
	if w.refusals[name] != nil {
		delete(w.refusals, name)
		w.tellRefusals(name)
	}
	w.deleteClaim(name)
	delete(w.namespaces, name)
	delete(w.owners, name)
	w.check.namespaceGone(name)
	w.tell(kindNamespace, name, ns, nil)
}

// putClaim stores the next version of a claim.
func (w *world) putClaim(claim *v1alpha1.NamespaceRollout) {
	claim.ResourceVersion = w.nextVersion()
	old := w.claims[claim.Namespace]
	w.claims[claim.Namespace] = claim
	w.tell(kindClaim, claim.Namespace, object(old), claim)
}

func (w *world) deleteClaim(namespace string) {
	old := w.claims[namespace]
	if old == nil {
		return
	}
	delete(w.claims, namespace)
	w.check.statusLost(namespace)
	w.tell(kindClaim, namespace, old, nil)
}

// createRollout stores a new rollout.
func (w *world) createRollout(name string, spec v1alpha1.PodSecurityRolloutSpec) {
	r := &v1alpha1.PodSecurityRollout{Spec: spec}
	r.Name, r.UID, r.Generation = name, w.newUID(), 1
	r.CreationTimestamp = metav1.NewTime(w.now.Truncate(time.Second))
	w.putRollout(r)
}

func (w *world) putRollout(r *v1alpha1.PodSecurityRollout) {
	r.ResourceVersion = w.nextVersion()
	old := w.rollouts[r.Name]
	w.rollouts[r.Name] = r
	w.tell(kindRollout, r.Name, object(old), r)
}

// editRollout changes a rollout's spec, as a person does.
func (w *world) editRollout(name string, edit func(*v1alpha1.PodSecurityRolloutSpec)) {
	r := w.rollouts[name].DeepCopy()
	edit(&r.Spec)
	r.Generation++
	w.putRollout(r)
}

// approve changes a claim as a person does: the approval is all of its spec.
func (w *world) approve(namespace, rung string) {
	claim := *w.claims[namespace]
	if claim.Spec.ApprovedEnforce == rung {
		return
	}
	claim.Spec.ApprovedEnforce = rung
	claim.Generation++
	w.check.approved(namespace, rung)
	w.putClaim(&claim)
	w.check.inForce(namespace)
}

// deleteRollout takes a rollout away; the garbage collector takes its claims,
// one at a time, whenever it gets to them: see collectGarbage.
func (w *world) deleteRollout(name string) {
	old := w.rollouts[name]
	delete(w.rollouts, name)
	w.tell(kindRollout, name, old, nil)
}

// collectGarbage deletes a claim whose owner is gone, and says whether there was
// one.
func (w *world) collectGarbage() bool {
	for _, name := range slices.Sorted(maps.Keys(w.claims)) {
		owner := rolloutOwner(w.claims[name])
		if owner == nil {
			continue
		}
		if r := w.rollouts[owner.Name]; r == nil || r.UID != owner.UID {
			w.deleteClaim(name)
			return true
		}
	}
	return false
}

// object keeps a nil pointer from becoming an interface that is not nil.
func object[T any, P interface {
	*T
	client.Object
}](o P) client.Object {
	if o == nil {
		return nil
	}
	return o
}
