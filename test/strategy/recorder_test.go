// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// recorder has every version of the objects of one kind, as a watch shows them.
// While the API server is away it may miss some.
type recorder[T client.Object] struct {
	mu       sync.Mutex
	versions map[client.ObjectKey][]T
}

// record watches until the context ends.
func record[T client.Object](ctx context.Context, c client.WithWatch, list client.ObjectList) *recorder[T] {
	r := &recorder[T]{versions: map[client.ObjectKey][]T{}}
	go wait.UntilWithContext(ctx, func(ctx context.Context) {
		watcher, err := c.Watch(ctx, list)
		if err != nil {
			return // tried again: nothing to watch is what tests will say
		}
		defer watcher.Stop()
		for event := range watcher.ResultChan() {
			r.take(event)
		}
	}, 100*time.Millisecond)
	return r
}

func (r *recorder[T]) take(event watch.Event) {
	object, ok := event.Object.(T)
	if !ok || event.Type == watch.Deleted {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	key := client.ObjectKeyFromObject(object)
	known := r.versions[key]
	if len(known) > 0 && known[len(known)-1].GetResourceVersion() == object.GetResourceVersion() {
		return // a watch taken up again begins with what is there
	}
	r.versions[key] = append(known, object)
}

// all answers the versions of one object so far, the oldest first. They are
// shared: read only.
func (r *recorder[T]) all(key client.ObjectKey) []T {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.versions[key])
}

// revisionOf is a resource version as a number: versions are in the order of time.
func revisionOf(t *testing.T, resourceVersion string) int {
	t.Helper()
	n, err := strconv.Atoi(resourceVersion)
	if err != nil {
		t.Fatalf("resource version %q is no number: %v", resourceVersion, err)
	}
	return n
}
