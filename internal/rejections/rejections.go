// SPDX-License-Identifier: Apache-2.0

// Package rejections sees the pods that the API server refuses: controllers
// record an Event of reason FailedCreate for each, which says "violates
// PodSecurity" and at which level.
//
// It may import client-go and nothing of this project. Its data come from one
// watch of Events, selected by that reason on the server's side.
package rejections

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

const (
	reason = "FailedCreate"
	phrase = "violates PodSecurity "

	// perNamespace bounds what is kept of one namespace; the oldest fall off.
	perNamespace = 64
)

// Rejection is an object whose pods were refused.
type Rejection struct {
	APIVersion, Kind, Name string
	// Level is the level and version that refused, such as "baseline:v1.37".
	Level string
	// Message is what the API server said, from "violates PodSecurity" on.
	Message string
	// Time is when it was last refused.
	Time time.Time
}

// Watcher keeps the rejections of every namespace, as long as the API server
// keeps their Events (an hour, unless configured otherwise).
type Watcher struct {
	client kubernetes.Interface

	mu         sync.RWMutex
	namespaces map[string]map[string]Rejection // by namespace, by the Event's name
	changed    []func(namespace string)
}

// NewWatcher makes a watcher. It needs the rights to list and watch events.
func NewWatcher(cfg *rest.Config) (*Watcher, error) {
	cfg = rest.CopyConfig(cfg)
	cfg.ContentType = runtime.ContentTypeProtobuf
	cfg.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("making a client for events: %w", err)
	}
	return &Watcher{client: client, namespaces: map[string]map[string]Rejection{}}, nil
}

// Subscribe has a function called with the name of a namespace in which a
// rejection came or went. It must return at once.
func (w *Watcher) Subscribe(changed func(namespace string)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.changed = append(w.changed, changed)
}

// Rejections answers those of a namespace, the newest first.
func (w *Watcher) Rejections(namespace string) []Rejection {
	w.mu.RLock()
	defer w.mu.RUnlock()
	var out []Rejection
	for _, r := range w.namespaces[namespace] {
		out = append(out, r)
	}
	slices.SortFunc(out, newestFirst)
	return out
}

func newestFirst(a, b Rejection) int {
	return cmp.Or(b.Time.Compare(a.Time), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name),
		cmp.Compare(a.APIVersion, b.APIVersion), cmp.Compare(a.Level, b.Level), cmp.Compare(a.Message, b.Message))
}

// NeedLeaderElection is false: a standby sees what the leader sees.
func (w *Watcher) NeedLeaderElection() bool { return false }

// Start watches until the context is done.
func (w *Watcher) Start(ctx context.Context) error {
	events := w.client.CoreV1().Events(metav1.NamespaceAll)
	selector := fields.OneTermEqualSelector("reason", reason).String()
	lw := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			o.FieldSelector = selector
			return events.List(ctx, o)
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			o.FieldSelector = selector
			return events.Watch(ctx, o)
		},
	}
	cache.NewReflectorWithOptions(lw, &corev1.Event{}, &store{w}, cache.ReflectorOptions{Name: "rejections"}).RunWithContext(ctx)
	return nil
}

// take keeps an Event that tells of a refused pod, and drops any other.
func (w *Watcher) take(e *corev1.Event) {
	rejection, ok := read(e)
	if !ok {
		return
	}
	w.mu.Lock()
	kept := w.namespaces[e.Namespace]
	if kept == nil {
		kept = map[string]Rejection{}
		w.namespaces[e.Namespace] = kept
	}
	same := kept[e.Name] == rejection
	kept[e.Name] = rejection
	dropOldest(kept)
	w.mu.Unlock()
	if !same {
		w.tell(e.Namespace)
	}
}

func dropOldest(kept map[string]Rejection) {
	for len(kept) > perNamespace {
		oldest := ""
		for name, r := range kept {
			if oldest == "" || newestFirst(r, kept[oldest]) > 0 {
				oldest = name
			}
		}
		delete(kept, oldest)
	}
}

func (w *Watcher) drop(namespace, name string) {
	w.mu.Lock()
	_, known := w.namespaces[namespace][name]
	delete(w.namespaces[namespace], name)
	if len(w.namespaces[namespace]) == 0 {
		delete(w.namespaces, namespace)
	}
	w.mu.Unlock()
	if known {
		w.tell(namespace)
	}
}

func (w *Watcher) tell(namespace string) {
	w.mu.RLock()
	told := slices.Clone(w.changed)
	w.mu.RUnlock()
	for _, changed := range told {
		changed(namespace)
	}
}

// read answers what an Event says of a refused pod.
func read(e *corev1.Event) (Rejection, bool) {
	_, rest, found := strings.Cut(e.Message, phrase)
	if e.Reason != reason || !found || e.InvolvedObject.Kind == "" || e.InvolvedObject.Name == "" {
		return Rejection{}, false
	}
	level := ""
	if parts := strings.SplitN(rest, `"`, 3); len(parts) == 3 {
		level = parts[1]
	}
	return Rejection{
		APIVersion: e.InvolvedObject.APIVersion, Kind: e.InvolvedObject.Kind, Name: e.InvolvedObject.Name,
		Level: level, Message: phrase + rest, Time: lastTime(e),
	}, true
}

// lastTime is when an Event last happened, in whichever field its recorder says so.
func lastTime(e *corev1.Event) time.Time {
	last := e.CreationTimestamp.Time
	for _, t := range []time.Time{e.FirstTimestamp.Time, e.LastTimestamp.Time, e.EventTime.Time} {
		if t.After(last) {
			last = t
		}
	}
	if e.Series != nil && e.Series.LastObservedTime.After(last) {
		last = e.Series.LastObservedTime.Time
	}
	return last
}

// store takes in what the reflector sees, instead of an informer's.
type store struct{ w *Watcher }

// Add implements cache.ReflectorStore.
func (s *store) Add(obj any) error { return s.Update(obj) }

// Update implements cache.ReflectorStore.
func (s *store) Update(obj any) error {
	e, ok := obj.(*corev1.Event)
	if !ok {
		return fmt.Errorf("watching events: got a %T", obj)
	}
	s.w.take(e)
	return nil
}

// Delete implements cache.ReflectorStore.
func (s *store) Delete(obj any) error {
	e, ok := obj.(*corev1.Event)
	if !ok {
		return fmt.Errorf("watching events: got a %T", obj)
	}
	s.w.drop(e.Namespace, e.Name)
	return nil
}

// Replace implements cache.ReflectorStore: what the list does not have is gone.
func (s *store) Replace(list []any, _ string) error {
	listed := map[string]map[string]bool{}
	for _, obj := range list {
		e, ok := obj.(*corev1.Event)
		if !ok {
			return fmt.Errorf("listing events: got a %T", obj)
		}
		s.w.take(e)
		if listed[e.Namespace] == nil {
			listed[e.Namespace] = map[string]bool{}
		}
		listed[e.Namespace][e.Name] = true
	}
	for _, gone := range s.w.unlisted(listed) {
		s.w.drop(gone[0], gone[1])
	}
	return nil
}

// unlisted answers namespace and name of every Event kept that is not listed.
func (w *Watcher) unlisted(listed map[string]map[string]bool) [][2]string {
	w.mu.RLock()
	defer w.mu.RUnlock()
	var gone [][2]string
	for namespace, kept := range w.namespaces {
		for name := range kept {
			if !listed[namespace][name] {
				gone = append(gone, [2]string{namespace, name})
			}
		}
	}
	return gone
}

// Resync implements cache.ReflectorStore.
func (s *store) Resync() error { return nil }
