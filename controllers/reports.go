// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"hash/fnv"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/reports"
	"github.com/podsecurity-rollout/operator/internal/summary"
)

// written remembers the report last written of each namespace, so that one that
// stays is not sent at every look. What is forgotten with the operator is written
// once more. The zero value is ready.
type written struct {
	lock sync.Mutex
	of   map[string]uint64
}

func (w *written) same(namespace string, sum uint64) bool {
	w.lock.Lock()
	defer w.lock.Unlock()
	last, known := w.of[namespace]
	return known && last == sum
}

func (w *written) note(namespace string, sum uint64) {
	w.lock.Lock()
	defer w.lock.Unlock()
	if w.of == nil {
		w.of = map[string]uint64{}
	}
	w.of[namespace] = sum
}

func (w *written) forget(namespace string) {
	w.lock.Lock()
	defer w.lock.Unlock()
	delete(w.of, namespace)
}

// report keeps the namespace's report current, by server-side apply, once all
// that runs is known. Where the API server does not serve reports none is written,
// until the report of the namespace changes.
func (r *NamespaceRolloutReconciler) report(ctx context.Context, s *snapshot, in summary.NamespaceInput) error {
	if !r.Reports || !s.accepted.OK || !s.namespace.DeletionTimestamp.IsZero() || !reports.Complete(in.Evidence) {
		return nil
	}
	report := reports.Report(s.claim, in.Evidence)
	data, err := report.MarshalJSON()
	if err != nil {
		return fmt.Errorf("encoding the report of namespace %q: %w", s.namespace.Name, err)
	}
	sum := fnv.New64a()
	_, _ = sum.Write(data) // a hash does not fail
	if r.reported.same(s.namespace.Name, sum.Sum64()) {
		return nil
	}
	err = r.Apply(ctx, client.ApplyConfigurationFromUnstructured(report), client.FieldOwner(v1alpha1.FieldManager), client.ForceOwnership)
	if err != nil && !meta.IsNoMatchError(err) && !apierrors.IsNotFound(err) { // the second when the definition has just gone
		return fmt.Errorf("writing the report of namespace %q: %w", s.namespace.Name, err)
	}
	r.reported.note(s.namespace.Name, sum.Sum64())
	return nil
}
