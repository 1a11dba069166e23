// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	psaapi "k8s.io/pod-security-admission/api"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/ladder"
	"github.com/podsecurity-rollout/operator/internal/nslabels"
	"github.com/podsecurity-rollout/operator/internal/standards"
)

// The promises that are checked: the invariants of docs/architecture.md, and
// what the strategy promises beside them.
const (
	invariantCompliance  = "invariant 1 (no enforce rung while a known subject violates)"
	invariantOneStep     = "invariant 2 (one mode, one level in one write)"
	invariantNeverLower  = "invariant 3 (never lower or older, but for the rollback)"
	invariantOnlyLabels  = "invariant 4 (nothing but the six labels)"
	invariantOwnOnly     = "invariant 5 (no write where it is not the rollout's to write)"
	invariantActive      = "invariant 6 (no write while suspended or observing)"
	invariantBudget      = "invariant 7 (no more in flight than the budget)"
	invariantConvergence = "invariant 8 (no step lost or doubled, then silence)"
	promiseSoak          = "the soak"
	promiseApproval      = "the approval"
	promiseTurn          = "the turn"
	promiseWaves         = "the waves"
	promiseHold          = "Hold"
	promiseRejections    = "the rejections"
	promiseProgress      = "the progress"
)

// broken is a promise that was not kept.
type broken struct {
	promise, how string
	at           time.Time
}

// checker looks at every write as the API server takes it, and knows what
// really happened: it keeps its own books and trusts no status for them.
type checker struct {
	w     *world
	found []broken
	books map[string]*book
	// settledClaims are the claims of each rollout once all has settled.
	settledClaims map[string]map[string]*v1alpha1.NamespaceRollout
	// climbs are when a rung was climbed anywhere, in Unix seconds.
	climbs map[int64]bool
}

// book is what really happened in one namespace.
type book struct {
	// steps are the operator's writes of labels since the claim was made, the
	// oldest first.
	steps []step
	// left is when a profile was last seen that is there no more; kept is what of
	// this a status has recorded, by level and version.
	left map[profile]time.Time
	kept map[psaapi.LevelVersion]time.Time
	// podsSeen counts what podsSeen has noted.
	podsSeen int
	// rolledBack is the last rollback.
	rolledBack *rolledBack
	// approvalUsed is the generation of the claim whose approval let a rung go.
	approvalUsed int64
	// approvalInForce is the generation of the claim whose approval names what has
	// been in force since: it may count as used.
	approvalInForce int64
}

// step is one write of the operator.
type step struct {
	entry   v1alpha1.HistoryEntry
	version int64 // the namespace's resourceVersion after it
	back    bool
	// bake is how long it bakes by the spec that its namespace was last looked at
	// under; seen is whether a status was written that knows of it.
	bake time.Duration
	seen bool
	// doubtful is set when the label moved again before a status knew of it: then
	// the step may be in the history or not.
	doubtful bool
}

type rolledBack struct {
	rung              v1alpha1.LevelVersion
	rollout           *v1alpha1.PodSecurityRollout
	claimGeneration   int64
	rolloutGeneration int64
	// approved is whether the rung has been approved anew since: then it may be held
	// or not, by whether the operator saw that before it was taken back.
	approved bool
}

func newChecker(w *world) *checker {
	return &checker{w: w, books: map[string]*book{}, settledClaims: map[string]map[string]*v1alpha1.NamespaceRollout{}, climbs: map[int64]bool{}}
}

func (c *checker) fail(promise, namespace, format string, args ...any) {
	how := fmt.Sprintf("namespace %s: ", namespace) + fmt.Sprintf(format, args...)
	c.found = append(c.found, broken{promise, how, c.w.now})
	c.w.log(namespace, "BROKEN", "%s: %s", promise, how)
}

func (c *checker) book(namespace string) *book {
	b := c.books[namespace]
	if b == nil {
		b = &book{left: map[profile]time.Time{}, kept: map[psaapi.LevelVersion]time.Time{}}
		c.books[namespace] = b
	}
	return b
}

func (c *checker) namespaceGone(name string) { delete(c.books, name) }

// statusLost forgets what only the status knew: the history and with it the
// bake, and the rollback that is held. A step that it did not know of yet may
// still be recorded, by a look at what the namespace was before it.
func (c *checker) statusLost(namespace string) {
	b := c.book(namespace)
	b.steps = slices.DeleteFunc(b.steps, func(s step) bool { return s.seen })
	for i := range b.steps {
		b.steps[i].doubtful = true
	}
	b.rolledBack, b.approvalUsed, b.approvalInForce = nil, 0, 0
}

// approved notes an approval.
func (c *checker) approved(namespace, rung string) {
	if r := c.book(namespace).rolledBack; r != nil && string(r.rung) == rung {
		r.approved = true
	}
}

// inForce notes that an approval names what is in force.
func (c *checker) inForce(namespace string) {
	ns, claim := c.w.namespaces[namespace], c.w.claims[namespace]
	if ns == nil || claim == nil {
		return
	}
	policy, _ := psaapi.PolicyToEvaluate(ns.Labels, c.w.config.Defaults)
	if claim.Spec.ApprovedEnforce == policy.Enforce.String() {
		c.book(namespace).approvalInForce = claim.Generation
	}
}

// memoryLost forgets what the operator had seen and not written down.
func (c *checker) memoryLost() {
	for _, b := range c.books {
		b.left = map[profile]time.Time{}
	}
}

// podsSeen notes what the inventory sees no more.
func (c *checker) podsSeen(namespace string, before, after shown) {
	b := c.book(namespace)
	b.podsSeen++
	for _, g := range before.groups {
		if !slices.Contains(after.groups, g) {
			b.left[g.profile] = c.w.now
		}
	}
}

// lastDirty is when the operator last knew of a violation of a level, now if one
// is there, zero for never.
func (c *checker) lastDirty(namespace string, lv psaapi.LevelVersion) time.Time {
	b := c.book(namespace)
	effective := standards.Effective(lv, c.w.op.version)
	if len(c.violating(namespace, effective)) > 0 {
		return c.w.now
	}
	last := b.kept[lv]
	for p, at := range b.left {
		if at.After(last) && len(findings(p, effective)) > 0 {
			last = at
		}
	}
	return last
}

// violating are the groups known to the operator that violate a level.
func (c *checker) violating(namespace string, lv psaapi.LevelVersion) []group {
	if c.w.op == nil || c.w.op.inventory[namespace] == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(c.w.op.inventory[namespace].groups), func(g group) bool { return len(findings(g.profile, lv)) == 0 })
}

// labelsMoved notes that somebody else has set labels.
func (c *checker) labelsMoved(before *corev1.Namespace, after map[string]string) {
	b := c.book(before.Name)
	if len(b.steps) == 0 || b.steps[len(b.steps)-1].seen {
		return
	}
	last := &b.steps[len(b.steps)-1]
	was, _ := psaapi.PolicyToEvaluate(before.Labels, c.w.config.Defaults)
	is, _ := psaapi.PolicyToEvaluate(after, c.w.config.Defaults)
	if ladder.Of(was, last.entry.Mode) != ladder.Of(is, last.entry.Mode) {
		last.doubtful = true
	}
}

// moved are the modes whose labels a write has changed. The policy of another
// may follow: without a label of its own, warn is what enforce is.
func (c *checker) moved(before, after *corev1.Namespace) []ladder.Rung {
	was, _ := psaapi.PolicyToEvaluate(before.Labels, c.w.config.Defaults)
	is, _ := psaapi.PolicyToEvaluate(after.Labels, c.w.config.Defaults)
	var moved []ladder.Rung
	for _, mode := range ladder.Modes {
		for key := range nslabels.Wanted(ladder.Rung{Mode: mode}) {
			if before.Labels[key] != after.Labels[key] {
				moved = append(moved, ladder.Rung{Mode: mode, From: ladder.Of(was, mode), To: ladder.Of(is, mode)})
				break
			}
		}
	}
	return moved
}

// labelWrite checks a write of labels by the operator.
func (c *checker) labelWrite(t *task, owners []ownership, before, after *corev1.Namespace) {
	c.w.logLabels("wrote", before, after)
	c.checkOnlyLabels(before, after)
	moved := c.checkOneStep(before, after)
	if moved == nil {
		return
	}
	claim := c.w.claims[after.Name]
	if claim == nil {
		c.fail(invariantOwnOnly, after.Name, "%s was written without a claim", moved)
		return
	}
	rollout := c.checkOwnOnly(before, claim, *moved)
	if rollout == nil {
		return
	}
	c.checkActive(after.Name, rollout, *moved)
	back := c.checkNeverLower(before, owners, claim, rollout, *moved)
	if !back {
		c.checkClimb(after.Name, owners, claim, rollout, *moved)
	}
	c.bookStep(t, after, claim, rollout, *moved, back)
}

// bookStep writes a step into the books.
func (c *checker) bookStep(t *task, ns *corev1.Namespace, claim *v1alpha1.NamespaceRollout, rollout *v1alpha1.PodSecurityRollout, rung ladder.Rung, back bool) {
	b := c.book(ns.Name)
	entry := v1alpha1.HistoryEntry{
		Time: metav1.NewTime(c.w.now.Truncate(time.Second)), Mode: rung.Mode,
		From: v1alpha1.LevelVersion(rung.From.String()), To: v1alpha1.LevelVersion(rung.To.String()),
	}
	c.w.reach("a write of " + string(rung.Mode))
	if !back || isKnown(bugRollbackProgress) {
		c.climbs[entry.Time.Unix()] = true
	}
	if back {
		c.w.reach("a rollback")
		entry.Reason = v1alpha1.ReasonRolledBack
		b.rolledBack = &rolledBack{
			rung: entry.From, rollout: rollout,
			claimGeneration: claim.Status.Rollback.ApprovalGeneration, rolloutGeneration: claim.Status.Rollback.RolloutGeneration,
			approved: claim.Spec.ApprovedEnforce == string(entry.From) && claim.Status.Rollback.ApprovalGeneration != claim.Generation,
		}
	} else if rung.Mode == v1alpha1.ModeEnforce && enforceOf(rollout).Approval == v1alpha1.ApprovalManual {
		b.approvalUsed = claim.Generation
		c.w.reach("an approval used")
	}
	bake := duration(enforceOf(t.rollout).Bake)
	b.steps = append(b.steps, step{entry: entry, version: versionOf(ns), back: back, bake: bake})
}

func enforceOf(r *v1alpha1.PodSecurityRollout) v1alpha1.EnforceStrategy {
	if r == nil || r.Spec.Strategy == nil || r.Spec.Strategy.Enforce == nil {
		return v1alpha1.EnforceStrategy{}
	}
	return *r.Spec.Strategy.Enforce
}

// lastEnforce is the last enforce rung that stands, nil for none.
func (b *book) lastEnforce() *step {
	for i := len(b.steps) - 1; i >= 0; i-- {
		if s := &b.steps[i]; s.entry.Mode == v1alpha1.ModeEnforce {
			if s.back {
				return nil
			}
			return s
		}
	}
	return nil
}
