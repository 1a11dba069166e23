// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	psaapi "k8s.io/pod-security-admission/api"
	"k8s.io/utils/ptr"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/gate"
	"github.com/podsecurity-rollout/operator/internal/ladder"
	"github.com/podsecurity-rollout/operator/internal/nslabels"
	"github.com/podsecurity-rollout/operator/internal/psaconfig"
	"github.com/podsecurity-rollout/operator/internal/reportgate"
	"github.com/podsecurity-rollout/operator/internal/standards"
	"github.com/podsecurity-rollout/operator/internal/summary"
)

// snapshot is what one look at a namespace is made from. Its methods are pure:
// all that they decide from is in it.
type snapshot struct {
	now time.Time
	// changed is the change that led to this look, the zero time when none is known
	// or its verdict is recorded.
	changed   time.Time
	server    psaapi.Version
	config    psaconfig.Config
	claim     *v1alpha1.NamespaceRollout
	namespace *corev1.Namespace
	rollout   *v1alpha1.PodSecurityRollout
	target    v1alpha1.Target
	accepted  summary.Acceptance
	// evidence answers the verdict for a level.
	evidence func(psaapi.LevelVersion) summary.Evidence
	// refused answers the refusals seen by a level and version, the newest first;
	// present is whether anything of a workload is there.
	refused func(level string) []v1alpha1.Rejection
	present func(v1alpha1.WorkloadReference) bool
	// reports answers what fails in the namespace's reports, and why there may be more.
	reports func() (failing []reportgate.Report, unread string)
}

// look answers what the namespace's status is made from, but for the gate's
// decision.
func (s *snapshot) look() (summary.NamespaceInput, error) {
	in := summary.NamespaceInput{
		Now: s.now, Generation: s.claim.Generation,
		Rollout: s.rollout.Name, Accepted: s.accepted,
	}
	if !s.accepted.OK {
		return in, nil
	}
	target, err := ladder.TargetPolicy(s.target, s.server)
	if err != nil {
		return in, err
	}
	labels := nslabels.Read(s.namespace, s.config.Defaults)
	in.Target, in.Current = target, labels.Policy
	if next, ok := ladder.Next(in.Current, target, s.server); ok {
		in.Next = &next
	}
	in.Ahead = ladder.Ahead(in.Current, target, s.server)
	if len(labels.InvalidAfter(in.Next)) > 0 {
		in.InvalidLabels = labels.InvalidAfter(nil) // all of them: whoever mends one may mend the others
	}
	in.OursSince = nslabels.LastApplied(s.namespace)
	if in.Ours, err = nslabels.Ours(s.namespace); err != nil {
		return in, err
	}
	for _, level := range ladder.Levels(in.Current, target, s.server) {
		in.Evidence = append(in.Evidence, s.evidence(level))
	}
	in.Approved = s.claim.Spec.ApprovedEnforce
	in.Bake = duration(s.enforceStrategy().Bake)
	s.lookBack(&in)
	return in, nil
}

// lookBack adds what has come of the last enforce rung: who has been refused,
// and the rollback that is held.
func (s *snapshot) lookBack(in *summary.NamespaceInput) {
	old := s.claim.Status
	enforced := s.evidence(in.Current.Enforce)
	violating := map[v1alpha1.WorkloadReference]bool{} // by their templates
	for _, v := range enforced.Violations {
		if v.Source == v1alpha1.SourceTemplate {
			violating[v.Workload] = true
		}
	}
	in.Rejected, in.RejectionsSeen = summary.Rejections(old, summary.Refusals{
		Now: in.Now, Known: enforced.Known, Since: lastEnforceMove(summary.History(old, *in)), Seen: s.refused(in.Current.Enforce.String()),
		Present:   s.present,
		Violating: func(w v1alpha1.WorkloadReference) bool { return violating[w] },
	})
	if s.heldRollback(old.Rollback) {
		in.Rollback = old.Rollback
	}
	in.WriteRefusal = summary.RefusalOf(old.WriteRefusal, in.Next)
}

// heldRollback is whether a rollback still holds its rung: neither has the
// rollout's spec changed since, nor has the rung been approved anew.
func (s *snapshot) heldRollback(rollback *v1alpha1.Rollback) bool {
	return rollback != nil && rollback.RolloutGeneration == s.rollout.Generation &&
		(rollback.ApprovalGeneration == s.claim.Generation || s.claim.Spec.ApprovedEnforce != string(rollback.Rung))
}

// lastEnforceMove answers when enforce last moved, up or back.
func lastEnforceMove(history []v1alpha1.HistoryEntry) time.Time {
	for _, h := range history {
		if h.Mode == v1alpha1.ModeEnforce {
			return h.Time.Time
		}
	}
	return time.Time{}
}

// question puts together what the gate decides from.
func (s *snapshot) question(in summary.NamespaceInput) (gate.Input, error) {
	owners, err := nslabels.Owners(s.namespace, *in.Next)
	if err != nil {
		return gate.Input{}, err
	}
	evidence := s.evidence(in.Next.To)
	require, soak := s.pace(in.Next.Mode)
	out := gate.Input{
		Now: in.Now, Rung: *in.Next,
		Suspended:      s.suspended(),
		Observe:        s.observes(),
		Exempt:         s.config.ExemptNamespaces.Has(s.namespace.Name),
		Terminating:    !s.namespace.DeletionTimestamp.IsZero(),
		Owners:         owners,
		TakeOver:       s.rollout.Spec.LabelConflicts == v1alpha1.LabelConflictTakeOver,
		LastClimbed:    summary.LastClimbed(summary.History(s.claim.Status, in), *in.Next),
		InvalidLabels:  in.InvalidLabels,
		Synced:         evidence.Known,
		Server:         s.server,
		Library:        standards.NewestVersion(),
		Evidence:       evidence.ForGate(),
		Enforced:       in.Current.Enforce,
		Require:        require,
		Soak:           soak,
		CleanSince:     summary.CleanSince(s.claim.Status.Compliance, evidence, in.Now),
		LastRung:       cmp.Or(in.OursSince, s.claim.CreationTimestamp.Time).Add(time.Second), // both are cut to the second
		ManualApproval: s.enforceStrategy().Approval == v1alpha1.ApprovalManual,
		Turn:           s.turn(*in.Next),
	}
	if s.claim.Generation > s.claim.Status.ApprovalUsedGeneration {
		out.Approved = s.claim.Spec.ApprovedEnforce
	}
	out.FailingReports, out.UnreadReports = s.gatingReports(in.Next.Mode)
	if in.Rollback != nil && string(in.Rollback.Rung) == in.Next.To.String() {
		out.RolledBack = in.Rollback.Message
	}
	if r := in.WriteRefusal; r != nil {
		out.WriteRefused, out.RetryAt = r.Message, r.RetryAt.Time
	}
	return out, nil
}

// gatingReports answers what the reports that the strategy names hold against a rung
// of a mode, and why that cannot be told.
func (s *snapshot) gatingReports(mode v1alpha1.Mode) (failing []string, unread string) {
	gates := s.enforceStrategy().Reports
	if mode != v1alpha1.ModeEnforce || len(gates) == 0 {
		return nil, ""
	}
	reports, unread := s.reports()
	return reportgate.Failing(gates, reports), unread
}

// turn answers the fleet's word on the rung: a turn for another rung is none.
func (s *snapshot) turn(rung ladder.Rung) gate.Turn {
	f := ptr.Deref(s.claim.Status.Fleet, v1alpha1.FleetStatus{})
	return gate.Turn{
		Granted:    f.EnforceTurn == v1alpha1.EnforceTurnGranted && string(f.GrantedFor) == rung.To.String(),
		WaitingFor: f.WaitingFor,
	}
}

// rollback answers the step that takes the last enforce rung back, and the
// record of it, nil when there is nothing to take back.
func (s *snapshot) rollback(in summary.NamespaceInput) (*ladder.Rung, *v1alpha1.Rollback, error) {
	history := summary.History(s.claim.Status, in)
	last := summary.LastEnforce(history)
	if last == nil {
		return nil, nil, nil
	}
	from, err := standards.ParseLevelVersion(string(last.From))
	if err != nil {
		return nil, nil, err
	}
	to, err := standards.ParseLevelVersion(string(last.To))
	if err != nil {
		return nil, nil, err
	}
	climbed := ladder.Rung{Mode: v1alpha1.ModeEnforce, From: from, To: to}
	owners, err := nslabels.Owners(s.namespace, ladder.Rung{Mode: v1alpha1.ModeEnforce, From: to, To: from})
	if err != nil {
		return nil, nil, err
	}
	decided := in.Rollback != nil && in.Rollback.Rung == last.To && !in.Rollback.Time.Before(&last.Time)
	step, ok := gate.Rollback(gate.RollbackInput{
		Asked:     s.enforceStrategy().OnRejection == v1alpha1.RejectionRollback,
		Active:    !s.suspended() && !s.observes() && s.namespace.DeletionTimestamp.IsZero(),
		Baking:    summary.BakeUntil(history, in.Bake, in.Now) != nil,
		Rejecting: len(in.Rejected) > 0, Decided: decided,
		Last: &climbed, InForce: in.Current.Enforce,
		Ours: slices.Contains(in.Ours, v1alpha1.ModeEnforce), Owners: owners,
	})
	switch {
	case !ok:
		return nil, nil, nil
	case decided:
		return &step, in.Rollback, nil
	}
	return &step, &v1alpha1.Rollback{
		Rung: last.To, To: v1alpha1.LevelVersion(step.To.String()), Time: metav1.NewTime(in.Now.UTC().Truncate(time.Second)),
		Message:           summary.RejectingMessage(in.Rejected),
		RolloutGeneration: s.rollout.Generation, ApprovalGeneration: s.claim.Generation,
	}, nil
}

func (s *snapshot) suspended() bool { return ptr.Deref(s.rollout.Spec.Suspend, false) }

func (s *snapshot) observes() bool { return s.rollout.Spec.Mode == v1alpha1.RolloutModeObserve }

func (s *snapshot) enforceStrategy() v1alpha1.EnforceStrategy {
	strategy := ptr.Deref(s.rollout.Spec.Strategy, v1alpha1.Strategy{})
	return ptr.Deref(strategy.Enforce, v1alpha1.EnforceStrategy{})
}

// pace answers what a mode's rungs require and how long they soak. Enforce
// always requires compliance.
func (s *snapshot) pace(mode v1alpha1.Mode) (v1alpha1.Requirement, time.Duration) {
	strategy := ptr.Deref(s.rollout.Spec.Strategy, v1alpha1.Strategy{})
	var pace v1alpha1.ModeStrategy
	switch mode {
	case v1alpha1.ModeEnforce:
		return v1alpha1.RequirementCompliant, duration(s.enforceStrategy().Soak)
	case v1alpha1.ModeAudit:
		pace = ptr.Deref(strategy.Audit, pace)
	case v1alpha1.ModeWarn:
		pace = ptr.Deref(strategy.Warn, pace)
	}
	return cmp.Or(pace.Require, v1alpha1.RequirementCompliant), duration(pace.Soak)
}

func duration(d *metav1.Duration) time.Duration {
	return ptr.Deref(d, metav1.Duration{}).Duration
}
