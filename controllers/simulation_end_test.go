// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"maps"
	"slices"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	psaapi "k8s.io/pod-security-admission/api"
	"k8s.io/utils/ptr"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/fleet"
	"github.com/podsecurity-rollout/operator/internal/ladder"
	"github.com/podsecurity-rollout/operator/internal/nslabels"
	"github.com/podsecurity-rollout/operator/internal/standards"
	"github.com/podsecurity-rollout/operator/internal/summary"
)

// checkEnd checks a world that has settled: every namespace is complete or held
// for a reason that is true, nothing was lost from its history, and looking at
// everything once more writes nothing.
func (w *world) checkEnd() {
	for _, name := range w.names() {
		w.check.checkNamespaceEnd(name)
	}
	for name := range w.claims {
		if w.namespaces[name] == nil {
			w.check.fail(invariantConvergence, name, "its claim is left behind")
		}
	}
	w.check.checkSilence()
}

// checkSilence: the fixpoint.
func (c *checker) checkSilence() {
	writes, claims, rollouts := c.w.writes, maps.Clone(c.w.claims), maps.Clone(c.w.rollouts)
	c.w.op.lookAtAll()
	c.w.catchUp()
	if c.w.writes == writes {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(claims)) {
		if now := c.w.claims[name]; now != claims[name] {
			c.fail(invariantConvergence, name, "looking once more, all settled, wrote %s", cmp.Diff(claims[name], now))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(rollouts)) {
		if now := c.w.rollouts[name]; now != rollouts[name] {
			c.fail(invariantConvergence, "any", "looking once more, all settled, wrote rollout %s: %s", name, cmp.Diff(rollouts[name], now))
		}
	}
}

func (c *checker) checkNamespaceEnd(name string) {
	ns, claim := c.w.namespaces[name], c.w.claims[name]
	if claim != nil {
		state, _ := summary.State(claim.Status)
		c.w.reach("the end as " + state)
	}
	owner, target := c.belongsTo(name)
	switch {
	case owner == nil && claim == nil, !ns.DeletionTimestamp.IsZero():
		return
	case owner == nil && rolloutOwner(claim) != nil:
		c.fail(invariantConvergence, name, "it belongs to no rollout and is claimed by %s", rolloutOwner(claim).Name)
		return
	case owner == nil:
		return // made by hand, and told so
	case claim == nil || !ownedBy(claim, owner):
		c.fail(invariantConvergence, name, "rollout %s has not claimed it", owner.Name)
		return
	}
	if _, accepted := accept(owner, c.w.server); accepted.OK {
		c.checkHistory(name, claim) // otherwise it is not looked at
	}
	if err := c.explain(name, claim, owner, target); err != nil {
		c.fail(invariantConvergence, name, "it is not complete, and %v", err)
	}
}

// belongsTo answers the rollout that a namespace belongs to, and its target.
func (c *checker) belongsTo(name string) (*v1alpha1.PodSecurityRollout, v1alpha1.Target) {
	var all []fleet.Rollout
	for _, r := range c.w.rollouts {
		compiled, err := fleet.Compile(r)
		if err == nil {
			all = append(all, compiled)
		}
	}
	best, ok := fleet.Claimant(all, fleetNamespace(c.w.namespaces[name]))
	if !ok {
		return nil, v1alpha1.Target{}
	}
	i, _ := best.Target(fleetNamespace(c.w.namespaces[name]))
	r := c.w.rollouts[best.Name]
	return r, r.Spec.Targets[i]
}

// checkHistory: no step is lost or doubled.
func (c *checker) checkHistory(name string, claim *v1alpha1.NamespaceRollout) {
	var want []v1alpha1.HistoryEntry
	have := claim.Status.History
	steps := slices.Clone(c.book(name).steps)
	slices.Reverse(steps)
	for _, s := range steps {
		if s.doubtful && (len(have) <= len(want) || !sameEntry(have[len(want)], s.entry)) {
			continue
		}
		want = append(want, s.entry)
	}
	want = want[:min(len(want), mostHistory)]
	if !slices.EqualFunc(have, want, sameEntry) {
		c.fail(invariantConvergence, name, "its history is %v, and what was written is %v", have, want)
	}
}

// explain answers an error when what the status says is not so.
func (c *checker) explain(name string, claim *v1alpha1.NamespaceRollout, owner *v1alpha1.PodSecurityRollout, target v1alpha1.Target) error {
	state, message := summary.State(claim.Status)
	_, accepted := accept(owner, c.w.server)
	if !accepted.OK {
		return wantState(state, accepted.Reason)
	}
	next := c.next(name, target)
	complete := meta.IsStatusConditionTrue(claim.Status.Conditions, v1alpha1.ConditionComplete)
	if next == nil {
		return c.explainReached(name, state, message, complete)
	}
	if complete {
		return fmt.Errorf("it says so, with %s to go", next)
	}
	if true, ok := c.reasons(name, claim, owner, *next)[state]; !ok || !true {
		return fmt.Errorf("%s is held by %q, which is not so: %s", next, state, message)
	}
	return nil
}

func wantState(have, want string) error {
	if have != want {
		return fmt.Errorf("its state is %q and not %q", have, want)
	}
	return nil
}

func (c *checker) explainReached(name, state, message string, complete bool) error {
	invalid := nslabels.Read(c.w.namespaces[name], c.w.config.Defaults).InvalidAfter(nil)
	switch {
	case len(invalid) > 0:
		return wantState(state, v1alpha1.ReasonInvalidLabels)
	case c.refusing(name):
		return wantState(state, v1alpha1.ReasonRejecting)
	case !complete:
		return fmt.Errorf("nothing is left to climb, and its state is %q: %s", state, message)
	}
	return nil
}

// next is the rung that is left, nil for none.
func (c *checker) next(name string, target v1alpha1.Target) *ladder.Rung {
	policy, err := ladder.TargetPolicy(target, c.w.server)
	if err != nil {
		return nil
	}
	next, ok := ladder.Next(nslabels.Read(c.w.namespaces[name], c.w.config.Defaults).Policy, policy, c.w.server)
	if !ok {
		return nil
	}
	return &next
}

// refusing is whether a workload is there whose pods were refused by the level
// in force and would be again.
func (c *checker) refusing(name string) bool {
	policy, _ := psaapi.PolicyToEvaluate(c.w.namespaces[name].Labels, c.w.config.Defaults)
	for _, r := range c.w.claims[name].Status.Rejections {
		for _, wl := range c.w.workloads[name] {
			if wl.Kind == r.Workload.Kind && wl.Name == r.Workload.Name && len(findings(wl.template, standards.Effective(policy.Enforce, c.w.server))) > 0 {
				return true
			}
		}
	}
	return false
}

// reasons are the states that may hold a rung at the end, and whether each is so.
func (c *checker) reasons(name string, claim *v1alpha1.NamespaceRollout, owner *v1alpha1.PodSecurityRollout, rung ladder.Rung) map[string]bool {
	require, _ := (&snapshot{rollout: owner}).pace(rung.Mode)
	owners, err := nslabels.Owners(c.w.namespaces[name], rung)
	enforce := rung.Mode == v1alpha1.ModeEnforce
	wanted := rung.To.Version
	if wanted.Latest() {
		wanted = c.w.server
	}
	newest := standards.NewestVersion()
	return map[string]bool{
		v1alpha1.ReasonSuspended:        ptr.Deref(owner.Spec.Suspend, false),
		v1alpha1.ReasonObserving:        owner.Spec.Mode == v1alpha1.RolloutModeObserve,
		v1alpha1.ReasonExempt:           c.w.config.ExemptNamespaces.Has(name),
		v1alpha1.ReasonLabelConflict:    err == nil && len(owners) > 0 && owner.Spec.LabelConflicts != v1alpha1.LabelConflictTakeOver,
		v1alpha1.ReasonInvalidLabels:    len(nslabels.Read(c.w.namespaces[name], c.w.config.Defaults).InvalidAfter(&rung)) > 0,
		v1alpha1.ReasonInconclusive:     newest.Older(wanted) || c.w.server.Older(wanted),
		v1alpha1.ReasonViolations:       require != v1alpha1.RequirementNone && len(c.violating(name, standards.Effective(rung.To, c.w.server))) > 0,
		v1alpha1.ReasonAwaitingApproval: enforce && enforceOf(owner).Approval == v1alpha1.ApprovalManual && c.notApproved(name, claim, rung),
		v1alpha1.ReasonWriteRefused:     c.w.policies[name],
		v1alpha1.ReasonRolledBack:       enforce && c.rollbackHolds(name, claim, owner, rung),
		v1alpha1.ReasonAwaitingTurn:     enforce && c.noTurnLeft(owner, name),
	}
}

// notApproved is whether a rung is not approved, or its approval may count as used.
func (c *checker) notApproved(name string, claim *v1alpha1.NamespaceRollout, rung ladder.Rung) bool {
	b := c.book(name)
	return claim.Spec.ApprovedEnforce != rung.To.String() || b.approvalUsed == claim.Generation || b.approvalInForce == claim.Generation
}

func (c *checker) rollbackHolds(name string, claim *v1alpha1.NamespaceRollout, owner *v1alpha1.PodSecurityRollout, rung ladder.Rung) bool {
	r := c.book(name).rolledBack
	return r != nil && string(r.rung) == rung.To.String() && r.rolloutGeneration == owner.Generation &&
		(r.claimGeneration == claim.Generation || claim.Spec.ApprovedEnforce != rung.To.String())
}

// noTurnLeft is whether a namespace's turn cannot come: a wave before is not
// reached, its own wave has one rejecting, or no budget lets any more go.
func (c *checker) noTurnLeft(owner *v1alpha1.PodSecurityRollout, name string) bool {
	own := waveOf(owner, c.w.namespaces[name])
	claims := c.claimsOf(owner)
	for i := range own {
		if wave := waveStateOf(owner, i, c.w.namespaces, claims); wave.complete < wave.required {
			return true
		}
	}
	most, _ := strictestBudget(owner, len(claims), c.w.now)
	return waveStateOf(owner, own, c.w.namespaces, claims).rejecting != "" || c.stuckTurns(claims) >= most
}

// claimsOf are the claims of the namespaces that belong to a rollout.
func (c *checker) claimsOf(owner *v1alpha1.PodSecurityRollout) map[string]*v1alpha1.NamespaceRollout {
	if c.settledClaims[owner.Name] == nil {
		claims := maps.Clone(c.w.claims)
		maps.DeleteFunc(claims, func(name string, _ *v1alpha1.NamespaceRollout) bool {
			r, _ := c.belongsTo(name)
			return r != owner
		})
		c.settledClaims[owner.Name] = claims
	}
	return c.settledClaims[owner.Name]
}

// stuckTurns counts the turns given to namespaces that cannot use them: the
// operator does not know the version, or its writes are refused. They keep them,
// and say so.
func (c *checker) stuckTurns(claims map[string]*v1alpha1.NamespaceRollout) (n int) {
	for name, claim := range claims {
		switch state, _ := summary.State(claim.Status); state {
		case v1alpha1.ReasonInconclusive, v1alpha1.ReasonWriteRefused:
			if c.hasTurn(name, claim) {
				n++
			}
		}
	}
	return n
}
