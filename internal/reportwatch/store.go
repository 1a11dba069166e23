// SPDX-License-Identifier: Apache-2.0

package reportwatch

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"

	"github.com/podsecurity-rollout/operator/internal/reportgate"
)

// watch watches the reports of a kind until the context is done.
func (w *Watcher) watch(ctx context.Context, k reportgate.Kind) {
	reports := w.client.Resource(k.GVR())
	lw := cache.ToListWatcherWithWatchListSemantics(&cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			if o.ResourceVersion == "0" {
				o.ResourceVersion = "" // a server answers "0" from its cache, everything at once
			}
			page, err := reports.List(ctx, o)
			if apierrors.IsForbidden(err) && w.turn(k, reportgate.Forbidden) {
				klog.FromContext(ctx).Error(err, "Reports that hold enforce rungs cannot be read: give the operator the right to list and watch them, see docs/reports.md",
					"kind", k.Definition())
			}
			if err != nil {
				return nil, err
			}
			return reduced(page), nil
		},
		WatchFuncWithContext: reports.Watch,
	}, w.client)
	newReflector(ctx, lw, k.GroupVersionKind, &store{watcher: w, kind: k}, k.Definition()).RunWithContext(ctx)
}

// reduced is a page of a list with each report reduced, so that a list of all
// reports is never held whole.
func reduced(page *unstructured.UnstructuredList) runtime.Object {
	list := &internalversion.List{ListMeta: metav1.ListMeta{ResourceVersion: page.GetResourceVersion(), Continue: page.GetContinue()}}
	for i := range page.Items {
		list.Items = append(list.Items, newRecord(&page.Items[i]))
	}
	return list
}

// record is a report as far as it is read, with the name that a reflector asks for.
type record struct {
	metav1.TypeMeta
	metav1.ObjectMeta
	report reportgate.Report
}

func newRecord(u *unstructured.Unstructured) *record {
	r := &record{report: reportgate.Read(u)}
	r.Name, r.Namespace = r.report.Name, r.report.Namespace
	return r
}

// DeepCopyObject implements runtime.Object. A record does not change.
func (r *record) DeepCopyObject() runtime.Object {
	out := *r
	return &out
}

// recordOf reduces what a reflector brings, if it is not reduced.
func recordOf(obj any) (*record, error) {
	if r, ok := obj.(*record); ok {
		return r, nil
	}
	u, err := object(obj)
	if err != nil {
		return nil, err
	}
	return newRecord(u), nil
}

func object(obj any) (*unstructured.Unstructured, error) {
	u, ok := obj.(*unstructured.Unstructured)
	if !ok {
		return nil, fmt.Errorf("watching reports: got a %T", obj)
	}
	return u, nil
}

// store takes in the reports of a kind.
type store struct {
	watcher *Watcher
	kind    reportgate.Kind
}

var _ cache.TransformingStore = (*store)(nil)

// Transformer has a stream of reports accumulate records only.
func (s *store) Transformer() cache.TransformFunc {
	return func(obj any) (any, error) { return recordOf(obj) }
}

// Add takes a report in.
func (s *store) Add(obj any) error {
	r, err := recordOf(obj)
	if err == nil {
		s.watcher.put(s.kind, r.report)
	}
	return err
}

// Update is Add.
func (s *store) Update(obj any) error { return s.Add(obj) }

// Delete forgets a report.
func (s *store) Delete(obj any) error {
	r, err := recordOf(obj)
	if err == nil {
		s.watcher.put(s.kind, reportgate.Report{Namespace: r.report.Namespace, Name: r.report.Name})
	}
	return err
}

// Replace takes in all there are.
func (s *store) Replace(list []any, _ string) error {
	reports := make([]reportgate.Report, 0, len(list))
	for _, obj := range list {
		r, err := recordOf(obj)
		if err != nil {
			return err
		}
		reports = append(reports, r.report)
	}
	s.watcher.putAll(s.kind, reports)
	return nil
}

// Resync does nothing: there is no resync period.
func (s *store) Resync() error { return nil }
