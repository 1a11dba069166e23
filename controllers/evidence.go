// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	psaapi "k8s.io/pod-security-admission/api"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/inventory"
	"github.com/podsecurity-rollout/operator/internal/metrics"
	"github.com/podsecurity-rollout/operator/internal/standards"
	"github.com/podsecurity-rollout/operator/internal/summary"
)

// maxOwner bounds NamespaceRollout.status.violations[].owner, in bytes.
const maxOwner = 253

// evidence asks the inventory about one level.
func (r *NamespaceRolloutReconciler) evidence(s *snapshot, level psaapi.LevelVersion) summary.Evidence {
	exempt, known := r.exemptClasses()
	if !known {
		return summary.Evidence{Level: level}
	}
	began := r.Clock.Now()
	verdict, known := r.Inventory.Verdict(s.namespace.Name, inventory.Query{
		Level:                standards.Effective(level, r.Server.Version()),
		ExemptRuntimeClasses: exempt,
	})
	metrics.Evaluated(r.Clock.Since(began))
	return summary.Evidence{
		Level: level, Known: known,
		Pods: verdict.Pods, Workloads: verdict.Workloads, ViolatingWorkloads: verdict.ViolatingWorkloads,
		ExemptPods: verdict.ExemptPods,
		Violations: r.violations(s, verdict.Violations), Departed: r.violations(s, verdict.Departed),
	}
}

func (r *NamespaceRolloutReconciler) violations(s *snapshot, from []inventory.Violation) []v1alpha1.Violation {
	var out []v1alpha1.Violation
	for _, v := range from {
		entry := v1alpha1.Violation{
			Workload: reference(v.Workload), Level: v1alpha1.Level(v.Level), Check: v.Check, Message: v.Message,
			Source: v1alpha1.Source(v.Source), Pods: int32(v.Pods), Example: v.Example,
			Owner: summary.Clip(r.owner(s, v.Workload), maxOwner), Apart: apart(v),
		}
		if !v.LastSeen.IsZero() {
			seen := metav1.NewTime(v.LastSeen)
			entry.LastSeen = &seen
		}
		out = append(out, entry)
	}
	return out
}

// refusals answers the pods refused in a namespace by a level and version, by the
// workload that they count for. What another level refused, before it was taken
// back say, is over.
func (r *NamespaceRolloutReconciler) refusals(namespace, level string) []v1alpha1.Rejection {
	var out []v1alpha1.Rejection
	for _, refused := range r.Refusals.Rejections(namespace) {
		if refused.Level != level {
			continue
		}
		workload := r.Inventory.Topmost(namespace, inventory.Workload{APIVersion: refused.APIVersion, Kind: refused.Kind, Name: refused.Name})
		out = append(out, v1alpha1.Rejection{Workload: reference(workload), Message: refused.Message, Time: metav1.NewTime(refused.Time)})
	}
	return out
}

// present is whether anything of a workload is there.
func (r *NamespaceRolloutReconciler) present(namespace string, w v1alpha1.WorkloadReference) bool {
	_, present := r.Inventory.Pods(namespace, inventory.Workload{APIVersion: w.APIVersion, Kind: w.Kind, Name: w.Name})
	return present
}

// reference names a workload as the API can hold it: the API server does not
// bound what an owner reference or an Event says.
func reference(w inventory.Workload) v1alpha1.WorkloadReference {
	const maxAPIVersion, maxKind, maxName = 317, 63, 253
	return v1alpha1.WorkloadReference{
		APIVersion: summary.Clip(w.APIVersion, maxAPIVersion), Kind: summary.Clip(w.Kind, maxKind), Name: summary.Clip(w.Name, maxName),
	}
}
