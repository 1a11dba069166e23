// SPDX-License-Identifier: Apache-2.0

package standards

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	psaapi "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// idSeparator parts the check ID from the reason in the result of an identified check. No ID or reason holds a NUL.
const idSeparator = "\x00"

// Evaluator evaluates pods with upstream's default checks, the ones the API server's PodSecurity plugin uses. It holds every version the library
// knows, is never changed after NewEvaluator, and so may be used by many goroutines at once.
type Evaluator struct {
	policy policy.Evaluator
	// levels is the level each check belongs to.
	levels map[string]psaapi.Level
	// overridden is the baseline check that a restricted check stands in for, by the restricted one's ID.
	overridden map[string]string
	// revisions are the levels and versions at which the set of checks, or one of them, changes: every other version evaluates as one of these.
	revisions []psaapi.LevelVersion
}

// NewEvaluator wraps upstream's policy.DefaultChecks. It fails only when upstream's own validation of its checks does.
func NewEvaluator() (*Evaluator, error) {
	return newEvaluator(policy.DefaultChecks())
}

func newEvaluator(checks []policy.Check) (*Evaluator, error) {
	e := &Evaluator{levels: make(map[string]psaapi.Level, len(checks)), overridden: map[string]string{}}
	changed := map[psaapi.LevelVersion]bool{}
	for i := range checks {
		e.levels[string(checks[i].ID)] = checks[i].Level
		for j := range checks[i].Versions {
			revision := &checks[i].Versions[j]
			revision.CheckPod = identified(checks[i].ID, revision.CheckPod)
			changed[psaapi.LevelVersion{Level: checks[i].Level, Version: revision.MinimumVersion}] = true
			for _, id := range revision.OverrideCheckIDs {
				e.overridden[string(checks[i].ID)] = string(id)
			}
		}
	}
	upstream, err := policy.NewEvaluator(checks, nil)
	if err != nil {
		return nil, fmt.Errorf("building the upstream evaluator: %w", err)
	}
	e.policy = upstream
	for _, version := range Versions() {
		baseline := psaapi.LevelVersion{Level: psaapi.LevelBaseline, Version: version}
		restricted := psaapi.LevelVersion{Level: psaapi.LevelRestricted, Version: version}
		if changed[baseline] {
			e.revisions = append(e.revisions, baseline)
		}
		if changed[baseline] || changed[restricted] {
			e.revisions = append(e.revisions, restricted)
		}
	}
	return e, nil
}

// identified makes a check write its ID before its reason. Upstream's evaluator decides which checks run at a level and version, and answers their
// results in order but without IDs, so the ID has to travel inside the result.
func identified(id policy.CheckID, check policy.CheckPodFn) policy.CheckPodFn {
	return func(meta *metav1.ObjectMeta, spec *corev1.PodSpec) policy.CheckResult {
		result := check(meta, spec)
		if !result.Allowed {
			result.ForbiddenReason = string(id) + idSeparator + result.ForbiddenReason
		}
		return result
	}
}

// Evaluate answers what lv holds against a pod, in upstream's order: baseline checks by ID, then restricted ones by ID. Nil means that the pod
// complies. A version newer than the library, "latest" included, is evaluated as the library's newest (upstream's EvaluatePod); whether that will do is
// the caller's question, see NewestVersion. meta and spec are the pod's own or its template's, are only read, and may be nil, which reads as empty.
func (e *Evaluator) Evaluate(lv psaapi.LevelVersion, meta *metav1.ObjectMeta, spec *corev1.PodSpec) []Finding {
	if meta == nil {
		meta = &metav1.ObjectMeta{}
	}
	if spec == nil {
		spec = &corev1.PodSpec{}
	}
	var findings []Finding
	for _, result := range e.policy.EvaluatePod(lv, meta, spec) {
		if !result.Allowed {
			findings = append(findings, e.finding(result))
		}
	}
	return findings
}

// finding takes apart what identified put together. A check that gives no reason gets upstream's placeholder, as in policy.AggregateCheckResults.
func (e *Evaluator) finding(result policy.CheckResult) Finding {
	check, reason, _ := strings.Cut(result.ForbiddenReason, idSeparator)
	if reason == "" {
		reason = policy.UnknownForbiddenReason
	}
	return Finding{Check: check, Level: e.levels[check], Reason: reason, Detail: result.ForbiddenDetail}
}

// LeastStrictViolated is the least strict level that a pod violates at a version: baseline, restricted, or "" when it complies with restricted, and so
// with every level.
func (e *Evaluator) LeastStrictViolated(version psaapi.Version, meta *metav1.ObjectMeta, spec *corev1.PodSpec) psaapi.Level {
	for _, level := range []psaapi.Level{psaapi.LevelBaseline, psaapi.LevelRestricted} {
		if len(e.Evaluate(psaapi.LevelVersion{Level: level, Version: version}, meta, spec)) > 0 {
			return level
		}
	}
	return ""
}

// AlwaysCompliant says whether a pod complies with every level at every version the library knows. Complying with restricted at the newest version is
// not enough: newer versions allow some of what older ones forbid.
func (e *Evaluator) AlwaysCompliant(meta *metav1.ObjectMeta, spec *corev1.PodSpec) bool {
	for _, revision := range e.revisions {
		if len(e.Evaluate(revision, meta, spec)) > 0 {
			return false
		}
	}
	return true
}

// Revisions are the versions between from and to, both included, at which a level may hold something else against a pod than at the version before: from
// itself, then, oldest first, each at which a check of the level comes, goes or changes. Any version between evaluates as the last of these before it.
// Nil when to is older than from. Neither may be "latest", see Effective.
func (e *Evaluator) Revisions(level psaapi.Level, from, to psaapi.Version) []psaapi.Version {
	if to.Older(from) {
		return nil
	}
	versions := []psaapi.Version{from}
	for _, revision := range e.revisions {
		if revision.Level == level && from.Older(revision.Version) && !to.Older(revision.Version) {
			versions = append(versions, revision.Version)
		}
	}
	return versions
}

// Overridden is the ID of the baseline check that a restricted check stands in for, and so is never evaluated beside it (upstream's OverrideCheckIDs); ""
// for a check that stands for itself. Both mind the same fields, the restricted one more strictly.
func (e *Evaluator) Overridden(check string) string {
	return e.overridden[check]
}
