// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
)

const (
	// looks is how often discovery is asked again after a CustomResourceDefinition has changed, with pauses of one second, two, four and so on: what it answers
	// lags behind, and nothing tells when it has caught up.
	looks = 6
	// maxPause bounds these pauses, and those after errors.
	maxPause = 30 * time.Second
)

// definitionsResource is what tells that custom kinds come and go.
var definitionsResource = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}

// customWatcher runs a watch for each custom kind that is served. It learns from a watch of the names of CustomResourceDefinitions when to ask discovery which
// those are; its queue holds the group versions to ask for.
type customWatcher struct {
	clients   Clients
	inventory *Inventory
	queue     workqueue.TypedRateLimitingInterface[schema.GroupVersion]
	// watched are the kinds with a watch. Only the queue's worker touches it.
	watched map[kind]*customWatch

	mu sync.Mutex
	// listed is set once the definitions have been listed, and unseen are the group versions of that list that discovery has not been asked for yet.
	listed bool
	unseen sets.Set[schema.GroupVersion]
	// defined are the groups that have, or have had, definitions.
	defined sets.Set[string]
}

// customWatch is the watch of one custom kind.
type customWatch struct {
	resource string
	stop     func()
}

func newCustomWatcher(clients Clients, inventory *Inventory) *customWatcher {
	limiter := workqueue.NewTypedItemExponentialFailureRateLimiter[schema.GroupVersion](time.Second, maxPause)
	return &customWatcher{
		clients: clients, inventory: inventory,
		queue:   workqueue.NewTypedRateLimitingQueue(limiter),
		watched: map[kind]*customWatch{}, unseen: sets.New[schema.GroupVersion](), defined: sets.New[string](),
	}
}

// run watches until the context is done and everything it has started has ended.
func (w *customWatcher) run(ctx context.Context) {
	logger := klog.FromContext(ctx)
	info := w.inventory.kinds.infos[definitions]
	client := w.clients.Metadata.Resource(definitionsResource)
	lw := w.patient(logger, definitions, listWatch(client, nameOnly))
	reflector := newReflector(logger, cache.ToListWatcherWithWatchListSemantics(lw, w.clients.Metadata), info, &definitionStore{w})

	var running sync.WaitGroup
	running.Go(func() { reflector.RunWithContext(ctx) })
	running.Go(func() {
		for w.next(ctx) {
		}
		for _, watch := range w.watched {
			watch.stop()
		}
	})
	<-ctx.Done()
	w.queue.ShutDown()
	running.Wait()
}

// define notes that groups have definitions, and answers all that have, or had. all says that there are no others.
func (w *customWatcher) define(groups []string, all bool) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.defined.Insert(groups...)
	if all && !w.listed {
		w.listed = true
		for group := range w.defined {
			w.unseen.Insert(w.groupVersions(group)...)
		}
	}
	return w.defined.UnsortedList()
}

// look has discovery asked, now and for a while, which custom kinds of a group are served.
func (w *customWatcher) look(group string) {
	for _, gv := range w.groupVersions(group) {
		w.queue.Forget(gv)
		w.queue.Add(gv)
	}
}

// groupVersions are those of the custom kinds of a group.
func (w *customWatcher) groupVersions(group string) []schema.GroupVersion {
	found := sets.New[schema.GroupVersion]()
	for _, k := range w.inventory.kinds.customKinds() {
		if gv := w.inventory.kinds.infos[k].custom.GroupVersion(); gv.Group == group {
			found.Insert(gv)
		}
	}
	return found.UnsortedList()
}

// next takes one group version from the queue, and answers false when there will be no more.
func (w *customWatcher) next(ctx context.Context) bool {
	gv, stopped := w.queue.Get()
	if stopped {
		return false
	}
	defer w.queue.Done(gv)
	err := w.discover(ctx, gv)
	if err != nil && ctx.Err() == nil {
		klog.FromContext(ctx).Error(err, "Could not find out which custom workloads are served", "groupVersion", gv)
	}
	if err == nil {
		w.seen(gv)
	}
	if err != nil || w.queue.NumRequeues(gv) < looks {
		w.queue.AddRateLimited(gv)
	}
	return true
}

// discover starts the watches of the kinds of a group version that are served, and stops those of the others.
func (w *customWatcher) discover(ctx context.Context, gv schema.GroupVersion) error {
	list, err := w.clients.Typed.Discovery().ServerResourcesForGroupVersionWithContext(ctx, gv.String())
	if apierrors.IsNotFound(err) {
		list, err = &metav1.APIResourceList{}, nil
	}
	if err != nil {
		return fmt.Errorf("discovering %s: %w", gv, err)
	}
	served := map[string]metav1.APIResource{}
	for _, resource := range list.APIResources {
		if !strings.Contains(resource.Name, "/") {
			served[resource.Kind] = resource
		}
	}
	for _, k := range w.inventory.kinds.customKinds() {
		if custom := w.inventory.kinds.infos[k].custom; custom.GroupVersion() == gv {
			w.adjust(ctx, k, served[custom.Kind])
		}
	}
	return nil
}

// adjust starts or stops the watch of a kind whose resource is served, or is not when it has no name.
func (w *customWatcher) adjust(ctx context.Context, k kind, resource metav1.APIResource) {
	if watch, watched := w.watched[k]; watched && watch.resource != resource.Name {
		watch.stop()
		delete(w.watched, k)
		w.inventory.end(k)
		klog.FromContext(ctx).Info("A custom workload is no longer served", "kind", w.inventory.kinds.nameOf(k))
	}
	_, watched := w.watched[k]
	switch {
	case watched:
	case resource.Name == "":
		w.inventory.replaced(k) // nothing to wait for, and no reason to give
	case !resource.Namespaced:
		w.inventory.unwatch(k, "its objects are in no namespace")
	default:
		w.watched[k] = w.start(ctx, k, resource.Name)
		klog.FromContext(ctx).Info("Watching a custom workload", "kind", w.inventory.kinds.nameOf(k))
	}
}

// start runs the watch of a kind until it is stopped.
func (w *customWatcher) start(ctx context.Context, k kind, resource string) *customWatch {
	w.inventory.begin(k)
	info := w.inventory.kinds.infos[k]
	logger := klog.FromContext(ctx)
	s := &store{inventory: w.inventory, kind: k, logger: logger}
	gvr := info.custom.GroupVersion().WithResource(resource)
	lw, client := listWatch(w.clients.Dynamic.Resource(gvr), s.reduced), any(w.clients.Dynamic)
	if len(info.custom.Templates) == 0 {
		lw, client = listWatch(w.clients.Metadata.Resource(gvr), s.reduced), w.clients.Metadata
	}
	reflector := newReflector(logger, cache.ToListWatcherWithWatchListSemantics(w.patient(logger, k, lw), client), info, s)

	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		reflector.RunWithContext(ctx)
	}()
	return &customWatch{resource: resource, stop: func() {
		cancel()
		<-done
	}}
}

// seen notes that discovery has answered for a group version. With the last one of the first list of definitions it is known which kinds there are to wait for.
func (w *customWatcher) seen(gvs ...schema.GroupVersion) {
	w.mu.Lock()
	w.unseen.Delete(gvs...)
	all := w.listed && w.unseen.Len() == 0
	w.mu.Unlock()
	if all {
		w.inventory.replaced(definitions)
	}
}
