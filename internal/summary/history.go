// SPDX-License-Identifier: Apache-2.0

package summary

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/ladder"
)

// maxRejections bounds NamespaceRollout.status.rejections.
const maxRejections = 16

// QuietFor is how long a workload whose template complies must not have been
// refused before it counts as recovered: controllers try again with pauses of
// up to a quarter of an hour and more.
const QuietFor = 20 * time.Minute

// Moved answers the modes whose policy in force is no longer what the status
// recorded, as history entries, in the order of climbing. The first look at a
// namespace has seen nothing move.
func Moved(old v1alpha1.NamespaceRolloutStatus, in NamespaceInput) []v1alpha1.HistoryEntry {
	if old.Current == nil {
		return nil
	}
	now := policy(in.Current)
	var moved []v1alpha1.HistoryEntry
	for _, mode := range ladder.Modes {
		if from, to := modeOf(old.Current, mode), modeOf(now, mode); from != to {
			moved = append(moved, v1alpha1.HistoryEntry{Time: at(in.Now), Mode: mode, From: from, To: to})
		}
	}
	return moved
}

// Climbed answers those of the moves that the operator made itself: the rung
// that the status had announced as next, or the rollback it had decided. They
// are recorded by seeing the labels, so that a crash between writing a label
// and recording it loses nothing.
func Climbed(old v1alpha1.NamespaceRolloutStatus, in NamespaceInput) []v1alpha1.HistoryEntry {
	if in.OursSince.IsZero() {
		return nil
	}
	var climbed []v1alpha1.HistoryEntry
	for _, m := range Moved(old, in) {
		if !slices.Contains(in.Ours, m.Mode) {
			continue // somebody else set the label, be it to the very rung
		}
		m.Time = at(in.OursSince)
		switch {
		case m.Mode == v1alpha1.ModeEnforce && old.Rollback != nil && old.Rollback.Rung == m.From && old.Rollback.To == m.To:
			m.Reason = v1alpha1.ReasonRolledBack
			climbed = append(climbed, m)
		case old.Next != nil && old.Next.Mode == m.Mode && old.Next.To == m.To:
			climbed = append(climbed, m)
		}
	}
	return climbed
}

// History answers the rungs climbed, newest first.
func History(old v1alpha1.NamespaceRolloutStatus, in NamespaceInput) []v1alpha1.HistoryEntry {
	out := append(Climbed(old, in), old.History...)
	return out[:min(len(out), maxHistory)]
}

// LastEnforce answers the last enforce rung that was climbed and not taken
// back, nil when none is known.
func LastEnforce(history []v1alpha1.HistoryEntry) *v1alpha1.HistoryEntry {
	for i := range history {
		if history[i].Mode != v1alpha1.ModeEnforce {
			continue
		}
		if history[i].Reason == v1alpha1.ReasonRolledBack {
			return nil
		}
		return &history[i]
	}
	return nil
}

// LastClimbed answers when a rung was last climbed, the zero time for never.
func LastClimbed(history []v1alpha1.HistoryEntry, r ladder.Rung) time.Time {
	for _, h := range history {
		if h.Mode == r.Mode && string(h.To) == r.To.String() && h.Reason == "" {
			return h.Time.Time
		}
	}
	return time.Time{}
}

// bakeUntil answers when the bake of the last enforce rung ends, nil when none
// is baking. Where the history does not tell of the rung in force, a bake is
// rather begun than missed: a namespace in flight takes a place of the budget.
func bakeUntil(old v1alpha1.NamespaceRolloutStatus, in NamespaceInput) *metav1.Time {
	history := History(old, in)
	if known := BakeUntil(history, in.Bake, in.Now); known != nil || in.Bake <= 0 {
		return known
	}
	if last := LastEnforce(history); last != nil && string(last.To) == in.Current.Enforce.String() {
		return nil
	}
	until := untold(old, in)
	if !in.Now.Before(until) {
		return nil
	}
	return atOrNil(until)
}

// untold answers when the bake ends of an enforce rung that the history does not
// tell of, the zero time for none.
func untold(old v1alpha1.NamespaceRolloutStatus, in NamespaceInput) time.Time {
	now := v1alpha1.LevelVersion(in.Current.Enforce.String())
	switch {
	case old.Current == nil && slices.Contains(in.Ours, v1alpha1.ModeEnforce):
		// The status was lost, and what the operator wrote last may have been the rung.
		return in.OursSince.Add(in.Bake + time.Second)
	case old.Current == nil:
		return time.Time{}
	case old.Current.Enforce == now:
		return ptr.Deref(old.BakeUntil, metav1.Time{}).Time
	case old.Fleet != nil && old.Fleet.EnforceTurn == v1alpha1.EnforceTurnGranted && old.Fleet.GrantedFor == now:
		// The namespace had its turn for the rung. Somebody else has set the label
		// since, or instead of the operator.
		return in.Now.Add(in.Bake + time.Second)
	}
	return time.Time{}
}

// BakeUntil answers when the bake of the last enforce rung ends, nil when none
// is baking.
func BakeUntil(history []v1alpha1.HistoryEntry, bake time.Duration, now time.Time) *metav1.Time {
	last := LastEnforce(history)
	if last == nil || bake <= 0 {
		return nil
	}
	// The time of the rung is cut to the second: only a second later is it over.
	until := last.Time.Add(bake + time.Second)
	if !now.Before(until) {
		return nil
	}
	return atOrNil(until)
}

// approvalUsed answers the generation whose approval was used: what it approves
// is in force. That is told from the labels, so a lost status does not let an
// approval be used twice.
func approvalUsed(old v1alpha1.NamespaceRolloutStatus, in NamespaceInput) int64 {
	if in.Approved == in.Current.Enforce.String() {
		return in.Generation
	}
	return old.ApprovalUsedGeneration
}

// Refusals is what rejections are made from.
type Refusals struct {
	Now time.Time
	// Known is whether the evidence is complete. Without it nothing is taken in,
	// and nobody has recovered.
	Known bool
	// Since is when the last enforce rung was climbed: what was refused before
	// does not count.
	Since time.Time
	// Seen are the refusals known, the newest first.
	Seen []v1alpha1.Rejection
	// Present is whether anything of a workload is there, Violating whether it
	// violates the level in force by its template.
	Present, Violating func(v1alpha1.WorkloadReference) bool
}

// Rejections answers the workloads whose pods have been refused since the last
// enforce rung and that have not recovered, the newest first, and the time of
// the newest refusal taken in. A workload recovers by going, by its template
// complying when that was what violated, or by not being refused for a while.
func Rejections(old v1alpha1.NamespaceRolloutStatus, r Refusals) ([]v1alpha1.Rejection, *metav1.Time) {
	by := map[v1alpha1.WorkloadReference]v1alpha1.Rejection{}
	for _, known := range old.Rejections {
		by[known.Workload] = known
	}
	seen := old.RejectionsSeen
	if r.Known {
		seen = r.takeIn(by, seen)
	}
	var out []v1alpha1.Rejection
	for _, rejection := range by {
		if !r.Since.After(rejection.Time.Time) && !r.recovered(rejection) {
			out = append(out, rejection)
		}
	}
	slices.SortFunc(out, func(a, b v1alpha1.Rejection) int {
		return cmp.Or(b.Time.Compare(a.Time.Time), cmp.Compare(a.Workload.Kind, b.Workload.Kind), cmp.Compare(a.Workload.Name, b.Workload.Name),
			cmp.Compare(a.Workload.APIVersion, b.Workload.APIVersion))
	})
	return out[:min(len(out), maxRejections)], seen
}

// takeIn adds the refusals that are newer than those taken in before, the
// newest last, and answers the time of the newest.
func (r Refusals) takeIn(by map[v1alpha1.WorkloadReference]v1alpha1.Rejection, seen *metav1.Time) *metav1.Time {
	newest := seen
	for _, n := range slices.Backward(r.Seen) {
		n.Message, n.Time, n.Source = Clip(n.Message, maxViolationMessage), at(n.Time.Time), v1alpha1.SourcePod
		if seen != nil && !n.Time.After(seen.Time) {
			continue
		}
		if r.Violating(n.Workload) {
			n.Source = v1alpha1.SourceTemplate
		}
		by[n.Workload] = n
		newest = &n.Time
	}
	return newest
}

func (r Refusals) recovered(rejection v1alpha1.Rejection) bool {
	switch {
	case !r.Known:
		return false
	case !r.Present(rejection.Workload):
		return true
	case r.Violating(rejection.Workload):
		return false
	default:
		return rejection.Source == v1alpha1.SourceTemplate || r.Now.Sub(rejection.Time.Time) > QuietFor
	}
}

// RejectingMessage says whose pods are refused: the first in full, the rest
// counted. There is at least one.
func RejectingMessage(rejected []v1alpha1.Rejection) string {
	first := rejected[0]
	message := fmt.Sprintf("Pods of %s %s are refused: %s", first.Workload.Kind, first.Workload.Name, first.Message)
	if n := len(rejected) - 1; n > 0 {
		message += fmt.Sprintf(", and of %d more %s", n, plural(n, "workload", "workloads"))
	}
	return message
}
