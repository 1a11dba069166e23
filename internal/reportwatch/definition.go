// SPDX-License-Identifier: Apache-2.0

package reportwatch

import (
	"context"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"

	"github.com/podsecurity-rollout/operator/internal/reportgate"
)

// follow watches the definition of a kind, and its reports while it is served,
// until the context is done. The definition tells when the kind comes and goes; a
// list that is refused would not tell which of the two is missing, kind or right.
func (w *Watcher) follow(ctx context.Context, k reportgate.Kind) {
	definitions := w.client.Resource(apiextensionsv1.SchemeGroupVersion.WithResource("customresourcedefinitions"))
	only := fields.OneTermEqualSelector(metav1.ObjectNameField, k.Definition()).String()
	lw := cache.ToListWatcherWithWatchListSemantics(&cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			o.FieldSelector = only
			return definitions.List(ctx, o)
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			o.FieldSelector = only
			return definitions.Watch(ctx, o)
		},
	}, w.client)
	d := &definition{watcher: w, kind: k, run: func() func() { return background(ctx, func(ctx context.Context) { w.watch(ctx, k) }) }}
	newReflector(ctx, lw, apiextensionsv1.SchemeGroupVersion.WithKind("CustomResourceDefinition"), d, "definition of "+k.Definition()).RunWithContext(ctx)
	if d.stop != nil {
		d.stop()
	}
}

func newReflector(ctx context.Context, lw cache.ListerWatcher, kind schema.GroupVersionKind, s cache.ReflectorStore, name string) *cache.Reflector {
	logger := klog.FromContext(ctx)
	example := &unstructured.Unstructured{}
	example.SetGroupVersionKind(kind)
	return cache.NewReflectorWithOptions(lw, example, s, cache.ReflectorOptions{Logger: &logger, Name: "reportwatch/" + name})
}

// definition takes in the one definition of a kind. Only its reflector calls it.
type definition struct {
	watcher *Watcher
	kind    reportgate.Kind
	// run starts the watch of the kind, stop ends it, nil while there is none.
	run  func() func()
	stop func()
}

// Add has the kind watched if it is served, and not otherwise.
func (d *definition) Add(obj any) error {
	served, err := serves(obj, d.kind)
	if err == nil {
		d.serve(served)
	}
	return err
}

// Update is Add: a definition changes when it comes to be served.
func (d *definition) Update(obj any) error { return d.Add(obj) }

// Delete ends the watch.
func (d *definition) Delete(any) error {
	d.serve(false)
	return nil
}

// Replace is Add of what is listed, and Delete when nothing is.
func (d *definition) Replace(list []any, _ string) error {
	if len(list) == 0 {
		return d.Delete(nil)
	}
	return d.Add(list[0])
}

// Resync does nothing: there is no resync period.
func (d *definition) Resync() error { return nil }

func (d *definition) serve(served bool) {
	switch {
	case served && d.stop == nil:
		d.watcher.turn(d.kind, reportgate.Unknown) // until it is listed
		d.stop = d.run()
	case !served:
		if d.stop != nil {
			d.stop()
			d.stop = nil
		}
		d.watcher.turn(d.kind, reportgate.NotServed)
	}
}

// serves is whether a definition is established and serves the kind's version.
func serves(obj any, k reportgate.Kind) (bool, error) {
	u, err := object(obj)
	if err != nil {
		return false, err
	}
	var crd apiextensionsv1.CustomResourceDefinition
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, &crd); err != nil {
		return false, err
	}
	established, version := false, false
	for _, c := range crd.Status.Conditions {
		established = established || c.Type == apiextensionsv1.Established && c.Status == apiextensionsv1.ConditionTrue
	}
	for _, v := range crd.Spec.Versions {
		version = version || v.Name == k.Version && v.Served
	}
	return established && version, nil
}
