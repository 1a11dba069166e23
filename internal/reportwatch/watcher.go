// SPDX-License-Identifier: Apache-2.0

package reportwatch

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/podsecurity-rollout/operator/internal/reportgate"
)

// Watcher knows what fails in the reports of each namespace, and tells of a change.
// It is a manager's Runnable that runs on every replica.
type Watcher struct {
	client dynamic.Interface
	kinds  []reportgate.Kind
	// moved has one element when wanted may have changed.
	moved chan struct{}

	mu sync.RWMutex
	// told is whether it is known what is wanted, wanted whether reports are.
	told, wanted bool
	access       map[reportgate.Kind]reportgate.Access
	// reports are those with failures, by namespace.
	reports map[string]map[key]reportgate.Report
	changed []func(namespace string)
}

// key is a report in its namespace.
type key struct{ kind, name string }

// NewWatcher makes a watcher, which does nothing until reports are wanted. It needs
// the rights to list and watch customresourcedefinitions, and, where they are served,
// reports of openreports.io and policyreports of wgpolicyk8s.io in all namespaces.
func NewWatcher(cfg *rest.Config) (*Watcher, error) {
	client, err := dynamic.NewForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("making a client for reports: %w", err)
	}
	return newWatcher(client, reportgate.Kinds...), nil
}

func newWatcher(client dynamic.Interface, kinds ...reportgate.Kind) *Watcher {
	return &Watcher{
		client: client, kinds: kinds, moved: make(chan struct{}, 1),
		access: map[reportgate.Kind]reportgate.Access{}, reports: map[string]map[key]reportgate.Report{},
	}
}

// Want says whether reports are wanted. It returns at once.
func (w *Watcher) Want(wanted bool) {
	w.mu.Lock()
	same := w.told && w.wanted == wanted
	w.told, w.wanted = true, wanted
	w.mu.Unlock()
	if same {
		return
	}
	select {
	case w.moved <- struct{}{}:
	default: // it has not looked yet
	}
	w.tell("")
}

// Subscribe has a function called with the name of a namespace in which other
// results fail than before, and with "" when it may be any: what can be read has
// changed. It must return at once.
func (w *Watcher) Subscribe(changed func(namespace string)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.changed = append(w.changed, changed)
}

// Settled is whether it is known what is wanted, and of every kind whether it can be
// read.
func (w *Watcher) Settled() bool {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.told && (!w.wanted || !slices.ContainsFunc(w.kinds, func(k reportgate.Kind) bool { return w.access[k] == reportgate.Unknown }))
}

// Reports answers the reports of a namespace in which something fails, in no order,
// and why there may be others, empty when these are all.
func (w *Watcher) Reports(namespace string) (failing []reportgate.Report, unread string) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	for _, r := range w.reports[namespace] {
		failing = append(failing, r)
	}
	return failing, reportgate.Unread("the operator", w.access)
}

// NeedLeaderElection is false: a standby sees what the leader sees.
func (w *Watcher) NeedLeaderElection() bool { return false }

// Start watches, while reports are wanted, until the context is done.
func (w *Watcher) Start(ctx context.Context) error {
	var stop func()
	for {
		switch wanted := w.isWanted(); {
		case wanted && stop == nil:
			stop = background(ctx, w.followAll)
		case !wanted && stop != nil:
			stop()
			stop = nil
			for _, k := range w.kinds {
				w.turn(k, reportgate.Unknown)
			}
		}
		select {
		case <-w.moved:
		case <-ctx.Done():
			if stop != nil {
				stop()
			}
			return nil
		}
	}
}

func (w *Watcher) isWanted() bool {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.wanted
}

// background runs a function until it is stopped. Stopping waits for its end.
func background(ctx context.Context, run func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		run(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}

func (w *Watcher) followAll(ctx context.Context) {
	var running sync.WaitGroup
	for _, k := range w.kinds {
		running.Go(func() { w.follow(ctx, k) })
	}
	running.Wait()
}

// turn notes how far a kind can be read. What is not listed is forgotten.
func (w *Watcher) turn(k reportgate.Kind, access reportgate.Access) (changed bool) {
	w.mu.Lock()
	changed = w.access[k] != access
	w.access[k] = access
	if access != reportgate.Listed {
		w.replace(k, nil)
	}
	w.mu.Unlock()
	if changed {
		w.tell("")
	}
	return changed
}

// put keeps a report in which something fails, and forgets one in which nothing does.
func (w *Watcher) put(k reportgate.Kind, r reportgate.Report) {
	w.mu.Lock()
	changed := w.keep(key{k.Kind, r.Name}, r)
	w.mu.Unlock()
	if changed {
		w.tell(r.Namespace)
	}
}

// putAll takes what is listed for all there is of a kind.
func (w *Watcher) putAll(k reportgate.Kind, listed []reportgate.Report) {
	w.mu.Lock()
	changed := w.replace(k, listed)
	w.mu.Unlock()
	for namespace := range changed {
		w.tell(namespace)
	}
	w.turn(k, reportgate.Listed)
}

// replace makes these all the reports of a kind, and answers the namespaces in which
// that changes something. The lock is held.
func (w *Watcher) replace(k reportgate.Kind, by []reportgate.Report) map[string]bool {
	changed, stay := map[string]bool{}, map[string]map[string]bool{}
	for _, r := range by {
		if stay[r.Namespace] == nil {
			stay[r.Namespace] = map[string]bool{}
		}
		stay[r.Namespace][r.Name] = true
		if w.keep(key{k.Kind, r.Name}, r) {
			changed[r.Namespace] = true
		}
	}
	for namespace, reports := range w.reports {
		for at := range reports {
			if at.kind == k.Kind && !stay[namespace][at.name] && w.keep(at, reportgate.Report{Namespace: namespace}) {
				changed[namespace] = true
			}
		}
	}
	return changed
}

// keep is put with the lock held. It answers whether something has changed.
func (w *Watcher) keep(at key, r reportgate.Report) bool {
	before := w.reports[r.Namespace][at]
	switch {
	case slices.Equal(before.Failures, r.Failures):
		return false
	case len(r.Failures) > 0:
		if w.reports[r.Namespace] == nil {
			w.reports[r.Namespace] = map[key]reportgate.Report{}
		}
		w.reports[r.Namespace][at] = r
	default:
		delete(w.reports[r.Namespace], at)
		if len(w.reports[r.Namespace]) == 0 {
			delete(w.reports, r.Namespace)
		}
	}
	return true
}

func (w *Watcher) tell(namespace string) {
	w.mu.RLock()
	told := slices.Clone(w.changed)
	w.mu.RUnlock()
	for _, changed := range told {
		changed(namespace)
	}
}
