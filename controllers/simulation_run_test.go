// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"maps"
	"slices"
	"time"

	"k8s.io/utils/ptr"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/summary"
)

// work lets the operator do so many things: take in an event, begin to
// reconcile, go on with what rests. It answers how many it did.
func (w *world) work(things int) int {
	for done := range things {
		if !w.workOnce() {
			return done
		}
	}
	return things
}

// workOnce does one thing, chosen at random, and says whether there was any.
func (w *world) workOnce() bool {
	o := w.op
	var choices [kindCount + 3]int
	can := choices[:0]
	for k := range kindCount {
		if o.canDeliver(k) {
			can = append(can, int(k))
		}
	}
	for i, ready := range []bool{o.ofNamespaces.canTake(), o.ofRollouts.canTake(), len(o.tasks) > 0} {
		if ready {
			can = append(can, int(kindCount)+i)
		}
	}
	if len(can) == 0 {
		return false
	}
	o.do(can[w.IntN(len(can))])
	return true
}

// do does one of the things that workOnce chooses from.
func (o *operator) do(what int) {
	switch what - int(kindCount) {
	case 0:
		o.begin(o.ofNamespaces)
	case 1:
		o.begin(o.ofRollouts)
	case 2:
		o.resume(o.tasks[o.w.IntN(len(o.tasks))])
	default:
		o.deliver(kind(what))
	}
}

// catchUp lets the operator work until nothing is left to do now.
func (w *world) catchUp() {
	if w.work(enough) == enough {
		w.check.fail(invariantConvergence, "any", "the operator has done %d things at one moment, and is not done", enough)
	}
}

// enough is more than any fleet here has to do at one moment.
const enough = 20000

// advance moves the clock, and brings what is due. What is under way goes on to
// its end first: an API call takes no time that matters here.
func (w *world) advance(to time.Time) {
	for len(w.op.tasks) > 0 {
		w.op.resume(w.op.tasks[w.IntN(len(w.op.tasks))])
	}
	w.now = to
	w.expireEvents()
	w.op.clockMoved()
}

// nextTime is when something is due, false for never.
func (w *world) nextTime() (time.Time, bool) {
	var next time.Time
	sooner := func(t time.Time, ok bool) {
		if ok && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	sooner(w.op.ofNamespaces.next())
	sooner(w.op.ofRollouts.next())
	sooner(w.op.asksAt, w.op.version != w.server)
	sooner(w.op.syncsAt, w.op.syncsAt.After(w.now))
	for _, refused := range w.refusals {
		for _, r := range refused {
			sooner(r.Time.Add(eventsLast+time.Second), true)
		}
	}
	return next, !next.IsZero()
}

// chaos has things happen for a while, with an operator that lags, rests,
// crashes and meets errors.
func (w *world) chaos(rounds int) {
	w.faults = faults{crash: pick(w, 0, 2000, 400), fail: pick(w, 0, 500, 60), pause: pick(w, 0, 12, 4), meddle: pick(w, 0, 20, 4)}
	for range rounds {
		for range w.IntN(4) {
			w.happen()
		}
		if w.oneIn(3) {
			w.work(w.IntN(60))
		} else {
			w.catchUp()
		}
		if len(w.check.found) > 0 {
			return
		}
		w.advance(w.now.Add(w.randomStep()))
	}
}

func (w *world) randomStep() time.Duration {
	step := pick(w, 2*time.Second, 2*time.Second, 10*time.Second, time.Minute, 5*time.Minute, 5*time.Minute, time.Hour, 5*time.Hour)
	return time.Duration(w.Int64N(int64(step))) + time.Second
}

// quietFor is how long nothing may be written before a fleet counts as settled:
// longer than any window, soak or bake here.
func (w *world) quietFor() time.Duration {
	longest := 3 * time.Hour
	for _, r := range w.rollouts {
		for _, b := range r.Spec.Strategy.Budgets {
			switch b.Schedule {
			case "0 22 * * *":
				longest = max(longest, 27*time.Hour)
			case "0 18 * * fri":
				longest = max(longest, 8*24*time.Hour)
			}
		}
	}
	return longest
}

// settle stops the faults and lets time pass until nothing has been written for
// long enough. In half of the worlds people help: they approve, correct and
// resume. It answers false when no rest comes.
func (w *world) settle() bool {
	w.faults = faults{}
	for w.collectGarbage() {
		w.catchUp()
	}
	w.allowWrites() // a write that is refused for ever is tried for ever
	helped := w.oneIn(2)
	if helped {
		w.resumeAll()
		w.acceptSpecs()
	}
	quiet := w.quietFor()
	for i := range 5000 {
		w.catchUp()
		if len(w.check.found) > 0 {
			return true
		}
		if helped && i%10 == 0 && i < 200 {
			w.helpOut()
			w.catchUp()
		}
		next, ok := w.nextTime()
		if !ok || next.Sub(w.lastWrite) > quiet {
			return true
		}
		w.advance(next)
	}
	return false
}

func (w *world) resumeAll() {
	w.haste = false
	for _, name := range slices.Sorted(maps.Keys(w.rollouts)) {
		spec := w.rollouts[name].Spec
		if ptr.Deref(spec.Suspend, false) || spec.Mode == v1alpha1.RolloutModeObserve {
			w.log("("+name+")", "", "is resumed")
			w.editRollout(name, func(spec *v1alpha1.PodSecurityRolloutSpec) {
				spec.Suspend, spec.Mode = ptr.To(false), v1alpha1.RolloutModeApply
			})
		}
	}
}

// helpOut approves what awaits it, and corrects what is refused.
func (w *world) helpOut() {
	for _, name := range w.names() {
		if w.refusals[name] != nil {
			w.amendIn(name)
		}
		claim := w.claims[name]
		if claim == nil || claim.Status.Next == nil {
			continue
		}
		if state, _ := summary.State(claim.Status); state == v1alpha1.ReasonAwaitingApproval {
			w.approve(name, string(claim.Status.Next.To))
		}
	}
}
