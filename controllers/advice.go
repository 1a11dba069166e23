// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/inventory"
	"github.com/podsecurity-rollout/operator/internal/summary"
)

const (
	// advisedAtOnce bounds the Events that one look at a namespace makes about its
	// workloads; the rest follows after adviseAgain.
	advisedAtOnce = 50
	adviseAgain   = 2 * time.Second
)

// advised remembers which findings the owners of workloads have been told of, by
// namespace. The zero value is ready. After a restart the names of the Events tell:
// they are made of the finding, so what is still there is not created again.
type advised struct {
	lock sync.Mutex
	told map[string]map[string]bool
}

// news answers those of the findings that nobody has been told of, and forgets what
// is no longer among them: when it comes back, it is told again.
func (a *advised) news(namespace string, findings map[string]v1alpha1.Violation) []string {
	a.lock.Lock()
	defer a.lock.Unlock()
	known := a.told[namespace]
	for id := range known {
		if _, there := findings[id]; !there {
			delete(known, id)
		}
	}
	var news []string
	for id := range findings {
		if !known[id] {
			news = append(news, id)
		}
	}
	slices.Sort(news)
	return news
}

func (a *advised) note(namespace, id string) {
	a.lock.Lock()
	defer a.lock.Unlock()
	if a.told == nil {
		a.told = map[string]map[string]bool{}
	}
	if a.told[namespace] == nil {
		a.told[namespace] = map[string]bool{}
	}
	a.told[namespace][id] = true
}

func (a *advised) forget(namespace string) {
	a.lock.Lock()
	defer a.lock.Unlock()
	delete(a.told, namespace)
}

// advise tells the owner of each workload, by an Event on it, what it violates, how
// to mend it, and when that is enforced: once for each finding. It answers whether
// there is more to tell.
func (r *NamespaceRolloutReconciler) advise(ctx context.Context, s *snapshot, in summary.NamespaceInput) (more bool) {
	if r.Insight == nil || !s.accepted.OK || !r.synced() || !s.namespace.DeletionTimestamp.IsZero() || s.config.ExemptNamespaces.Has(s.namespace.Name) {
		return false
	}
	findings := map[string]v1alpha1.Violation{}
	for _, v := range summary.Violations(in.Evidence) {
		findings[idOf(v)] = v
	}
	news := r.advised.news(s.namespace.Name, findings)
	for i, id := range news {
		if i == advisedAtOnce {
			return true
		}
		err := r.Create(ctx, r.advice(s, id, findings[id], in))
		if err != nil && !apierrors.IsAlreadyExists(err) {
			log.FromContext(ctx).V(1).Info("Could not tell of a violation", "workload", findings[id].Workload.Name, "reason", err.Error())
			return apierrors.IsTooManyRequests(err)
		}
		r.advised.note(s.namespace.Name, id)
	}
	return false
}

// idOf is the same for the same finding about the same workload.
func idOf(v v1alpha1.Violation) string {
	w := v.Workload
	sum := sha256.Sum256(fmt.Appendf(nil, "%q", []string{w.APIVersion, w.Kind, w.Name, string(v.Level), v.Check, v.Message, v.Apart}))
	return hex.EncodeToString(sum[:8])
}

// advice is the Event that tells of a finding. It has the workload's UID, by which
// kubectl describe finds it.
func (r *NamespaceRolloutReconciler) advice(s *snapshot, id string, v v1alpha1.Violation, in summary.NamespaceInput) *eventsv1.Event {
	w := v.Workload
	name := w.Name + "." + id
	if len(validation.IsDNS1123Subdomain(name)) > 0 {
		name = "workload." + id
	}
	due := summary.Due(in.Current.Enforce, in.Target.Enforce, v.Level, s.paceOfEnforce())
	return &eventsv1.Event{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace.Name, Name: name},
		EventTime:  metav1.NewMicroTime(r.Clock.Now()), Type: corev1.EventTypeWarning,
		ReportingController: v1alpha1.FieldManager, ReportingInstance: v1alpha1.FieldManager,
		Reason: v1alpha1.EventPodSecurityViolation, Action: "Evaluate", Note: summary.Clip(summary.Advice(v, due), maxNote),
		Regarding: corev1.ObjectReference{
			APIVersion: w.APIVersion, Kind: w.Kind, Namespace: s.namespace.Name, Name: w.Name,
			UID: r.Insight.UID(s.namespace.Name, inventory.Workload{APIVersion: w.APIVersion, Kind: w.Kind, Name: w.Name}),
		},
		Related: &corev1.ObjectReference{
			APIVersion: v1alpha1.GroupVersion.String(), Kind: "NamespaceRollout", Namespace: s.namespace.Name, Name: s.claim.Name, UID: s.claim.UID,
		},
	}
}

// paceOfEnforce is what stands between a namespace that complies and its enforce
// rung.
func (s *snapshot) paceOfEnforce() summary.Pace {
	_, soak := s.pace(v1alpha1.ModeEnforce)
	return summary.Pace{
		Soak: soak, Manual: s.enforceStrategy().Approval == v1alpha1.ApprovalManual,
		Waves:     s.rollout.Spec.Strategy != nil && len(s.rollout.Spec.Strategy.Waves) > 0,
		Suspended: s.suspended(), Only: s.observes(),
	}
}
