// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	psaapi "k8s.io/pod-security-admission/api"
	"k8s.io/utils/ptr"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/fleet"
	"github.com/podsecurity-rollout/operator/internal/gate"
	"github.com/podsecurity-rollout/operator/internal/inventory"
	"github.com/podsecurity-rollout/operator/internal/nslabels"
	"github.com/podsecurity-rollout/operator/internal/standards"
	"github.com/podsecurity-rollout/operator/internal/summary"
)

// question puts together what the gate decides from.
func (r *NamespaceRolloutReconciler) question(s *snapshot, in summary.NamespaceInput) (gate.Input, error) {
	owners, err := nslabels.Owners(s.namespace, *in.Next)
	if err != nil {
		return gate.Input{}, err
	}
	var evidence summary.Evidence
	for _, e := range in.Evidence {
		if e.Level == in.Next.To {
			evidence = e
		}
	}
	spec := s.rollout.Spec
	return gate.Input{
		Now: in.Now, Rung: *in.Next,
		Suspended:     ptr.Deref(spec.Suspend, false),
		Observe:       spec.Mode == v1alpha1.RolloutModeObserve,
		Exempt:        r.Config().ExemptNamespaces.Has(s.namespace.Name),
		Terminating:   !s.namespace.DeletionTimestamp.IsZero(),
		Owners:        owners,
		TakeOver:      spec.LabelConflicts == v1alpha1.LabelConflictTakeOver,
		InvalidLabels: in.InvalidLabels,
		Synced:        evidence.Known,
		Server:        r.Server.Version(),
		Library:       standards.NewestVersion(),
		Evidence:      evidence.ForGate(),
		Require:       r.requires(s, in.Next.Mode),
		CleanSince:    summary.CleanSince(s.claim.Status.Compliance, evidence, in.Now),
		LastRung:      in.OursSince,
		Turn:          gate.Turn{Granted: true},
	}, nil
}

// strategyOf answers what a mode's rungs require and how long they soak. Enforce
// always requires compliance.
func strategyOf(s *v1alpha1.Strategy, mode v1alpha1.Mode) (v1alpha1.Requirement, time.Duration) {
	if s == nil {
		return v1alpha1.RequirementCompliant, 0
	}
	pace := s.Warn
	switch mode {
	case v1alpha1.ModeEnforce:
		if s.Enforce == nil {
			return v1alpha1.RequirementCompliant, 0
		}
		return v1alpha1.RequirementCompliant, duration(s.Enforce.Soak)
	case v1alpha1.ModeAudit:
		pace = s.Audit
	}
	if pace == nil {
		return v1alpha1.RequirementCompliant, 0
	}
	return pace.Require, duration(pace.Soak)
}

func (r *NamespaceRolloutReconciler) requires(s *snapshot, mode v1alpha1.Mode) v1alpha1.Requirement {
	require, _ := strategyOf(s.rollout.Spec.Strategy, mode)
	return require
}

func duration(d *metav1.Duration) time.Duration {
	if d == nil {
		return 0
	}
	return d.Duration
}

// evidence asks the inventory about one level.
func (r *NamespaceRolloutReconciler) evidence(namespace string, level psaapi.LevelVersion, server psaapi.Version) summary.Evidence {
	verdict, known := r.Inventory.Verdict(namespace, inventory.Query{
		Level:                standards.Effective(level, server),
		ExemptRuntimeClasses: r.Config().ExemptRuntimeClasses,
	})
	return summary.Evidence{
		Level: level, Known: known,
		Pods: verdict.Pods, Workloads: verdict.Workloads, ViolatingWorkloads: verdict.ViolatingWorkloads,
		Violations: violations(verdict.Violations), Departed: violations(verdict.Departed),
	}
}

func violations(from []inventory.Violation) []v1alpha1.Violation {
	var out []v1alpha1.Violation
	for _, v := range from {
		entry := v1alpha1.Violation{
			Workload: v1alpha1.WorkloadReference{APIVersion: v.Workload.APIVersion, Kind: v.Workload.Kind, Name: v.Workload.Name},
			Level:    v1alpha1.Level(v.Level), Check: v.Check, Message: v.Message,
			Source: v1alpha1.Source(v.Source), Pods: int32(v.Pods), Example: v.Example,
		}
		if !v.LastSeen.IsZero() {
			seen := metav1.NewTime(v.LastSeen)
			entry.LastSeen = &seen
		}
		out = append(out, entry)
	}
	return out
}

func fleetNamespace(ns *corev1.Namespace) fleet.Namespace {
	return fleet.Namespace{Name: ns.Name, Labels: ns.Labels}
}
