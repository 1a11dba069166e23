// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	psaapi "k8s.io/pod-security-admission/api"
	"k8s.io/utils/ptr"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/ladder"
	"github.com/podsecurity-rollout/operator/internal/standards"
	"github.com/podsecurity-rollout/operator/internal/summary"
)

// checkOnlyLabels: invariant 4.
func (c *checker) checkOnlyLabels(before, after *corev1.Namespace) {
	others := func(labels map[string]string) map[string]string {
		out := maps.Clone(labels)
		maps.DeleteFunc(out, func(key, _ string) bool { return strings.HasPrefix(key, labelPrefix) })
		return out
	}
	if !maps.Equal(others(before.Labels), others(after.Labels)) || before.UID != after.UID || !maps.Equal(before.Annotations, after.Annotations) {
		c.fail(invariantOnlyLabels, after.Name, "labels went from %v to %v", before.Labels, after.Labels)
	}
}

// checkOneStep: invariant 2. It answers the one mode that moved, nil when the
// write was not one step.
func (c *checker) checkOneStep(before, after *corev1.Namespace) *ladder.Rung {
	moved := c.moved(before, after)
	if len(moved) != 1 {
		c.fail(invariantOneStep, after.Name, "one write moved %d modes: %v", len(moved), moved)
		return nil
	}
	levels := []psaapi.Level{psaapi.LevelPrivileged, psaapi.LevelBaseline, psaapi.LevelRestricted}
	if up := slices.Index(levels, moved[0].To.Level) - slices.Index(levels, moved[0].From.Level); up > 1 {
		c.fail(invariantOneStep, after.Name, "one write moved %s up by %d levels, from %s", moved[0], up, moved[0].From.String())
		return nil
	}
	return &moved[0]
}

// checkOwnOnly: invariant 5. It answers the rollout that the namespace belongs to.
func (c *checker) checkOwnOnly(ns *corev1.Namespace, claim *v1alpha1.NamespaceRollout, rung ladder.Rung) *v1alpha1.PodSecurityRollout {
	owner := rolloutOwner(claim)
	if owner == nil || c.w.rollouts[owner.Name] == nil || c.w.rollouts[owner.Name].UID != owner.UID {
		c.fail(invariantOwnOnly, ns.Name, "%s was written and no rollout owns the claim", rung)
		return nil
	}
	rollout := c.w.rollouts[owner.Name]
	compiled, accepted := accept(rollout, c.w.op.version)
	_, selected := compiled.Target(fleetNamespace(ns))
	switch {
	case slices.Contains(rollout.Spec.ExcludedNamespaces, ns.Name):
		c.fail(invariantOwnOnly, ns.Name, "%s was written and rollout %s excludes it", rung, rollout.Name)
	case c.w.config.ExemptNamespaces.Has(ns.Name):
		c.fail(invariantOwnOnly, ns.Name, "%s was written and the server exempts it", rung)
	case !accepted.OK:
		c.fail(invariantOwnOnly, ns.Name, "%s was written and the spec of rollout %s is not accepted: %s", rung, rollout.Name, accepted.Message)
	case !selected:
		c.fail(invariantOwnOnly, ns.Name, "%s was written and rollout %s does not select it", rung, rollout.Name)
	case !ns.DeletionTimestamp.IsZero():
		c.fail(invariantOwnOnly, ns.Name, "%s was written and it is terminating", rung)
	}
	return rollout
}

// checkActive: invariant 6.
func (c *checker) checkActive(namespace string, rollout *v1alpha1.PodSecurityRollout, rung ladder.Rung) {
	if ptr.Deref(rollout.Spec.Suspend, false) || rollout.Spec.Mode == v1alpha1.RolloutModeObserve {
		c.fail(invariantActive, namespace, "%s was written while rollout %s is suspended or observes", rung, rollout.Name)
	}
}

// checkNeverLower: invariant 3. It answers whether the write is a rollback.
func (c *checker) checkNeverLower(ns *corev1.Namespace, owners []ownership, claim *v1alpha1.NamespaceRollout, rollout *v1alpha1.PodSecurityRollout, rung ladder.Rung) bool {
	why := c.notTheLastRung(ns, owners, rung)
	if why == "" {
		why = notDecided(c.book(ns.Name).lastEnforce(), claim.Status.Rollback, rollout)
	}
	if why == "" {
		return true
	}
	from, to := standards.Effective(rung.From, c.w.server), standards.Effective(rung.To, c.w.server)
	lower := psaapi.CompareLevels(to.Level, from.Level) < 0
	older := from.Level != psaapi.LevelPrivileged && to.Version.Older(from.Version)
	if lower || older {
		c.fail(invariantNeverLower, ns.Name, "%s was written over %s, and it is no rollback: %s", rung, rung.From.String(), why)
	}
	return false
}

// notTheLastRung answers why a step does not take back what the operator climbed
// last.
func (c *checker) notTheLastRung(ns *corev1.Namespace, owners []ownership, rung ladder.Rung) string {
	last := c.book(ns.Name).lastEnforce()
	switch {
	case rung.Mode != v1alpha1.ModeEnforce:
		return "only enforce is rolled back"
	case last == nil:
		return "no enforce rung stands that the operator climbed"
	case string(last.entry.To) != rung.From.String():
		return "what is in force is not the last rung, " + string(last.entry.To)
	case !leadsBackTo(rung.To, last.entry):
		return "the last rung left " + string(last.entry.From)
	case !ownsEnforce(owners):
		return "somebody else has set the label since"
	}
	return ""
}

// ownsEnforce is whether the operator owns both labels of enforce.
func ownsEnforce(owners []ownership) bool {
	enforce := bitOf(psaapi.EnforceLevelLabel) | bitOf(psaapi.EnforceVersionLabel)
	return slices.ContainsFunc(owners, func(o ownership) bool {
		return o.manager == v1alpha1.FieldManager && o.operation == metav1.ManagedFieldsOperationApply && o.keys&enforce == enforce
	})
}

// notDecided answers why a step back is not what was decided, in time.
func notDecided(last *step, decided *v1alpha1.Rollback, rollout *v1alpha1.PodSecurityRollout) string {
	switch {
	case decided == nil || decided.Rung != last.entry.To:
		return "the status does not say so"
	case decided.Time.Before(&last.entry.Time):
		return "it was decided before the rung"
	case last.seen && !decided.Time.Time.Before(last.entry.Time.Add(last.bake+time.Second)): // its time is cut to the second
		return "it was decided after the bake"
	case decided.RolloutGeneration == rollout.Generation && enforceOf(rollout).OnRejection != v1alpha1.RejectionRollback:
		return "the strategy does not ask for it"
	}
	return ""
}

func leadsBackTo(to psaapi.LevelVersion, climbed v1alpha1.HistoryEntry) bool {
	if to.Level == psaapi.LevelPrivileged {
		return strings.HasPrefix(string(climbed.From), string(psaapi.LevelPrivileged)+":")
	}
	return string(climbed.From) == to.String()
}

// checkClimb checks what only a climb has to keep: invariant 1 and the
// strategy's promises.
func (c *checker) checkClimb(namespace string, owners []ownership, claim *v1alpha1.NamespaceRollout, rollout *v1alpha1.PodSecurityRollout, rung ladder.Rung) {
	require, soak := (&snapshot{rollout: rollout}).pace(rung.Mode)
	if require != v1alpha1.RequirementNone {
		if found := c.violating(namespace, standards.Effective(rung.To, c.w.op.version)); len(found) > 0 {
			c.fail(invariantCompliance, namespace, "%s was written while it shows %v", rung, found)
		}
	}
	c.checkSoak(namespace, owners, rung, require, soak)
	if rung.Mode != v1alpha1.ModeEnforce {
		return
	}
	c.checkApproval(namespace, claim, rollout, rung)
	c.checkNotRolledBack(namespace, claim, rollout, rung)
	if f := fleetOf(claim); f.EnforceTurn != v1alpha1.EnforceTurnGranted || string(f.GrantedFor) != rung.To.String() {
		c.fail(promiseTurn, namespace, "%s was written and its turn is %+v", rung, f)
	}
}

// checkApproval: rule 7.
func (c *checker) checkApproval(namespace string, claim *v1alpha1.NamespaceRollout, rollout *v1alpha1.PodSecurityRollout, rung ladder.Rung) {
	if enforceOf(rollout).Approval != v1alpha1.ApprovalManual {
		return
	}
	switch {
	case claim.Spec.ApprovedEnforce != rung.To.String():
		c.fail(promiseApproval, namespace, "%s was written and %q is approved", rung, claim.Spec.ApprovedEnforce)
	case c.book(namespace).approvalUsed == claim.Generation:
		c.fail(promiseApproval, namespace, "%s was written on an approval that was used before", rung)
	}
}

// checkNotRolledBack: a rung that was rolled back is held until the spec changes
// or somebody approves it anew.
func (c *checker) checkNotRolledBack(namespace string, claim *v1alpha1.NamespaceRollout, rollout *v1alpha1.PodSecurityRollout, rung ladder.Rung) {
	r := c.book(namespace).rolledBack
	if r == nil || string(r.rung) != rung.To.String() || r.rollout.UID != rollout.UID || r.rolloutGeneration != rollout.Generation {
		return
	}
	if !r.approved {
		c.fail(invariantNeverLower, namespace, "%s was rolled back and climbed again, and nobody asked for it", rung)
	}
}

// checkSoak: rule 6, by the owners of labels before the write: when the operator
// last wrote is what the API server says, as long as it owns a label. Times are
// kept to the second, so a soak may be that much shorter.
func (c *checker) checkSoak(namespace string, owners []ownership, rung ladder.Rung, require v1alpha1.Requirement, soak time.Duration) {
	if soak <= 0 {
		return
	}
	var wrote time.Time
	for _, o := range owners {
		if o.manager == v1alpha1.FieldManager {
			wrote = o.time.Truncate(time.Second)
		}
	}
	if require != v1alpha1.RequirementNone {
		if dirty := c.lastDirty(namespace, rung.To); dirty.After(wrote) {
			wrote = dirty
		}
	}
	if since := c.w.now.Sub(wrote); !wrote.IsZero() && since < soak-time.Second {
		c.fail(promiseSoak, namespace, "%s was written %s after the last rung or violation, of a soak of %s", rung, since, soak)
	}
}

// statusWrite checks a status written by the namespace's reconciler.
func (c *checker) statusWrite(t *task, before, after *v1alpha1.NamespaceRollout) {
	c.w.logStatus(before, after)
	name := after.Namespace
	b := c.book(name)
	if lost := lostEntry(before.Status.History, after.Status.History); lost != nil {
		c.fail(invariantConvergence, name, "its history lost %s=%s of %s", lost.Mode, lost.To, lost.Time.UTC().Format(time.TimeOnly))
	}
	c.checkRejections(t, before, after)
	state, _ := summary.State(after.Status)
	c.w.reach("the state " + state)
	if !meta.IsStatusConditionTrue(after.Status.Conditions, v1alpha1.ConditionReady) {
		return // while the spec is not acted on, no rung is recorded
	}
	if t.namespace == nil || state == v1alpha1.ReasonNotOwned {
		return
	}
	if t.podsSeen == b.podsSeen {
		b.kept = c.recorded(after)
	}
	acted := meta.IsStatusConditionTrue(after.Status.Conditions, v1alpha1.ConditionReady) // otherwise what was known stays
	for i := range b.steps {
		s := &b.steps[i]
		if acted && s.version <= versionOf(t.namespace) {
			s.seen = true
			s.bake = duration(enforceOf(t.rollout).Bake)
		}
	}
}

// checkRejections: while the inventory is not synced, nobody can tell that a
// workload has recovered; only that enforce has moved since, or that it has been
// quiet for long.
func (c *checker) checkRejections(t *task, before, after *v1alpha1.NamespaceRollout) {
	if len(after.Status.Rejections) > 0 {
		c.w.reach("a rejection")
	}
	moved := summary.LastEnforce(after.Status.History)
	if isKnown(bugRejectionsDropped) || t.o.synced || enforceIn(before) != enforceIn(after) {
		return
	}
	for _, r := range before.Status.Rejections {
		kept := slices.ContainsFunc(after.Status.Rejections, func(k v1alpha1.Rejection) bool { return k.Workload == r.Workload })
		over := moved != nil && moved.Time.After(r.Time.Time) || c.w.now.Sub(r.Time.Time) > summary.QuietFor
		if !kept && !over {
			c.fail(promiseRejections, after.Namespace, "that of %s %s was dropped before the inventory has synced", r.Workload.Kind, r.Workload.Name)
		}
	}
}

// enforceIn is the enforce policy that a status speaks of, empty for none.
func enforceIn(claim *v1alpha1.NamespaceRollout) v1alpha1.LevelVersion {
	return ptr.Deref(claim.Status.Current, v1alpha1.Policy{}).Enforce
}

// checkProgress: what a rollout calls progress is a rung climbed somewhere, a
// namespace completed, or a new spec.
func (c *checker) checkProgress(before, after *v1alpha1.PodSecurityRollout) {
	now, old := after.Status.LastProgressTime, before.Status.LastProgressTime
	if now == nil || old != nil && now.Equal(old) || c.climbs[now.Unix()] || now.Unix() == c.w.now.Unix() {
		return
	}
	c.fail(promiseProgress, "any", "rollout %s says there was some at %s, when nothing was climbed", after.Name, now.UTC().Format(time.TimeOnly))
}

// recorded is when each level that a status speaks of was last violated.
func (c *checker) recorded(claim *v1alpha1.NamespaceRollout) map[psaapi.LevelVersion]time.Time {
	out := map[psaapi.LevelVersion]time.Time{}
	for _, entry := range claim.Status.Compliance {
		if lv, err := standards.ParseLevelVersion(string(entry.Level) + ":" + entry.Version); err == nil {
			out[lv] = c.lastDirty(claim.Namespace, lv)
		}
	}
	return out
}

// lostEntry answers the newest entry that the history had and has no more; what
// falls off at its end is not lost.
func lostEntry(before, after []v1alpha1.HistoryEntry) *v1alpha1.HistoryEntry {
	for added := 0; added <= len(after); added++ {
		if kept := after[added:]; len(before) == 0 || startsWith(before, kept) && (len(kept) == len(before) || len(after) == mostHistory) {
			return nil
		}
	}
	return &before[0]
}

// mostHistory is how many entries api.md promises.
const mostHistory = 12

func startsWith(entries, with []v1alpha1.HistoryEntry) bool {
	return len(with) <= len(entries) && slices.EqualFunc(entries[:len(with)], with, sameEntry)
}

func sameEntry(a, b v1alpha1.HistoryEntry) bool {
	return a.Mode == b.Mode && a.From == b.From && a.To == b.To && a.Reason == b.Reason && a.Time.Time.Equal(b.Time.Time)
}

// turnWrite checks a turn as it is given: invariant 7, the waves, and Hold.
func (c *checker) turnWrite(t *task, before, after *v1alpha1.NamespaceRollout) {
	c.w.logTurn(before, after)
	now := fleetOf(after)
	if what, _, waits := strings.Cut(now.WaitingFor, " "); waits {
		c.w.reach("a wait for " + what)
	}
	if now.GrantedFor == "" || now.GrantedFor == fleetOf(before).GrantedFor {
		return
	}
	rollout := c.w.rollouts[rolloutOwner(after).Name]
	if rollout == nil {
		return
	}
	inFlight, members := c.inFlight(rollout), len(t.listed)
	if most, from := strictestBudget(rollout, members, c.w.now); len(inFlight) > most {
		c.fail(invariantBudget, after.Namespace, "its turn is given and %d are in flight, %v; %s allows %d of %d",
			len(inFlight), inFlight, from, most, members)
	}
	c.checkWaves(t, rollout, after)
}

// inFlight are the rollout's namespaces that have their turn or bake.
func (c *checker) inFlight(rollout *v1alpha1.PodSecurityRollout) (inFlight []string) {
	for _, name := range slices.Sorted(maps.Keys(c.w.claims)) {
		claim := c.w.claims[name]
		if !ownedBy(claim, rollout) {
			continue
		}
		if c.hasTurn(name, claim) || c.bakes(name) {
			inFlight = append(inFlight, name)
		}
	}
	return inFlight
}

// hasTurn is whether a namespace could climb by the turn it has.
func (c *checker) hasTurn(name string, claim *v1alpha1.NamespaceRollout) bool {
	granted := fleetOf(claim).GrantedFor
	if granted == "" || c.w.namespaces[name] == nil {
		return false
	}
	policy, _ := psaapi.PolicyToEvaluate(c.w.namespaces[name].Labels, c.w.config.Defaults)
	next := claim.Status.Next
	return policy.Enforce.String() != string(granted) && next != nil && next.Mode == v1alpha1.ModeEnforce && next.To == granted
}

// bakes is whether the last enforce rung bakes.
func (c *checker) bakes(name string) bool {
	last := c.book(name).lastEnforce()
	return last != nil && !last.doubtful && c.w.now.Before(last.entry.Time.Add(last.bake))
}

// checkWaves: a turn is given in a wave only when those before are complete
// enough, and none of its namespaces is rejecting.
func (c *checker) checkWaves(t *task, rollout *v1alpha1.PodSecurityRollout, claim *v1alpha1.NamespaceRollout) {
	if rollout.Spec.Strategy == nil {
		return
	}
	own := waveOf(rollout, t.o.namespaces[claim.Namespace])
	for i := 0; i <= own; i++ {
		w := waveStateOf(rollout, i, t.o.namespaces, t.listed)
		switch {
		case i < own && w.complete < w.required:
			c.fail(promiseWaves, claim.Namespace, "its turn is given in wave %d, and of wave %d only %d of %d are complete", own, i, w.complete, w.required)
		case i == own && w.rejecting != "":
			c.fail(promiseHold, claim.Namespace, "its turn is given, and in its wave %d namespace %s is rejecting", own, w.rejecting)
		}
	}
}
