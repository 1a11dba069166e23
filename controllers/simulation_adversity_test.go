// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"maps"
	"slices"
	"time"

	psaapi "k8s.io/pod-security-admission/api"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/ladder"
)

// bug is something that the simulation finds and that is still to be mended.
type bug string

const (
	bugRefusedWriteLoops = bug("a refused enforce write gives its turn back and gets it again, for ever")
	bugRejectionsDropped = bug("rejections are dropped while the inventory is not synced")
	bugRollbackOfOthers  = bug("a rollback lowers a label that somebody else has set again")
	bugApprovalLost      = bug("an approval given before the rung climbed by the last one is recorded is lost")
	bugTurnNotCounted    = bug("a turn in flight is not counted while the spec is refused")
	bugRollbackProgress  = bug("a rollback counts as progress")
)

// knownBugs are those of today: what shows them does not happen, or is not
// looked at. Take a bug off once it is mended.
var knownBugs = []bug{
	bugRefusedWriteLoops, bugRejectionsDropped, bugRollbackOfOthers, bugApprovalLost, bugTurnNotCounted, bugRollbackProgress,
}

func isKnown(b bug) bool { return slices.Contains(knownBugs, b) }

// refuseWrites has an admission policy refuse all labels of Pod Security in a
// namespace.
func (w *world) refuseWrites() {
	name := pick(w, w.names()...)
	w.log(name, "", "an admission policy refuses its labels from now on")
	w.policies[name] = true
}

// allowWrites takes the admission policies away.
func (w *world) allowWrites() {
	if len(w.policies) > 0 {
		w.log("", "", "the admission policies are taken away")
	}
	clear(w.policies)
}

// refuses is whether an admission policy refuses a write of the operator.
func (w *world) refuses(name string, before, after map[string]string) bool {
	if !w.policies[name] {
		return false
	}
	for _, key := range []string{psaapi.EnforceLevelLabel, psaapi.EnforceVersionLabel} {
		if isKnown(bugRefusedWriteLoops) && before[key] != after[key] {
			return false
		}
	}
	w.reach("a refused write")
	return true
}

// refuseSpec has somebody pin a version that the server does not serve yet, most
// of all while a namespace is in flight.
func (w *world) refuseSpec() {
	for _, name := range slices.Sorted(maps.Keys(w.rollouts)) {
		inFlight := len(w.check.inFlight(w.rollouts[name])) > 0
		if w.pins[name] != "" || isKnown(bugTurnNotCounted) && inFlight || !inFlight && !w.oneIn(8) {
			continue
		}
		w.log("("+name+")", "", "somebody pins a version that the server does not serve")
		w.editRollout(name, func(spec *v1alpha1.PodSecurityRolloutSpec) {
			w.pins[name] = spec.Targets[0].Version
			next := psaapi.MajorMinorVersion(w.server.Major(), w.server.Minor()+1)
			spec.Targets[0].Version = v1alpha1.Version(next.String())
		})
		w.reach("a refused spec")
		return
	}
}

// acceptSpecs takes those pins back.
func (w *world) acceptSpecs() {
	for _, name := range slices.Sorted(maps.Keys(w.pins)) {
		if w.rollouts[name] != nil {
			w.log("("+name+")", "", "the pin is taken back")
			w.editRollout(name, func(spec *v1alpha1.PodSecurityRolloutSpec) { spec.Targets[0].Version = w.pins[name] })
		}
	}
	clear(w.pins)
}

// setAgain has a person lower a label that bakes and set the very rung again: it
// is the person's from then on.
func (w *world) setAgain() {
	if isKnown(bugRollbackOfOthers) {
		return
	}
	for _, name := range w.names() {
		if !w.check.bakes(name) || w.oneIn(3) {
			continue
		}
		labels := w.namespaces[name].Labels
		level, version := labels[psaapi.EnforceLevelLabel], labels[psaapi.EnforceVersionLabel]
		w.setBySomebody(name, map[string]string{psaapi.EnforceLevelLabel: "privileged", psaapi.EnforceVersionLabel: "latest"})
		w.setBySomebody(name, map[string]string{psaapi.EnforceLevelLabel: level, psaapi.EnforceVersionLabel: version})
		w.reach("a rung set again by somebody")
		return
	}
}

// approveAhead approves the enforce rung after the one that was just climbed and
// is not recorded yet.
func (w *world) approveAhead() {
	if isKnown(bugApprovalLost) {
		return
	}
	for _, name := range w.names() {
		last, claim := w.check.book(name).lastEnforce(), w.claims[name]
		if last == nil || last.seen || claim == nil {
			continue
		}
		if next, ok := w.nextEnforce(name); ok {
			w.log(name, "", "somebody approves %q, the rung after the next", next)
			w.approve(name, next)
			w.reach("an approval ahead")
		}
	}
}

// nextEnforce answers the enforce rung that is left to a namespace.
func (w *world) nextEnforce(name string) (string, bool) {
	owner, target := w.check.belongsTo(name)
	if owner == nil {
		return "", false
	}
	want, err := ladder.TargetPolicy(target, w.server)
	if err != nil {
		return "", false
	}
	now, _ := psaapi.PolicyToEvaluate(w.namespaces[name].Labels, w.config.Defaults)
	rungs := ladder.Remaining(now, want, w.server)
	i := slices.IndexFunc(rungs, func(r ladder.Rung) bool { return r.Mode == v1alpha1.ModeEnforce })
	if i < 0 {
		return "", false
	}
	return rungs[i].To.String(), true
}

// randomSync is how long an operator's first list of pods takes.
func (w *world) randomSync() time.Duration {
	if isKnown(bugRejectionsDropped) {
		return 0
	}
	return pick(w, 0, 0, 0, 30*time.Second, 5*time.Minute)
}
