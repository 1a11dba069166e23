// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/events"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/gate"
	"github.com/podsecurity-rollout/operator/internal/summary"
)

// maxNote is the most an Event's note may hold, in bytes.
const maxNote = 1024

// record tells of one thing on both kinds: on the NamespaceRollout for the team,
// on the PodSecurityRollout, with the namespace's name, for who runs it. Events
// of the same reason and action about the same object are counted as one, so
// what tells of a mode has an action of its own for each. A namespace that is
// being deleted takes no new Events.
func record(to events.EventRecorder, s *snapshot, kind, reason, action, note string) {
	if s.namespace.DeletionTimestamp.IsZero() {
		to.Eventf(s.claim, s.rollout, kind, reason, action, "%s", summary.Clip(note, maxNote))
	}
	to.Eventf(s.rollout, s.claim, kind, reason, action, "%s", summary.Clip(fmt.Sprintf("Namespace %s: %s", s.namespace.Name, note), maxNote))
}

// recordStep tells of a rung that was climbed, or taken back.
func recordStep(to events.EventRecorder, s *snapshot, h v1alpha1.HistoryEntry) {
	if h.Reason == v1alpha1.ReasonRolledBack {
		record(to, s, corev1.EventTypeWarning, v1alpha1.ReasonRolledBack, action("RollBack", h), fmt.Sprintf("%s went back from %s to %s", h.Mode, h.From, h.To))
		return
	}
	record(to, s, corev1.EventTypeNormal, v1alpha1.EventClimbed, action("Climb", h), fmt.Sprintf("%s went from %s to %s", h.Mode, h.From, h.To))
}

// recordMoved tells of a label that somebody else changed, and who.
func recordMoved(to events.EventRecorder, s *snapshot, h v1alpha1.HistoryEntry, by []gate.Owner) {
	note := fmt.Sprintf("%s went from %s to %s, not by this operator", h.Mode, h.From, h.To)
	if len(by) > 0 {
		note += fmt.Sprintf(" but by field manager %q", by[0].Manager)
	}
	record(to, s, corev1.EventTypeWarning, v1alpha1.EventLabelChanged, action("Observe", h), note)
}

// recordState tells that what holds the namespace has changed.
func recordState(to events.EventRecorder, s *snapshot, status v1alpha1.NamespaceRolloutStatus) {
	reason, message := summary.State(status)
	kind := corev1.EventTypeNormal
	if summary.Blocked(status) {
		kind = corev1.EventTypeWarning
	}
	record(to, s, kind, reason, "Evaluate", message)
}

// action is a verb with the mode it is about, such as ClimbAudit.
func action(verb string, h v1alpha1.HistoryEntry) string {
	mode := string(h.Mode)
	return verb + strings.ToUpper(mode[:1]) + mode[1:]
}
