// SPDX-License-Identifier: Apache-2.0

package runtimeclasses

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	nodev1 "k8s.io/api/node/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

// Watcher knows the RuntimeClasses and tells of a change.
type Watcher struct {
	client kubernetes.Interface

	mu      sync.RWMutex
	classes map[string]string // handlers by name
	synced  bool
	changed []func()
}

// NewWatcher makes a watcher. It needs the rights to list and watch runtimeclasses.
func NewWatcher(cfg *rest.Config) (*Watcher, error) {
	cfg = rest.CopyConfig(cfg)
	cfg.ContentType = runtime.ContentTypeProtobuf
	cfg.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("making a client for runtimeclasses: %w", err)
	}
	return newWatcher(client), nil
}

func newWatcher(client kubernetes.Interface) *Watcher {
	return &Watcher{client: client, classes: map[string]string{}}
}

// OnChange adds what is called after a RuntimeClass has come or gone, and once
// after the first list, even of none. It must return at once.
func (w *Watcher) OnChange(changed func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.changed = append(w.changed, changed)
}

// Classes answers the handler of each RuntimeClass, by name. The map is the
// caller's.
func (w *Watcher) Classes() map[string]string {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return maps.Clone(w.classes)
}

// Synced says whether the first list has arrived: before, a class that is not
// among Classes may well exist.
func (w *Watcher) Synced() bool {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.synced
}

// NeedLeaderElection is false: a standby sees what the leader sees.
func (w *Watcher) NeedLeaderElection() bool { return false }

// Start watches until the context is done. It implements manager.Runnable.
func (w *Watcher) Start(ctx context.Context) error {
	classes := w.client.NodeV1().RuntimeClasses()
	lw := cache.ToListWatcherWithWatchListSemantics(&cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			return classes.List(ctx, o)
		},
		WatchFuncWithContext: classes.Watch,
	}, w.client)
	cache.NewReflectorWithOptions(lw, &nodev1.RuntimeClass{}, &store{w}, cache.ReflectorOptions{Name: "runtimeclasses"}).RunWithContext(ctx)
	return nil
}

// change makes a change, and tells if it was one.
func (w *Watcher) change(change func()) {
	w.mu.Lock()
	before, synced := maps.Clone(w.classes), w.synced
	change()
	same := maps.Equal(before, w.classes) && synced == w.synced
	told := slices.Clone(w.changed)
	w.mu.Unlock()
	if same {
		return
	}
	for _, changed := range told {
		changed()
	}
}

// store takes in what the reflector sees, instead of an informer's.
type store struct{ w *Watcher }

// Add implements cache.ReflectorStore.
func (s *store) Add(obj any) error { return s.Update(obj) }

// Update implements cache.ReflectorStore.
func (s *store) Update(obj any) error {
	class, err := runtimeClass(obj)
	if err == nil {
		s.w.change(func() { s.w.classes[class.Name] = class.Handler })
	}
	return err
}

// Delete implements cache.ReflectorStore.
func (s *store) Delete(obj any) error {
	class, err := runtimeClass(obj)
	if err == nil {
		s.w.change(func() { delete(s.w.classes, class.Name) })
	}
	return err
}

// Replace implements cache.ReflectorStore: what the list does not have is gone.
func (s *store) Replace(listed []any, _ string) error {
	classes := map[string]string{}
	for _, obj := range listed {
		class, err := runtimeClass(obj)
		if err != nil {
			return err
		}
		classes[class.Name] = class.Handler
	}
	s.w.change(func() { s.w.classes, s.w.synced = classes, true })
	return nil
}

// Resync implements cache.ReflectorStore.
func (s *store) Resync() error { return nil }

func runtimeClass(obj any) (*nodev1.RuntimeClass, error) {
	class, ok := obj.(*nodev1.RuntimeClass)
	if !ok {
		return nil, fmt.Errorf("watching runtimeclasses: got a %T", obj)
	}
	return class, nil
}
