// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"sync/atomic"

	psaapi "k8s.io/pod-security-admission/api"

	"github.com/podsecurity-rollout/operator/internal/standards"
)

// maxJudgements is for how many levels and versions a profile remembers its findings: two levels at the versions that one cluster uses at a time, and those that
// a forecast asks about. The one asked for longest ago falls off and costs one evaluation when it is asked for again.
const maxJudgements = 24

// finding is a standards.Finding as it shows in a Violation.
type finding struct {
	check   string
	level   psaapi.Level
	message string
}

// judgement is what a level and version holds against a profile.
type judgement struct {
	lv       psaapi.LevelVersion
	findings []finding
}

// profile is a distinct profile, shared by all who show it in any namespace.
type profile struct {
	ref          profileRef
	runtimeClass string
	// holders counts who points here: cohorts, objects, departures. Guarded by the inventory's lock.
	holders int
	// forgettable is found out when it is first asked for. Guarded by the inventory's lock.
	forgettable *bool
	judgements  atomic.Pointer[[]judgement]
}

// judged answers what lv holds against the profile, and whether that is known. It may be called without the inventory's lock.
func (p *profile) judged(lv psaapi.LevelVersion) (findings []finding, known bool) {
	if lv.Level == psaapi.LevelPrivileged {
		return nil, true
	}
	if judgements := p.judgements.Load(); judgements != nil {
		for i := range *judgements {
			if (*judgements)[i].lv == lv {
				return (*judgements)[i].findings, true
			}
		}
	}
	return nil, false
}

// findings answers what lv holds against the profile, and finds it out when it is not known. It may be called without the inventory's lock.
func (p *profile) findings(e *standards.Evaluator, lv psaapi.LevelVersion) []finding {
	if findings, known := p.judged(lv); known {
		return findings
	}
	found := judgement{lv: lv, findings: evaluate(e, lv, p.ref)}
	p.remember(found)
	return found.findings
}

// remember adds a judgement in front. When another goroutine adds one meanwhile, this one is not remembered, and made again when needed.
func (p *profile) remember(found judgement) {
	known := p.judgements.Load()
	judgements := []judgement{found}
	if known != nil {
		judgements = append(judgements, (*known)[:min(len(*known), maxJudgements-1)]...)
	}
	p.judgements.CompareAndSwap(known, &judgements)
}

// evaluate asks the evaluator. A profile that cannot be read complies with nothing, which cannot happen to a key that standards has written.
func evaluate(e *standards.Evaluator, lv psaapi.LevelVersion, ref profileRef) []finding {
	decoded, err := ref.Value().Profile()
	if err != nil {
		return []finding{{check: "profile", level: psaapi.LevelBaseline, message: err.Error()}}
	}
	var findings []finding
	for _, f := range e.Evaluate(lv, &decoded.Meta, &decoded.Spec) {
		findings = append(findings, finding{check: f.Check, level: f.Level, message: f.Message()})
	}
	return findings
}

// profiles are the distinct profiles that somebody holds. The inventory's lock guards them.
type profiles struct {
	evaluator *standards.Evaluator
	byRef     map[profileRef]*profile
	// keyBytes is the length of all keys together.
	keyBytes int
}

// hold answers the profile of a key and counts one more holder.
func (ps *profiles) hold(ref profileRef) *profile {
	p, known := ps.byRef[ref]
	if !known {
		p = &profile{ref: ref}
		if decoded, err := ref.Value().Profile(); err == nil {
			p.runtimeClass = decoded.RuntimeClass()
		}
		ps.byRef[ref] = p
		ps.keyBytes += len(ref.Value())
	}
	p.holders++
	return p
}

// release counts one holder less. The last one takes the profile away.
func (ps *profiles) release(p *profile) {
	p.holders--
	if p.holders == 0 {
		delete(ps.byRef, p.ref)
		ps.keyBytes -= len(p.ref.Value())
	}
}

// isForgettable says whether no level at any version holds anything against the profile, so that there is nothing to remember when it leaves.
func (ps *profiles) isForgettable(p *profile) bool {
	if p.forgettable == nil {
		decoded, err := p.ref.Value().Profile()
		compliant := err == nil && ps.evaluator.AlwaysCompliant(&decoded.Meta, &decoded.Spec)
		p.forgettable = &compliant
	}
	return *p.forgettable
}
