// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"maps"
	"slices"
	"time"

	psaapi "k8s.io/pod-security-admission/api"
	"k8s.io/utils/ptr"

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
	bugTurnNotCounted    = bug("a turn in flight is not counted while the spec is refused, or the rollout suspended")
	bugRollbackProgress  = bug("a rollback counts as progress")
)

// knownBugs are those of today: what shows them does not happen, or is not
// looked at. Take a bug off once it is mended.
var knownBugs = []bug{}

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

// refuseSpec has somebody pin a version that the server does not serve yet.
func (w *world) refuseSpec(name string) {
	inFlight := len(w.check.inFlight(w.rollouts[name])) > 0
	if w.pins[name] != "" || isKnown(bugTurnNotCounted) && inFlight {
		return
	}
	w.log("("+name+")", "", "somebody pins a version that the server does not serve")
	w.editRollout(name, func(spec *v1alpha1.PodSecurityRolloutSpec) {
		w.pins[name] = spec.Targets[0].Version
		next := psaapi.MajorMinorVersion(w.server.Major(), w.server.Minor()+1)
		spec.Targets[0].Version = v1alpha1.Version(next.String())
	})
	w.reach("a refused spec")
	if inFlight {
		w.reach("a refused spec in flight")
	}
}

func (w *world) refuseSomeSpec() {
	if len(w.rollouts) > 0 {
		w.refuseSpec(pick(w, slices.Sorted(maps.Keys(w.rollouts))...))
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

// setAgainWhereItBakes does so where an enforce rung bakes.
func (w *world) setAgainWhereItBakes() {
	for _, name := range w.names() {
		if w.check.bakes(name) && !w.oneIn(3) {
			w.setAgain(name)
			return
		}
	}
}

// setAgain has a person lower the label that was climbed and set the very rung
// again: it is the person's from then on.
func (w *world) setAgain(name string) {
	if isKnown(bugRollbackOfOthers) {
		return
	}
	labels := w.namespaces[name].Labels
	level, version := labels[psaapi.EnforceLevelLabel], labels[psaapi.EnforceVersionLabel]
	w.setBySomebody(name, map[string]string{psaapi.EnforceLevelLabel: "privileged", psaapi.EnforceVersionLabel: "latest"})
	w.setBySomebody(name, map[string]string{psaapi.EnforceLevelLabel: level, psaapi.EnforceVersionLabel: version})
	w.reach("a rung set again by somebody")
}

// meddle has people act the very moment after an enforce rung is written, before
// the operator has recorded it.
func (w *world) meddle(t *task, name string) {
	last := w.check.book(name).lastEnforce()
	if !w.oneIn(w.faults.meddle) || w.op.othersWrite(t) || last == nil || last.seen {
		return
	}
	pick(w, w.approveAhead, w.refuseSpecOf, w.setAgain, w.troubleIn, w.troubleIn)(name)
}

// inHaste has somebody suspend a rollout the very moment before a task looks past
// the cache at what it is about to write on.
func (w *world) inHaste(t *task) {
	if !w.oneIn(10*w.faults.meddle) || w.op.othersWrite(t) || t.rollout == nil || w.rollouts[t.rollout.Name] == nil {
		return
	}
	if isKnown(bugTurnNotCounted) && len(w.check.inFlight(w.rollouts[t.rollout.Name])) > 0 {
		return
	}
	w.log("("+t.rollout.Name+")", "", "is suspended in haste")
	w.editRollout(t.rollout.Name, func(spec *v1alpha1.PodSecurityRolloutSpec) { spec.Suspend = ptr.To(true) })
	w.haste = true
}

// othersWrite is whether another task is between its look past the cache and its
// end.
func (o *operator) othersWrite(t *task) bool {
	return slices.ContainsFunc(o.tasks, func(other *task) bool { return other != t && other.confirmed })
}

// approveAhead approves the enforce rung after the one that was just climbed.
func (w *world) approveAhead(name string) {
	claim := w.claims[name]
	if isKnown(bugApprovalLost) || claim == nil || !w.manual(claim) {
		return
	}
	if next, ok := w.nextEnforce(name); ok {
		w.log(name, "", "somebody approves %q, the rung after this one", next)
		w.approve(name, next)
		w.reach("an approval ahead")
	}
}

// refuseSpecOf has the spec of the rollout that a namespace belongs to refused.
func (w *world) refuseSpecOf(name string) {
	if owner, _ := w.check.belongsTo(name); owner != nil {
		w.refuseSpec(owner.Name)
	}
}

// manual is whether a claim's enforce rungs need an approval.
func (w *world) manual(claim *v1alpha1.NamespaceRollout) bool {
	owner := rolloutOwner(claim)
	return owner != nil && enforceOf(w.rollouts[owner.Name]).Approval == v1alpha1.ApprovalManual
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
	return pick(w, 0, 0, 0, 30*time.Second, 5*time.Minute)
}
