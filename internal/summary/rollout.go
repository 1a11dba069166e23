// SPDX-License-Identifier: Apache-2.0

package summary

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	psaapi "k8s.io/pod-security-admission/api"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/isolation"
)

// Bounds of the lists in PodSecurityRollout.status.
const (
	maxBlocked       = 20
	maxTopViolations = 10
)

// RolloutInput is everything the status of a rollout is made from.
type RolloutInput struct {
	Now        time.Time
	Generation int64
	Server     psaapi.Version
	Accepted   Acceptance

	Suspended, Observe bool

	// Namespaces are the namespaces that belong to the rollout, by name; a status
	// that nothing was written to yet counts as progressing. Conflicts are those
	// that belong to an older rollout, with its name.
	Namespaces map[string]v1alpha1.NamespaceRolloutStatus
	Conflicts  map[string]string

	Waves []v1alpha1.WaveStatus
	// Exemptions are the API server's of runtime classes.
	Exemptions []isolation.Exemption
	// ConfigurationProblem is why the API server's configuration cannot be read,
	// empty when it can.
	ConfigurationProblem string
	// Deadline is how long the rollout may go without progress, 0 for ever.
	Deadline time.Duration
}

// bucket is one of the states in which a namespace is counted.
type bucket int

const (
	bucketProgressing bucket = iota
	bucketComplete
	bucketBlocked
	bucketInconclusive
	bucketExempt
)

// Rollout answers the status of a rollout.
func Rollout(old v1alpha1.PodSecurityRolloutStatus, in RolloutInput) v1alpha1.PodSecurityRolloutStatus {
	counts := count(in)
	progress := lastProgress(old, in, counts)
	return v1alpha1.PodSecurityRolloutStatus{
		ObservedGeneration: in.Generation,
		ClusterVersion:     in.Server.String(),
		Namespaces:         &counts,
		LastProgressTime:   atOrNil(progress),
		Waves:              in.Waves,
		Blocked:            blocked(in.Namespaces),
		TopViolations:      topViolations(in.Namespaces),
		Conditions:         rolloutConditions(old.Conditions, in, counts, progress),
	}
}

// lastProgress answers when a namespace last climbed or completed; a rung taken
// back is no progress. A spec that was just edited begins anew.
func lastProgress(old v1alpha1.PodSecurityRolloutStatus, in RolloutInput, n v1alpha1.NamespaceCounts) time.Time {
	if old.LastProgressTime == nil || old.ObservedGeneration != in.Generation ||
		old.Namespaces != nil && n.Complete > old.Namespaces.Complete {
		return in.Now
	}
	last := old.LastProgressTime.Time
	for _, s := range in.Namespaces {
		i := slices.IndexFunc(s.History, func(h v1alpha1.HistoryEntry) bool { return h.Reason == "" })
		if i >= 0 && s.History[i].Time.After(last) {
			last = s.History[i].Time.Time
		}
	}
	return last
}

// overdue is whether the rollout has made no progress for longer than its
// deadline, while it could.
func overdue(in RolloutInput, n v1alpha1.NamespaceCounts, progress time.Time) bool {
	return in.Deadline > 0 && in.Accepted.OK && !in.Suspended && !in.Observe && !reached(n) &&
		!in.Now.Before(progress.Add(in.Deadline))
}

// LookAgain answers when to look at the rollout again if nothing happens: when a
// budget begins or ceases to apply, or the deadline passes. 0 is never.
func LookAgain(status v1alpha1.PodSecurityRolloutStatus, in RolloutInput, budgetsChange time.Time) time.Duration {
	var after time.Duration
	for _, t := range []time.Time{budgetsChange, deadline(status, in)} {
		if d := t.Sub(in.Now); !t.IsZero() && d > 0 && (after == 0 || d < after) {
			after = d
		}
	}
	return after
}

func deadline(status v1alpha1.PodSecurityRolloutStatus, in RolloutInput) time.Time {
	if in.Deadline == 0 || status.LastProgressTime == nil {
		return time.Time{}
	}
	return status.LastProgressTime.Add(in.Deadline)
}

// bucketOf counts a namespace in exactly one state. What is suspended or only
// observed counts as it would stand.
func bucketOf(s v1alpha1.NamespaceRolloutStatus) bucket {
	if meta.IsStatusConditionTrue(s.Conditions, v1alpha1.ConditionComplete) {
		return bucketComplete
	}
	switch reason, _ := State(s); reason {
	case v1alpha1.ReasonExempt:
		return bucketExempt
	case v1alpha1.ReasonInconclusive, v1alpha1.ReasonServerDisagrees:
		return bucketInconclusive
	case v1alpha1.ReasonSuspended, v1alpha1.ReasonObserving:
		return bucketOfCompliance(s)
	case "":
		return bucketProgressing
	default:
		if moving[reason] {
			return bucketProgressing
		}
		return bucketBlocked
	}
}

// groups are the buckets by the names that NamespaceCounts gives them.
var groups = map[bucket]string{
	bucketProgressing:  "progressing",
	bucketComplete:     "complete",
	bucketBlocked:      "blocked",
	bucketInconclusive: "inconclusive",
	bucketExempt:       "exempt",
}

// Group answers which of NamespaceCounts a namespace is counted in.
func Group(s v1alpha1.NamespaceRolloutStatus) string { return groups[bucketOf(s)] }

// Blocked is whether a namespace waits for a person.
func Blocked(s v1alpha1.NamespaceRolloutStatus) bool { return bucketOf(s) == bucketBlocked }

func bucketOfCompliance(s v1alpha1.NamespaceRolloutStatus) bucket {
	c := meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionCompliant)
	switch {
	case c == nil || c.Status == metav1.ConditionUnknown:
		return bucketInconclusive
	case c.Status == metav1.ConditionFalse:
		return bucketBlocked
	default:
		return bucketProgressing
	}
}

func count(in RolloutInput) v1alpha1.NamespaceCounts {
	by := map[bucket]int32{}
	for _, s := range in.Namespaces {
		by[bucketOf(s)]++
	}
	return v1alpha1.NamespaceCounts{
		Selected:     int32(len(in.Namespaces) + len(in.Conflicts)),
		Complete:     by[bucketComplete],
		Progressing:  by[bucketProgressing],
		Blocked:      by[bucketBlocked],
		Inconclusive: by[bucketInconclusive],
		Exempt:       by[bucketExempt],
		Conflicted:   int32(len(in.Conflicts)),
	}
}

func blocked(namespaces map[string]v1alpha1.NamespaceRolloutStatus) []v1alpha1.BlockedNamespace {
	var out []v1alpha1.BlockedNamespace
	for _, name := range slices.Sorted(maps.Keys(namespaces)) {
		s := namespaces[name]
		if bucketOf(s) != bucketBlocked || len(out) == maxBlocked {
			continue
		}
		reason, message := State(s)
		entry := v1alpha1.BlockedNamespace{Namespace: name, Reason: reason, Message: Clip(message, maxMessage)}
		if s.Next != nil {
			entry.Next = s.Next.Rung
		}
		out = append(out, entry)
	}
	return out
}

func topViolations(namespaces map[string]v1alpha1.NamespaceRolloutStatus) []v1alpha1.TopViolation {
	byCheck := map[string]*v1alpha1.TopViolation{}
	for _, s := range namespaces {
		workloads := map[string]map[v1alpha1.WorkloadReference]bool{}
		for _, v := range s.Violations {
			if workloads[v.Check] == nil {
				workloads[v.Check] = map[v1alpha1.WorkloadReference]bool{}
			}
			workloads[v.Check][v.Workload] = true
		}
		for check, who := range workloads {
			if byCheck[check] == nil {
				byCheck[check] = &v1alpha1.TopViolation{Check: check}
			}
			byCheck[check].Workloads += int32(len(who))
			byCheck[check].Namespaces++
		}
	}
	var out []v1alpha1.TopViolation
	for _, v := range byCheck {
		out = append(out, *v)
	}
	slices.SortFunc(out, func(a, b v1alpha1.TopViolation) int {
		return cmp.Or(-cmp.Compare(a.Workloads, b.Workloads), -cmp.Compare(a.Namespaces, b.Namespaces), cmp.Compare(a.Check, b.Check))
	})
	return out[:min(len(out), maxTopViolations)]
}

func rolloutConditions(old []metav1.Condition, in RolloutInput, n v1alpha1.NamespaceCounts, progress time.Time) []metav1.Condition {
	c := newConditions(old, in.Generation, in.Now)
	setReady(c, in.Accepted)
	setStalled(c, in, overdue(in, n, progress), progress)
	reason, moves := rolloutState(in, n)
	message := rolloutMessage(in, n)
	if !in.Accepted.OK {
		message = in.Accepted.Message
	}
	c.set(v1alpha1.ConditionProgressing, boolStatus(moves), reason, message)
	setRolloutComplete(c, in, n, message)
	setBlocked(c, in, n)
	setUnsafeExemption(c, in)
	setConfiguration(c, in.ConfigurationProblem)
	return c.list
}

func setReady(c *conditions, a Acceptance) {
	if a.OK {
		c.set(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonAccepted, "The spec is accepted and acted on")
		return
	}
	c.set(v1alpha1.ConditionReady, metav1.ConditionFalse, a.Reason, a.Message)
}

func setStalled(c *conditions, in RolloutInput, overdue bool, progress time.Time) {
	switch {
	case !in.Accepted.OK:
		c.set(v1alpha1.ConditionStalled, metav1.ConditionTrue, in.Accepted.Reason, in.Accepted.Message)
	case overdue:
		c.set(v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonProgressDeadlineExceeded, fmt.Sprintf(
			"No namespace has climbed or completed since %s, which is longer than strategy.progressDeadline (%s)",
			progress.UTC().Format(time.RFC3339), in.Deadline))
	default:
		c.set(v1alpha1.ConditionStalled, metav1.ConditionFalse, v1alpha1.ReasonNotStalled, "The spec is acted on")
	}
}

// reached is whether every namespace that the rollout can bring to its target
// is there. Exempt namespaces and those of an older rollout are not its to bring.
func reached(n v1alpha1.NamespaceCounts) bool {
	return n.Complete == n.Selected-n.Exempt-n.Conflicted
}

// rolloutState answers the state to show, and whether something can still move
// by itself.
func rolloutState(in RolloutInput, n v1alpha1.NamespaceCounts) (reason string, moves bool) {
	switch {
	case !in.Accepted.OK:
		return in.Accepted.Reason, false
	case n.Selected == 0:
		return v1alpha1.ReasonNoNamespaces, false
	case n.Conflicted == n.Selected:
		return v1alpha1.ReasonConflicted, false
	case reached(n):
		return v1alpha1.ReasonComplete, false
	case in.Suspended:
		return v1alpha1.ReasonSuspended, false
	case in.Observe:
		return v1alpha1.ReasonObserving, false
	case n.Progressing > 0:
		return mostCommonState(in.Namespaces, bucketProgressing), true
	case n.Inconclusive > 0:
		return v1alpha1.ReasonInconclusive, true
	default:
		return v1alpha1.ReasonBlocked, false
	}
}

// mostCommonState answers what most namespaces of a bucket are at; Climbing
// goes before all, as it is over soonest.
func mostCommonState(namespaces map[string]v1alpha1.NamespaceRolloutStatus, b bucket) string {
	by := map[string]int{}
	for _, s := range namespaces {
		if bucketOf(s) != b {
			continue
		}
		reason, _ := State(s)
		by[cmp.Or(reason, v1alpha1.ReasonClimbing)]++
	}
	if by[v1alpha1.ReasonClimbing] > 0 {
		return v1alpha1.ReasonClimbing
	}
	return slices.MaxFunc(slices.Sorted(maps.Keys(by)), func(a, b string) int { return cmp.Compare(by[a], by[b]) })
}

func rolloutMessage(in RolloutInput, n v1alpha1.NamespaceCounts) string {
	if n.Selected == 0 {
		return "No namespace is selected by a target, or all that are selected are excluded"
	}
	parts := []string{fmt.Sprintf("%d of %d namespaces complete", n.Complete, n.Selected)}
	for _, p := range []struct {
		n    int32
		what string
	}{
		{n.Progressing, "progressing"},
		{n.Blocked, "blocked"},
		{n.Inconclusive, "inconclusive"},
		{n.Exempt, "exempt"},
	} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	if n.Conflicted > 0 {
		owners := slices.Compact(slices.Sorted(maps.Values(in.Conflicts)))
		parts = append(parts, fmt.Sprintf("%d owned by older rollouts (%s)", n.Conflicted, strings.Join(owners, ", ")))
	}
	return strings.Join(parts, ", ")
}

func setRolloutComplete(c *conditions, in RolloutInput, n v1alpha1.NamespaceCounts, message string) {
	switch {
	case !in.Accepted.OK || !reached(n):
		c.set(v1alpha1.ConditionComplete, metav1.ConditionFalse, v1alpha1.ReasonInProgress, message)
	case n.Selected == 0:
		c.set(v1alpha1.ConditionComplete, metav1.ConditionTrue, v1alpha1.ReasonNoNamespaces, message)
	default:
		c.set(v1alpha1.ConditionComplete, metav1.ConditionTrue, v1alpha1.ReasonComplete, message)
	}
}

func setBlocked(c *conditions, in RolloutInput, n v1alpha1.NamespaceCounts) {
	if n.Blocked == 0 {
		c.set(v1alpha1.ConditionBlocked, metav1.ConditionFalse, v1alpha1.ReasonNotBlocked, "No namespace waits for a person")
		return
	}
	var names []string
	for _, b := range blocked(in.Namespaces) {
		names = append(names, fmt.Sprintf("%s (%s)", b.Namespace, b.Reason))
	}
	c.set(v1alpha1.ConditionBlocked, metav1.ConditionTrue, v1alpha1.ReasonBlocked, fmt.Sprintf("%d %s for a person: %s",
		n.Blocked, plural(int(n.Blocked), "namespace waits", "namespaces wait"), strings.Join(names, ", ")))
}
