// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	psaapi "k8s.io/pod-security-admission/api"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/ladder"
	"github.com/podsecurity-rollout/operator/internal/summary"
)

// trace keeps what happened, as lines. A run that nobody reads has none.
type trace struct {
	lines []string
	// golden leaves out what is different with every order of events.
	golden bool
}

// log adds a line: where, what in one word, and the rest.
func (w *world) log(where, what, format string, args ...any) {
	if w.trace == nil {
		return
	}
	if where == "" {
		where = "-"
	}
	text := strings.TrimSpace(what + " " + fmt.Sprintf(format, args...))
	w.trace.lines = append(w.trace.lines, fmt.Sprintf("%s  %-10s  %s", w.now.Format("Mon 01-02 15:04:05"), where, text))
}

// last answers the last lines.
func (t *trace) last(n int) string {
	return strings.Join(t.lines[max(0, len(t.lines)-n):], "\n")
}

// logLabels tells of the modes that a write of labels has changed.
func (w *world) logLabels(who string, before, after *corev1.Namespace) {
	if w.trace == nil {
		return
	}
	old, _ := psaapi.PolicyToEvaluate(before.Labels, w.config.Defaults)
	now, _ := psaapi.PolicyToEvaluate(after.Labels, w.config.Defaults)
	for _, mode := range ladder.Modes {
		if from, to := ladder.Of(old, mode), ladder.Of(now, mode); from != to {
			w.log(after.Name, who, "%s=%s (was %s)", mode, to.String(), from.String())
		}
	}
}

// logStatus tells of a namespace's state when it is another than before.
func (w *world) logStatus(before, after *v1alpha1.NamespaceRollout) {
	if w.trace == nil {
		return
	}
	oldReason, oldMessage := summary.State(before.Status)
	reason, message := summary.State(after.Status)
	told := w.trace.golden && strings.HasPrefix(message, "Climbing ") // by the write that follows
	if (reason != oldReason || message != oldMessage) && !told {
		w.log(after.Namespace, reason+":", "%s", message)
	}
	rejecting := meta.FindStatusCondition(after.Status.Conditions, v1alpha1.ConditionRejecting)
	old := meta.FindStatusCondition(before.Status.Conditions, v1alpha1.ConditionRejecting)
	if rejecting != nil && old != nil && rejecting.Status != old.Status {
		w.log(after.Namespace, "", "rejecting %s: %s", strings.ToLower(string(rejecting.Status)), rejecting.Message)
	}
	if !w.trace.golden && len(after.Status.History) != len(before.Status.History) {
		w.log(after.Namespace, "", "history: %v", after.Status.History)
	}
}

// logTurn tells of a turn given or taken, and of what is waited for.
func (w *world) logTurn(before, after *v1alpha1.NamespaceRollout) {
	if w.trace == nil {
		return
	}
	old, now := fleetOf(before), fleetOf(after)
	switch {
	case now.GrantedFor != "" && now.GrantedFor != old.GrantedFor:
		w.log(after.Namespace, "turn:", "given for enforce=%s", now.GrantedFor)
	case now.GrantedFor == "" && old.GrantedFor != "" && !w.trace.golden:
		w.log(after.Namespace, "turn:", "taken back, or used")
	}
}

func fleetOf(claim *v1alpha1.NamespaceRollout) v1alpha1.FleetStatus {
	if claim == nil || claim.Status.Fleet == nil {
		return v1alpha1.FleetStatus{}
	}
	return *claim.Status.Fleet
}

// logRollout tells of a rollout's state when it is another than before.
func (w *world) logRollout(before, after *v1alpha1.PodSecurityRollout) {
	if w.trace == nil {
		return
	}
	var lines []string
	for _, kind := range []string{v1alpha1.ConditionProgressing, v1alpha1.ConditionStalled} {
		old, now := meta.FindStatusCondition(before.Status.Conditions, kind), meta.FindStatusCondition(after.Status.Conditions, kind)
		if now != nil && (old == nil || old.Reason != now.Reason) && now.Reason != v1alpha1.ReasonNotStalled {
			lines = append(lines, fmt.Sprintf("%s: %s", now.Reason, now.Message))
		}
	}
	for _, wave := range after.Status.Waves {
		if !slices.ContainsFunc(before.Status.Waves, func(old v1alpha1.WaveStatus) bool { return old.Name == wave.Name && old.State == wave.State }) {
			lines = append(lines, fmt.Sprintf("wave %s: %s, %d of %d complete", wave.Name, wave.State, wave.Complete, wave.Selected))
		}
	}
	for _, line := range lines {
		w.log("("+after.Name+")", "", "%s", line)
	}
}

// simRecorder takes the operator's Events.
type simRecorder struct{ w *world }

func (r simRecorder) Eventf(regarding, _ runtime.Object, _, reason, _, note string, args ...any) {
	claim, ok := regarding.(*v1alpha1.NamespaceRollout)
	if ok && reason == "LabelChanged" {
		r.w.log(claim.Namespace, "event", "%s: %s", reason, fmt.Sprintf(note, args...))
	}
}
