// SPDX-License-Identifier: Apache-2.0

package witness

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
)

// Version is one version of a namespace.
type Version struct {
	ResourceVersion string
	Labels          map[string]string
	// Deleting is whether the namespace is being deleted, Gone whether this was
	// its end.
	Deleting, Gone bool

	// besides is all of the namespace but labels and who owns what.
	besides string
	// claimed is set, in a copy, when it is known who wrote it.
	claimed bool
}

// Namespaces records every version of every namespace from its making on.
type Namespaces struct {
	mu       sync.Mutex
	versions map[string][]Version
	// changed is closed and replaced when there is a new version.
	changed chan struct{}
}

// WatchNamespaces records until the context ends.
func WatchNamespaces(ctx context.Context, cfg *rest.Config) (*Namespaces, error) {
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("making a client: %w", err)
	}
	list, err := client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("listing namespaces: %w", err)
	}
	n := &Namespaces{versions: map[string][]Version{}, changed: make(chan struct{})}
	for i := range list.Items {
		if err := n.take(watch.Event{Type: watch.Added, Object: &list.Items[i]}); err != nil {
			return nil, err
		}
	}
	// It takes a watch up again where it broke off, so no version is missed.
	watcher, err := watchtools.NewRetryWatcherWithContext(ctx, list.ResourceVersion, &cache.ListWatch{
		WatchFuncWithContext: client.CoreV1().Namespaces().Watch,
	})
	if err != nil {
		return nil, fmt.Errorf("watching namespaces: %w", err)
	}
	go func() {
		for event := range watcher.ResultChan() {
			if err := n.take(event); err != nil {
				panic(err) // a version was missed: nothing that is said of it could be believed
			}
		}
	}()
	return n, nil
}

func (n *Namespaces) take(event watch.Event) error {
	ns, ok := event.Object.(*corev1.Namespace)
	if !ok {
		return fmt.Errorf("watching namespaces: got a %s of %T: %v", event.Type, event.Object, event.Object)
	}
	besides, err := besidesLabels(ns)
	if err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.versions[ns.Name] = append(n.versions[ns.Name], Version{
		ResourceVersion: ns.ResourceVersion, Labels: ns.Labels,
		Deleting: ns.DeletionTimestamp != nil, Gone: event.Type == watch.Deleted, besides: besides,
	})
	close(n.changed)
	n.changed = make(chan struct{})
	return nil
}

func besidesLabels(ns *corev1.Namespace) (string, error) {
	ns = ns.DeepCopy()
	ns.Labels, ns.ManagedFields, ns.ResourceVersion = nil, nil, ""
	data, err := json.Marshal(ns)
	if err != nil {
		return "", fmt.Errorf("encoding namespace %q: %w", ns.Name, err)
	}
	return string(data), nil
}

// Versions answers the versions of a namespace so far, the oldest first.
func (n *Namespaces) Versions(name string) []Version {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.versions[name])
}

// Await waits until the versions of a namespace are such that reached, and
// answers them. It looks at each version as it comes.
func (n *Namespaces) Await(ctx context.Context, name string, reached func([]Version) bool) ([]Version, error) {
	for {
		n.mu.Lock()
		versions, changed := slices.Clone(n.versions[name]), n.changed
		n.mu.Unlock()
		if reached(versions) {
			return versions, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return versions, fmt.Errorf("waiting for versions of namespace %q: %w", name, ctx.Err())
		}
	}
}
