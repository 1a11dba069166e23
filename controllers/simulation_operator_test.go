// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	psaapi "k8s.io/pod-security-admission/api"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/psaconfig"
	"github.com/podsecurity-rollout/operator/internal/rejections"
)

// kind is what a watch is of. Each has a feed of its own, so that one may be
// behind another.
type kind int

const (
	kindNamespace kind = iota
	kindClaim
	kindRollout
	kindPods
	kindRefusals
	kindCount
)

// change is one event of a watch.
type change struct {
	key      string
	old, now client.Object
	shown    shown
	refused  []rejections.Rejection
}

// operator is one process of the operator: the two real reconcilers, what they
// read through caches that lag, and their queues. It is gone when it crashes.
type operator struct {
	w       *world
	started time.Time

	feeds      [kindCount][]change
	namespaces map[string]*corev1.Namespace
	claims     map[string]*v1alpha1.NamespaceRollout
	rollouts   map[string]*v1alpha1.PodSecurityRollout
	inventory  map[string]*known
	refused    map[string][]rejections.Rejection
	synced     bool
	version    psaapi.Version
	// syncsAt is when the first list of pods is there.
	syncsAt time.Time
	// asksAt is when the API server is next asked for its version.
	asksAt time.Time

	namespace    *NamespaceRolloutReconciler
	fleet        *PodSecurityRolloutReconciler
	ofNamespaces *simQueue
	ofRollouts   *simQueue
	tasks        []*task
	crashed      bool
	// confirmed counts the tasks, by namespace, that have read what they are about
	// to write on.
	confirmed map[string]int
}

// startOperator starts a process: its caches hold what there is, its inventory
// is still to sync, and everything is to be looked at.
func (w *world) startOperator() {
	o := &operator{
		w: w, started: w.now, version: w.server, asksAt: w.now, syncsAt: w.now.Add(w.randomSync()),
		namespaces: maps.Clone(w.namespaces), claims: maps.Clone(w.claims), rollouts: maps.Clone(w.rollouts),
		inventory: map[string]*known{}, refused: map[string][]rejections.Rejection{},
		ofNamespaces: newSimQueue(workers), ofRollouts: newSimQueue(1), confirmed: map[string]int{},
	}
	w.op = o
	cached, live := cachedClient{o: o}, liveReader{o: o}
	o.namespace = &NamespaceRolloutReconciler{
		Client: cached, Live: live, Labels: w.labelsClient(o), Inventory: simInventory{o}, Refusals: simRefusals{o},
		Server: simVersion{o}, Config: func() psaconfig.Config { return w.config }, Recorder: simRecorder{w}, Clock: w, started: w.now,
		GatingReports: noReports{},
	}
	o.fleet = &PodSecurityRolloutReconciler{Client: cached, Live: live, Server: simVersion{o}, Clock: w}
	for _, name := range w.names() {
		o.feeds[kindPods] = append(o.feeds[kindPods], change{key: name, shown: w.shown(name)})
		if refused := w.refused(name); len(refused) > 0 {
			o.refused[name] = refused
		}
	}
	o.lookAtAll()
	for _, name := range slices.Sorted(maps.Keys(o.claims)) {
		o.claimChanged(change{key: name, now: o.claims[name]}) // that of a rollout that is gone, too
	}
}

func (o *operator) lookAtAll() {
	for _, name := range slices.Sorted(maps.Keys(o.claims)) {
		o.ofNamespaces.add(name)
	}
	for _, name := range slices.Sorted(maps.Keys(o.rollouts)) {
		o.ofRollouts.add(name)
	}
}

// tell puts an event on the feed of a running operator.
func (w *world) tell(k kind, key string, old, now client.Object) {
	if w.op != nil {
		w.op.feeds[k] = append(w.op.feeds[k], change{key: key, old: old, now: now})
	}
}

func (w *world) tellPods(namespace string) {
	if w.op != nil {
		w.op.feeds[kindPods] = append(w.op.feeds[kindPods], change{key: namespace, shown: w.shown(namespace)})
	}
}

func (w *world) tellRefusals(namespace string) {
	if w.op != nil {
		w.op.feeds[kindRefusals] = append(w.op.feeds[kindRefusals], change{key: namespace, refused: w.refused(namespace)})
	}
}

// canDeliver is whether a feed has an event to take: of pods at no time at which
// a task is about to write on what it has seen, and not before the first list.
func (o *operator) canDeliver(k kind) bool {
	return len(o.feeds[k]) > 0 && (k != kindPods || o.settled() && !o.w.now.Before(o.syncsAt))
}

// deliver takes the next event of a feed into the cache, and queues what the
// controllers' own predicates and handlers say.
func (o *operator) deliver(k kind) {
	c := o.feeds[k][0]
	o.feeds[k] = o.feeds[k][1:]
	switch k {
	case kindNamespace:
		store(o.namespaces, c)
		o.namespaceChanged(c)
	case kindClaim:
		store(o.claims, c)
		o.claimChanged(c)
	case kindRollout:
		store(o.rollouts, c)
		o.rolloutChanged(c)
	case kindPods:
		if o.inventory[c.key] == nil {
			o.inventory[c.key] = &known{}
		}
		o.w.check.podsSeen(c.key, o.inventory[c.key].shown, c.shown)
		o.inventory[c.key].take(o.w.now, c.shown)
		o.ofNamespaces.add(c.key)
		o.sync()
	case kindRefusals:
		o.refused[c.key] = c.refused
		o.ofNamespaces.add(c.key)
	}
}

// sync has the inventory answer once it has seen everything that there was when
// the operator started.
func (o *operator) sync() {
	if !o.synced && len(o.feeds[kindPods]) == 0 {
		o.synced = true
		for _, name := range slices.Sorted(maps.Keys(o.claims)) {
			o.ofNamespaces.add(name)
		}
	}
}

func store[T any, P interface {
	*T
	client.Object
}](in map[string]P, c change) {
	if c.now == nil {
		delete(in, c.key)
		return
	}
	in[c.key] = c.now.(P)
}

func (o *operator) namespaceChanged(c change) {
	o.ofNamespaces.add(c.key)
	if c.old == nil || c.now == nil || namespaceChanged(event.UpdateEvent{ObjectOld: c.old, ObjectNew: c.now}) {
		o.lookAtRollouts()
	}
}

// lookAtRollouts has every rollout looked at a moment later.
func (o *operator) lookAtRollouts() {
	for name := range o.rollouts {
		o.ofRollouts.addAfter(name, o.w.now.Add(gatherFor))
	}
}

func (o *operator) claimChanged(c change) {
	o.ofNamespaces.add(c.key)
	if c.now == nil {
		o.lookAtRollouts()
		return
	}
	for _, obj := range []client.Object{c.old, c.now} {
		if obj == nil {
			continue
		}
		for _, req := range o.fleet.rolloutsOfClaim(context.Background(), obj) {
			o.ofRollouts.addAfter(req.Name, o.w.now.Add(gatherFor))
		}
	}
}

func (o *operator) rolloutChanged(c change) {
	if c.old != nil && c.now != nil && !(predicate.GenerationChangedPredicate{}).Update(event.UpdateEvent{ObjectOld: c.old, ObjectNew: c.now}) {
		return
	}
	o.ofRollouts.add(c.key)
	o.lookAtRollouts()
	for _, name := range slices.Sorted(maps.Keys(o.claims)) {
		if owner := rolloutOwner(o.claims[name]); owner != nil && owner.Name == c.key {
			o.ofNamespaces.add(name)
		}
	}
}

// clockMoved asks for the version and queues what is due.
func (o *operator) clockMoved() {
	if !o.asksAt.After(o.w.now) && o.version != o.w.server {
		o.version = o.w.server
		o.lookAtAll()
	}
	o.ofNamespaces.due(o.w.now)
	o.ofRollouts.due(o.w.now)
}

// task is one reconciliation under way.
type task struct {
	o    *operator
	of   *simQueue
	key  string
	by   *worker
	dead bool
	// confirmed is set once it has read past the cache what it is about to write on.
	confirmed bool
	// What it has read: the versions that its decision is made on.
	namespace *corev1.Namespace
	claim     *v1alpha1.NamespaceRollout
	rollout   *v1alpha1.PodSecurityRollout
	// version is the claim's after its status was written.
	version string
	// podsSeen is the checker's count when it first asked for a verdict.
	podsSeen int
	// listed are the claims as it has read them past the cache.
	listed map[string]*v1alpha1.NamespaceRollout
}

// recorded is the claim as it was read, with the version that it was given.
func (t *task) recorded() *v1alpha1.NamespaceRollout {
	if t.claim == nil || t.version == "" {
		return t.claim
	}
	claim := *t.claim
	claim.ResourceVersion = t.version
	return &claim
}

type taskKey struct{}

func taskOf(ctx context.Context) *task {
	t, _ := ctx.Value(taskKey{}).(*task)
	return t
}

// worker is a coroutine that runs one task after the other: at any API call a
// task may rest while others go on.
type worker struct {
	task *task
	next func() (resting, bool)
	stop func()
	// rest lets others go on.
	rest func()
}

// resting is whether a worker's task rests, or has come to its end.
type resting bool

func newWorker() *worker {
	w := &worker{}
	w.next, w.stop = iter.Pull(func(yield func(resting) bool) {
		w.rest = func() { yield(true) }
		for ended := true; ended; ended = yield(false) {
			w.task.run()
		}
	})
	return w
}

// begin takes a key off a queue and starts to reconcile it.
func (o *operator) begin(of *simQueue) {
	if len(o.w.idle) == 0 {
		o.w.idle = append(o.w.idle, newWorker())
	}
	t := &task{o: o, of: of, key: of.take(o.w), by: o.w.idle[len(o.w.idle)-1]}
	o.w.idle = o.w.idle[:len(o.w.idle)-1]
	t.by.task = t
	t.podsSeen = o.w.check.book(t.key).podsSeen // it asks for verdicts before it first rests
	o.tasks = append(o.tasks, t)
	o.resume(t)
}

func (t *task) run() {
	ctx := log.IntoContext(context.WithValue(context.Background(), taskKey{}, t), logr.Discard())
	var result ctrl.Result
	var err error
	if t.of == t.o.ofRollouts {
		result, err = t.o.fleet.Reconcile(ctx, ctrl.Request{NamespacedName: types.NamespacedName{Name: t.key}})
	} else {
		result, err = t.o.namespace.Reconcile(ctx, claimRequest(t.key))
	}
	if t.dead {
		return
	}
	t.of.finish(t.key)
	switch {
	case err != nil:
		t.of.addAfter(t.key, t.o.w.now.Add(t.of.backoff(t.key)))
		return
	case result.RequeueAfter > 0:
		t.of.addAfter(t.key, t.o.w.now.Add(result.RequeueAfter))
	}
	delete(t.of.failures, t.key)
}

// resume lets a task go on to its next rest, or to its end.
func (o *operator) resume(t *task) {
	if rests, _ := t.by.next(); !bool(rests) {
		o.w.idle = append(o.w.idle, t.by)
		o.tasks = slices.DeleteFunc(o.tasks, func(other *task) bool { return other == t })
		if t.confirmed && t.of == o.ofNamespaces {
			o.confirmed[t.key]--
		}
	}
	if o.crashed && o.w.op == o {
		o.w.crash()
	}
}

// crash ends the process with everything it had in memory, and starts another.
// What rests ends at the API call that it rests at.
func (w *world) crash() {
	o := w.op
	o.crashed = true
	w.op = nil
	for len(o.tasks) > 0 {
		o.resume(o.tasks[0])
	}
	w.log("operator", "", "crashes and starts again")
	w.reach("a crash")
	w.check.memoryLost()
	w.startOperator()
}

// stop ends the workers: the simulation is over.
func (w *world) stop() {
	if w.op != nil {
		w.op.crashed = true
		for op := w.op; len(op.tasks) > 0; {
			w.op = nil
			op.resume(op.tasks[0])
		}
	}
	for _, idle := range w.idle {
		idle.stop()
	}
}

var (
	errCrashed = errors.New("the operator has crashed")
	errFailed  = errors.New("the API server does not answer")
)

// call is what every API call goes through: the task may rest, the operator may
// crash, the API server may fail.
func (o *operator) call(ctx context.Context, what int) error {
	t := taskOf(ctx)
	if o.crashed || t.dead {
		t.dead = true
		return errCrashed
	}
	if o.w.oneIn(o.w.faults.pause) {
		t.by.rest()
	}
	if o.crashed {
		t.dead = true
		return errCrashed
	}
	if what == writing && o.w.oneIn(o.w.faults.crash) {
		o.crashed, t.dead = true, true
		return errCrashed
	}
	if o.w.oneIn(o.w.faults.fail) {
		return errFailed
	}
	return nil
}

const (
	reading = iota
	writing
)

// write makes a write: the operator may crash before it and after it, and the
// answer may be lost.
func (o *operator) write(ctx context.Context, do func() error) error {
	if err := o.call(ctx, writing); err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	t := taskOf(ctx)
	if o.w.oneIn(o.w.faults.crash) {
		o.crashed, t.dead = true, true
		return errCrashed
	}
	if o.w.oneIn(o.w.faults.fail) {
		return errFailed
	}
	return nil
}

// wrote counts a write of the operator that changed something.
func (w *world) wrote() {
	w.writes++
	w.lastWrite = w.now
}
