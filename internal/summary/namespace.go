// SPDX-License-Identifier: Apache-2.0

package summary

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	psaapi "k8s.io/pod-security-admission/api"
	"k8s.io/utils/ptr"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/gate"
	"github.com/podsecurity-rollout/operator/internal/ladder"
	"github.com/podsecurity-rollout/operator/internal/standards"
)

// Bounds of the lists in NamespaceRollout.status.
const (
	maxHistory    = 12
	maxCompliance = 8
	maxViolations = 32

	maxRuntimeClasses = 16

	maxViolationMessage = 512
)

// NamespaceInput is everything the status of one namespace is made from.
type NamespaceInput struct {
	Now        time.Time
	Generation int64
	Rollout    string

	// Accepted is what the rollout says of its spec; nothing below counts while
	// it is not accepted.
	Accepted Acceptance

	Target, Current psaapi.Policy
	// Next is the rung to climb, nil when none is left. Decision is the gate's
	// word on it.
	Next     *ladder.Rung
	Decision gate.Decision
	// SoakUntil is when the soak of the next rung ends, zero without one.
	SoakUntil time.Time
	// Ahead are the modes stricter or newer than the target.
	Ahead []v1alpha1.Mode
	// InvalidLabels are those that the API server cannot parse, "key=value", unless
	// the next rung replaces them all.
	InvalidLabels []string
	// OursSince is when the operator last wrote a label, zero for never.
	OursSince time.Time
	// Ours are the modes whose labels the operator owns.
	Ours []v1alpha1.Mode

	Evidence []Evidence

	// Approved is the level and version that a person has approved, empty for none.
	Approved string
	// Bake is how long an enforce rung is watched for.
	Bake time.Duration
	// Rejected are the workloads whose pods have been refused, see Rejections;
	// RejectionsSeen is the newest refusal taken in.
	Rejected       []v1alpha1.Rejection
	RejectionsSeen *metav1.Time
	// Rollback is the enforce rung that is taken back or held, nil for none.
	Rollback *v1alpha1.Rollback
	// Agreement is the operator's verdict compared with the API server's, nil when
	// the API server was not asked or could not tell: what was told before stays.
	Agreement *gate.Agreement
	// RuntimeClasses are those in use, by name; Forecast is what newer versions and
	// the next level hold.
	RuntimeClasses []v1alpha1.RuntimeClassUse
	Forecast       []v1alpha1.ForecastEntry
	// WriteRefusal is of the next rung, when its write was refused, nil otherwise.
	WriteRefusal *v1alpha1.WriteRefusal
}

// Acceptance says whether a rollout's spec is acted on, and if not why.
type Acceptance struct {
	OK              bool
	Reason, Message string
}

// Evidence is the verdict for one level and version.
type Evidence struct {
	Level psaapi.LevelVersion
	// Known is whether the evidence is complete; nothing below counts otherwise.
	Known                               bool
	Pods, Workloads, ViolatingWorkloads int
	// ExemptPods of the pods are of exempt runtime classes.
	ExemptPods int
	// Violations are those of what is there now, Departed of what has gone.
	Violations, Departed []v1alpha1.Violation
}

// Verdict is the evidence in one word.
func (e Evidence) Verdict() v1alpha1.Verdict {
	switch {
	case !e.Known:
		return v1alpha1.VerdictInconclusive
	case e.ViolatingWorkloads > 0:
		return v1alpha1.VerdictViolating
	default:
		return v1alpha1.VerdictCompliant
	}
}

// ForGate is the evidence as the gate asks for it.
func (e Evidence) ForGate() gate.Evidence {
	out := gate.Evidence{Workloads: e.ViolatingWorkloads}
	if len(e.Violations) > 0 {
		out.Worst = describe(e.Violations[0])
	}
	pods := map[v1alpha1.WorkloadReference]bool{}
	for _, v := range e.Violations {
		if v.Source != v1alpha1.SourcePod {
			continue
		}
		if len(pods) == 0 {
			out.WorstPods = describe(v)
		}
		pods[v.Workload] = true
	}
	out.Pods = len(pods)
	return out
}

// describe is a violation in one line: `Deployment web: privileged (container
// "c" must …)`.
func describe(v v1alpha1.Violation) string {
	line := fmt.Sprintf("%s %s: %s", v.Workload.Kind, v.Workload.Name, v.Message)
	if v.Example != "" && v.Example != v.Workload.Name {
		line += fmt.Sprintf(" in pod %s", v.Example)
	}
	return line
}

// Namespace answers the status of one namespace, the fleet's part left as it is
// in old.
func Namespace(old v1alpha1.NamespaceRolloutStatus, in NamespaceInput) v1alpha1.NamespaceRolloutStatus {
	out := v1alpha1.NamespaceRolloutStatus{
		ObservedGeneration: in.Generation,
		Fleet:              old.Fleet,
		Target:             policy(in.Target),
		Current:            policy(in.Current),
		Next:               rung(in.Next),
		SoakUntil:          atOrNil(in.SoakUntil),
		BakeUntil:          bakeUntil(old, in),
		History:            History(old, in),
		Compliance:         compliance(old.Compliance, in),
		Rejections:         in.Rejected,
		RejectionsSeen:     in.RejectionsSeen,
		Rollback:           in.Rollback,
		WriteRefusal:       in.WriteRefusal,
		RuntimeClasses:     in.RuntimeClasses[:min(len(in.RuntimeClasses), maxRuntimeClasses)],
		Forecast:           in.Forecast,

		ApprovalUsedGeneration: approvalUsed(old, in),
	}
	out.Violations, out.ViolationsTotal, out.ViolatingWorkloads = violations(in.Evidence)
	out.Conditions = namespaceConditions(old.Conditions, out, in)
	return out
}

// Unaccepted answers the status while the rollout's spec is not acted on: what
// was known stays, and the conditions say why nothing moves.
func Unaccepted(old v1alpha1.NamespaceRolloutStatus, in NamespaceInput) v1alpha1.NamespaceRolloutStatus {
	out := old
	out.ObservedGeneration = in.Generation
	c := newConditions(old.Conditions, in.Generation, in.Now)
	c.set(v1alpha1.ConditionReady, metav1.ConditionFalse, in.Accepted.Reason, in.Accepted.Message)
	c.set(v1alpha1.ConditionStalled, metav1.ConditionTrue, in.Accepted.Reason, in.Accepted.Message)
	c.set(v1alpha1.ConditionProgressing, metav1.ConditionFalse, in.Accepted.Reason, in.Accepted.Message)
	c.set(v1alpha1.ConditionComplete, metav1.ConditionFalse, v1alpha1.ReasonInProgress, in.Accepted.Message)
	out.Conditions = c.list
	return out
}

// Policy is a policy as the API writes it.
func policy(p psaapi.Policy) *v1alpha1.Policy {
	return &v1alpha1.Policy{
		Enforce: v1alpha1.LevelVersion(standards.Text(p.Enforce)),
		Warn:    v1alpha1.LevelVersion(standards.Text(p.Warn)),
		Audit:   v1alpha1.LevelVersion(standards.Text(p.Audit)),
	}
}

func rung(r *ladder.Rung) *v1alpha1.Rung {
	if r == nil {
		return nil
	}
	return &v1alpha1.Rung{Mode: r.Mode, To: v1alpha1.LevelVersion(r.To.String()), Rung: r.String()}
}

// modeOf answers one mode of a policy as the API writes it.
func modeOf(p *v1alpha1.Policy, mode v1alpha1.Mode) v1alpha1.LevelVersion {
	switch mode {
	case v1alpha1.ModeAudit:
		return p.Audit
	case v1alpha1.ModeWarn:
		return p.Warn
	default:
		return p.Enforce
	}
}

// compliance answers the verdicts, each since when it is what it is. While the
// evidence is not complete, what was known stays: it decides nothing, and a
// restart must not cost a soak.
func compliance(old []v1alpha1.Compliance, in NamespaceInput) []v1alpha1.Compliance {
	var out []v1alpha1.Compliance
	for _, e := range in.Evidence {
		before, known := find(old, e.Level)
		if !e.Known && known {
			out = append(out, before)
			continue
		}
		entry := v1alpha1.Compliance{
			Level: v1alpha1.Level(e.Level.Level), Version: e.Level.Version.String(), Verdict: e.Verdict(),
			Pods: int32(e.Pods), Workloads: int32(e.Workloads), ViolatingWorkloads: int32(e.ViolatingWorkloads),
			ExemptPods: int32(e.ExemptPods),
			Since:      before.Since,
		}
		switch {
		case entry.Verdict == v1alpha1.VerdictCompliant:
			entry.Since = ptr.To(notBefore(CleanSince(old, e, in.Now)))
		case !known || before.Verdict != entry.Verdict || entry.Since == nil:
			entry.Since = atOrNil(in.Now)
		}
		out = append(out, entry)
	}
	if len(out) > maxCompliance {
		out = out[:maxCompliance]
	}
	return out
}

func find(old []v1alpha1.Compliance, lv psaapi.LevelVersion) (v1alpha1.Compliance, bool) {
	i := slices.IndexFunc(old, func(c v1alpha1.Compliance) bool {
		return string(c.Level) == string(lv.Level) && c.Version == lv.Version.String()
	})
	if i < 0 {
		return v1alpha1.Compliance{}, false
	}
	return old[i], true
}

// CleanSince answers since when a level has been complied with: since the
// recorded verdict, or since the last violation that has gone, or since now
// when nothing was recorded.
func CleanSince(old []v1alpha1.Compliance, e Evidence, now time.Time) time.Time {
	since := now
	if before, ok := find(old, e.Level); ok && before.Verdict == v1alpha1.VerdictCompliant && before.Since != nil {
		since = before.Since.Time
	}
	for _, v := range e.Departed {
		if v.LastSeen != nil && v.LastSeen.After(since) {
			since = v.LastSeen.Time
		}
	}
	return since
}

// violations answers the worst of all levels' violations, how many there are,
// and how many workloads have one.
func violations(evidence []Evidence) (list []v1alpha1.Violation, total, workloads int32) {
	all := Violations(evidence)
	violating := map[v1alpha1.WorkloadReference]bool{}
	for _, v := range all {
		violating[v.Workload] = true
	}
	return all[:min(len(all), maxViolations)], int32(len(all)), int32(len(violating))
}

// Violations answers all levels' violations, worst first. Each check of a workload
// stands once, at the least strict level it violates; what both pods and their
// template show stands for the pods.
func Violations(evidence []Evidence) []v1alpha1.Violation {
	type key struct {
		workload       v1alpha1.WorkloadReference
		check, message string
	}
	var list []v1alpha1.Violation
	seen := map[key]bool{}
	for _, e := range evidence {
		level := slices.Clone(e.Violations)
		slices.SortStableFunc(level, worstFirst)
		for _, v := range level {
			k := key{v.Workload, v.Check, v.Message}
			if seen[k] {
				continue
			}
			seen[k] = true
			v.Level, v.Message = v1alpha1.Level(e.Level.Level), Clip(v.Message, maxViolationMessage)
			list = append(list, v)
		}
	}
	return list
}

// worstFirst orders the violations of one level: by workload and check, pods
// before templates.
func worstFirst(a, b v1alpha1.Violation) int {
	return cmp.Or(
		cmp.Compare(a.Workload.Kind, b.Workload.Kind), cmp.Compare(a.Workload.Name, b.Workload.Name),
		cmp.Compare(a.Check, b.Check), cmp.Compare(a.Source, b.Source), cmp.Compare(a.Message, b.Message),
	)
}

// moving are the reasons for which a held namespace can still move by itself.
var moving = map[string]bool{
	v1alpha1.ReasonClimbing:        true,
	v1alpha1.ReasonSoaking:         true,
	v1alpha1.ReasonAwaitingTurn:    true,
	v1alpha1.ReasonInconclusive:    true,
	v1alpha1.ReasonServerDisagrees: true,
	v1alpha1.ReasonBaking:          true,
	v1alpha1.ReasonTerminating:     true,
}

func namespaceConditions(old []metav1.Condition, status v1alpha1.NamespaceRolloutStatus, in NamespaceInput) []metav1.Condition {
	c := newConditions(old, in.Generation, in.Now)
	c.set(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonAccepted,
		fmt.Sprintf("PodSecurityRollout %s is acted on here", in.Rollout))
	c.set(v1alpha1.ConditionStalled, metav1.ConditionFalse, v1alpha1.ReasonNotStalled, "The rollout's spec is acted on")
	reason, message := state(status, in)
	c.set(v1alpha1.ConditionProgressing, boolStatus(moving[reason]), reason, message)
	setComplete(c, reason, message, in)
	setCompliant(c, in)
	setRejecting(c, in.Rejected)
	setAgreement(c, in.Agreement)
	return c.list
}

// state answers how far the namespace is, and what holds it.
func state(status v1alpha1.NamespaceRolloutStatus, in NamespaceInput) (reason, message string) {
	switch {
	case in.Next != nil:
		return in.Decision.Reason, in.Decision.Message
	case len(in.InvalidLabels) > 0:
		return v1alpha1.ReasonInvalidLabels, fmt.Sprintf(
			"The namespace has labels that Pod Security cannot parse: %s. Correct or remove them", strings.Join(in.InvalidLabels, ", "))
	case len(in.Rejected) > 0:
		return v1alpha1.ReasonRejecting, RejectingMessage(in.Rejected)
	case status.BakeUntil != nil:
		return v1alpha1.ReasonBaking, fmt.Sprintf("The target is reached; refused pods are watched for until %s",
			status.BakeUntil.UTC().Format(time.RFC3339))
	case len(in.Ahead) > 0:
		return v1alpha1.ReasonAheadOfTarget, fmt.Sprintf(
			"The target is reached; stricter or newer than it, and left so: %s", currentOf(in.Current, in.Ahead))
	default:
		return v1alpha1.ReasonComplete, "The target is reached"
	}
}

func setComplete(c *conditions, reason, message string, in NamespaceInput) {
	switch {
	case in.Next != nil:
		c.set(v1alpha1.ConditionComplete, metav1.ConditionFalse, v1alpha1.ReasonInProgress, "Next is "+in.Next.String())
	case reason == v1alpha1.ReasonComplete || reason == v1alpha1.ReasonAheadOfTarget:
		c.set(v1alpha1.ConditionComplete, metav1.ConditionTrue, reason, message)
	default:
		c.set(v1alpha1.ConditionComplete, metav1.ConditionFalse, reason, message)
	}
}

func setRejecting(c *conditions, rejected []v1alpha1.Rejection) {
	if len(rejected) == 0 {
		c.set(v1alpha1.ConditionRejecting, metav1.ConditionFalse, v1alpha1.ReasonNoRejections, "No pod is refused")
		return
	}
	c.set(v1alpha1.ConditionRejecting, metav1.ConditionTrue, v1alpha1.ReasonPodsRejected, RejectingMessage(rejected))
}

// setAgreement speaks of the last comparison there was.
func setAgreement(c *conditions, a *gate.Agreement) {
	switch known := meta.FindStatusCondition(c.list, v1alpha1.ConditionEvaluatorDisagrees); {
	case a != nil:
		c.set(v1alpha1.ConditionEvaluatorDisagrees, boolStatus(a.Disagrees), a.Reason, a.Message)
	case known != nil:
		c.set(v1alpha1.ConditionEvaluatorDisagrees, known.Status, known.Reason, known.Message)
	default:
		c.set(v1alpha1.ConditionEvaluatorDisagrees, metav1.ConditionUnknown, v1alpha1.ReasonNotCompared, "The API server was not asked yet")
	}
}

func currentOf(p psaapi.Policy, modes []v1alpha1.Mode) string {
	var parts []string
	for _, m := range modes {
		lv := ladder.Of(p, m)
		parts = append(parts, fmt.Sprintf("%s=%s", m, lv.String()))
	}
	return strings.Join(parts, ", ")
}

// setCompliant speaks of the next rung's level, or of the first level of the
// target that something violates once it is reached.
func setCompliant(c *conditions, in NamespaceInput) {
	e, ok := relevant(in)
	switch {
	case !ok:
		c.set(v1alpha1.ConditionCompliant, metav1.ConditionTrue, v1alpha1.ReasonCompliant, "Everything complies with privileged")
	case !e.Known:
		c.set(v1alpha1.ConditionCompliant, metav1.ConditionUnknown, v1alpha1.ReasonInconclusive,
			"The evidence is not complete: not every watch of pods and workloads has synced")
	case e.ViolatingWorkloads > 0:
		c.set(v1alpha1.ConditionCompliant, metav1.ConditionFalse, v1alpha1.ReasonViolations,
			fmt.Sprintf("%d of %d workloads %s %s: %s", e.ViolatingWorkloads, e.Workloads,
				plural(e.ViolatingWorkloads, "violates", "violate"), e.Level.String(), e.ForGate().Message()))
	default:
		c.set(v1alpha1.ConditionCompliant, metav1.ConditionTrue, v1alpha1.ReasonCompliant,
			fmt.Sprintf("All %d pods of %d workloads comply with %s", e.Pods, e.Workloads, e.Level.String()))
	}
}

func relevant(in NamespaceInput) (Evidence, bool) {
	for _, e := range in.Evidence {
		if in.Next != nil && e.Level == in.Next.To || in.Next == nil && e.Verdict() != v1alpha1.VerdictCompliant {
			return e, true
		}
	}
	if len(in.Evidence) == 0 {
		return Evidence{}, false
	}
	return in.Evidence[0], true
}

// State answers the reason of the Progressing condition: what kubectl shows.
func State(s v1alpha1.NamespaceRolloutStatus) (reason, message string) {
	if c := meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionProgressing); c != nil {
		return c.Reason, c.Message
	}
	return "", ""
}
