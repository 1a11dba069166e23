// SPDX-License-Identifier: Apache-2.0

package survey

import (
	"cmp"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/gate"
	"github.com/podsecurity-rollout/operator/internal/ladder"
	"github.com/podsecurity-rollout/operator/internal/nslabels"
	"github.com/podsecurity-rollout/operator/internal/standards"
	"github.com/podsecurity-rollout/operator/internal/summary"
)

// Case is a namespace under a rollout, as the gate is asked about it.
type Case struct {
	Now       time.Time
	Namespace *corev1.Namespace
	Rollout   *v1alpha1.PodSecurityRollout
	// Claim is what the operator has recorded; nil for a rollout that is not there yet, whose pace is then left aside: soak, approval and turn.
	Claim *v1alpha1.NamespaceRollout
}

// Question puts together what the gate decides a rung from, as the namespace's controller does.
func (s *Survey) Question(c Case, rung ladder.Rung) (gate.Input, error) {
	owners, err := nslabels.Owners(c.Namespace, rung)
	if err != nil {
		return gate.Input{}, err
	}
	labels := nslabels.Read(c.Namespace, s.Config.Defaults)
	evidence := s.Evidence(c.Namespace.Name, rung.To)
	in := gate.Input{
		Now: c.Now, Rung: rung,
		Suspended: ptr.Deref(c.Rollout.Spec.Suspend, false), Observe: c.Rollout.Spec.Mode == v1alpha1.RolloutModeObserve,
		Exempt: s.Exempt(c.Namespace.Name), Terminating: !c.Namespace.DeletionTimestamp.IsZero(),
		Owners: owners, TakeOver: c.Rollout.Spec.LabelConflicts == v1alpha1.LabelConflictTakeOver,
		Synced: evidence.Known, Server: s.Server, Library: standards.NewestVersion(),
		Evidence: evidence.ForGate(), Enforced: labels.Policy.Enforce, Require: requirement(c.Rollout, rung.Mode),
	}
	if len(labels.InvalidAfter(&rung)) > 0 {
		in.InvalidLabels = labels.InvalidAfter(nil)
	}
	if c.Claim == nil {
		in.Turn.Granted = true
		return in, nil
	}
	c.addPace(&in, evidence)
	return in, nil
}

// addPace adds what depends on the operator's own record.
func (c Case) addPace(in *gate.Input, evidence summary.Evidence) {
	status := c.Claim.Status
	in.Soak = Soak(c.Rollout, in.Rung.Mode)
	in.CleanSince = summary.CleanSince(status.Compliance, evidence, c.Now)
	in.LastRung = cmp.Or(nslabels.LastApplied(c.Namespace), c.Claim.CreationTimestamp.Time).Add(time.Second) // both are cut to the second
	in.ManualApproval = Manual(c.Rollout)
	if c.Claim.Generation > status.ApprovalUsedGeneration {
		in.Approved = c.Claim.Spec.ApprovedEnforce
	}
	if r := status.Rollback; c.holds(r) && string(r.Rung) == in.Rung.To.String() {
		in.RolledBack = r.Message
	}
	if r := summary.RefusalOf(status.WriteRefusal, &in.Rung); r != nil {
		in.WriteRefused, in.RetryAt = r.Message, r.RetryAt.Time
	}
	fleet := ptr.Deref(status.Fleet, v1alpha1.FleetStatus{})
	in.Turn = gate.Turn{
		Granted:    fleet.EnforceTurn == v1alpha1.EnforceTurnGranted && string(fleet.GrantedFor) == in.Rung.To.String(),
		WaitingFor: fleet.WaitingFor,
	}
}

// holds is whether a rollback still holds its rung: neither has the rollout's spec changed since, nor has the rung been approved anew.
func (c Case) holds(r *v1alpha1.Rollback) bool {
	return r != nil && r.RolloutGeneration == c.Rollout.Generation &&
		(r.ApprovalGeneration == c.Claim.Generation || c.Claim.Spec.ApprovedEnforce != string(r.Rung))
}

// Manual is whether enforce rungs of a rollout wait for a person.
func Manual(r *v1alpha1.PodSecurityRollout) bool {
	return enforceStrategy(r).Approval == v1alpha1.ApprovalManual
}

// ReportSources are those whose reports hold enforce rungs of a rollout.
func ReportSources(r *v1alpha1.PodSecurityRollout) []string {
	var sources []string
	for _, gate := range enforceStrategy(r).Reports {
		sources = append(sources, gate.Source)
	}
	return sources
}

// Soak is how long the rungs of a mode soak.
func Soak(r *v1alpha1.PodSecurityRollout, mode v1alpha1.Mode) time.Duration {
	soak := modeStrategy(r, mode).Soak
	if mode == v1alpha1.ModeEnforce {
		soak = enforceStrategy(r).Soak
	}
	return ptr.Deref(soak, metav1.Duration{}).Duration
}

// requirement is what the rungs of a mode ask of the pods. Enforce always asks for compliance.
func requirement(r *v1alpha1.PodSecurityRollout, mode v1alpha1.Mode) v1alpha1.Requirement {
	return cmp.Or(modeStrategy(r, mode).Require, v1alpha1.RequirementCompliant)
}

func enforceStrategy(r *v1alpha1.PodSecurityRollout) v1alpha1.EnforceStrategy {
	strategy := ptr.Deref(r.Spec.Strategy, v1alpha1.Strategy{})
	return ptr.Deref(strategy.Enforce, v1alpha1.EnforceStrategy{})
}

// modeStrategy is the pace of audit or warn, and none for enforce.
func modeStrategy(r *v1alpha1.PodSecurityRollout, mode v1alpha1.Mode) v1alpha1.ModeStrategy {
	strategy := ptr.Deref(r.Spec.Strategy, v1alpha1.Strategy{})
	switch mode {
	case v1alpha1.ModeAudit:
		return ptr.Deref(strategy.Audit, v1alpha1.ModeStrategy{})
	case v1alpha1.ModeWarn:
		return ptr.Deref(strategy.Warn, v1alpha1.ModeStrategy{})
	default:
		return v1alpha1.ModeStrategy{}
	}
}
