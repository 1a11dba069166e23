// SPDX-License-Identifier: Apache-2.0

package ladder

import (
	"fmt"

	psaapi "k8s.io/pod-security-admission/api"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

// Modes lists the three modes in the order in which a level is climbed.
var Modes = []v1alpha1.Mode{v1alpha1.ModeAudit, v1alpha1.ModeWarn, v1alpha1.ModeEnforce}

// Rung is one step: one mode goes from one level and version to another.
type Rung struct {
	Mode     v1alpha1.Mode
	From, To psaapi.LevelVersion
}

// String is the rung as people read it, such as "enforce=baseline:v1.37".
func (r Rung) String() string {
	return fmt.Sprintf("%s=%s", r.Mode, r.To.String())
}

// versionOnly is whether the rung keeps the level and moves the version.
func (r Rung) versionOnly() bool {
	return r.From.Level == r.To.Level
}

// Of answers the level and version of one mode of a policy.
func Of(p psaapi.Policy, mode v1alpha1.Mode) psaapi.LevelVersion {
	switch mode {
	case v1alpha1.ModeAudit:
		return p.Audit
	case v1alpha1.ModeWarn:
		return p.Warn
	default:
		return p.Enforce
	}
}

// With answers p with one mode set.
func With(p psaapi.Policy, mode v1alpha1.Mode, lv psaapi.LevelVersion) psaapi.Policy {
	switch mode {
	case v1alpha1.ModeAudit:
		p.Audit = lv
	case v1alpha1.ModeWarn:
		p.Warn = lv
	default:
		p.Enforce = lv
	}
	return p
}

// TargetPolicy answers the policy that a target means on an API server of the
// given emulation version: warn and audit follow enforce when left out, and
// Cluster is the server's own version. It errs on a level or version that is
// none; the API server refuses those before they get here.
func TargetPolicy(t v1alpha1.Target, server psaapi.Version) (psaapi.Policy, error) {
	version, err := targetVersion(t.Version, server)
	if err != nil {
		return psaapi.Policy{}, fmt.Errorf("target %q: version %q %w", t.Name, t.Version, err)
	}
	var p psaapi.Policy
	for mode, level := range map[v1alpha1.Mode]v1alpha1.Level{
		v1alpha1.ModeEnforce: t.Enforce,
		v1alpha1.ModeWarn:    orDefault(t.Warn, t.Enforce),
		v1alpha1.ModeAudit:   orDefault(t.Audit, t.Enforce),
	} {
		parsed, err := psaapi.ParseLevel(string(level))
		if err != nil {
			return psaapi.Policy{}, fmt.Errorf("target %q: %s level %q %w", t.Name, mode, level, err)
		}
		p = With(p, mode, psaapi.LevelVersion{Level: parsed, Version: version})
	}
	return p, nil
}

func targetVersion(v v1alpha1.Version, server psaapi.Version) (psaapi.Version, error) {
	if v == v1alpha1.VersionCluster || v == "" {
		return server, nil
	}
	return psaapi.ParseVersion(string(v))
}

func orDefault(level, fallback v1alpha1.Level) v1alpha1.Level {
	if level == "" {
		return fallback
	}
	return level
}

// Next answers the next rung from the policy in force to the target, and false
// when no mode has anything left to climb.
//
// It is the lowest level, then version, that some mode still has to reach;
// within it audit comes before warn and warn before enforce. An enforce rung
// that only moves the version also waits for the version rungs of audit and
// warn at a stricter level, so that after a cluster upgrade enforce is last.
func Next(inForce, target psaapi.Policy, server psaapi.Version) (Rung, bool) {
	var best *Rung
	pending := pendingRungs(inForce, target, server)
	for i := range pending {
		if best == nil || lower(pending[i].To, best.To) {
			best = &pending[i]
		}
	}
	if best == nil {
		return Rung{}, false
	}
	if best.Mode == v1alpha1.ModeEnforce && best.versionOnly() {
		for _, r := range pending {
			if r.versionOnly() {
				return r, true // pending is in mode order, so enforce itself is the last
			}
		}
	}
	return *best, true
}

// Remaining answers every rung that is left, in the order of climbing.
func Remaining(inForce, target psaapi.Policy, server psaapi.Version) []Rung {
	var rungs []Rung
	for {
		r, ok := Next(inForce, target, server)
		if !ok {
			return rungs
		}
		rungs = append(rungs, r)
		inForce = With(inForce, r.Mode, r.To)
	}
}

// Levels answers the levels that matter to the namespace, in the order of
// climbing and each once: those of the rungs that are left, or the target's own
// when none is. Privileged is not among them: everything complies with it.
func Levels(inForce, target psaapi.Policy, server psaapi.Version) []psaapi.LevelVersion {
	var levels []psaapi.LevelVersion
	seen := map[psaapi.LevelVersion]bool{}
	add := func(lv psaapi.LevelVersion) {
		if lv.Level != psaapi.LevelPrivileged && !seen[lv] {
			seen[lv] = true
			levels = append(levels, lv)
		}
	}
	for _, r := range Remaining(inForce, target, server) {
		add(r.To)
	}
	if len(levels) == 0 {
		for _, mode := range []v1alpha1.Mode{v1alpha1.ModeEnforce, v1alpha1.ModeWarn, v1alpha1.ModeAudit} {
			add(Of(target, mode))
		}
	}
	return levels
}

// Ahead answers the modes that are stricter, or newer at the same level, than
// the target. They stay as they are.
func Ahead(inForce, target psaapi.Policy, server psaapi.Version) []v1alpha1.Mode {
	var modes []v1alpha1.Mode
	for _, mode := range Modes {
		cur, want := Of(inForce, mode), Of(target, mode)
		switch cmp := psaapi.CompareLevels(cur.Level, want.Level); {
		case cmp > 0,
			cmp == 0 && cur.Level != psaapi.LevelPrivileged && want.Version.Older(effective(cur.Version, server)):
			modes = append(modes, mode)
		}
	}
	return modes
}

// pendingRungs answers the next step of each mode that has one, in mode order.
func pendingRungs(inForce, target psaapi.Policy, server psaapi.Version) []Rung {
	var rungs []Rung
	for _, mode := range Modes {
		cur := Of(inForce, mode)
		if to, ok := step(cur, Of(target, mode), server); ok {
			rungs = append(rungs, Rung{Mode: mode, From: cur, To: to})
		}
	}
	return rungs
}

// step answers where one mode goes next: to the next level at the target's
// version, or at its target's level to the target's version.
func step(cur, target psaapi.LevelVersion, server psaapi.Version) (psaapi.LevelVersion, bool) {
	if target.Level == psaapi.LevelPrivileged {
		return cur, false
	}
	switch cmp := psaapi.CompareLevels(cur.Level, target.Level); {
	case cmp > 0:
		return cur, false
	case cmp < 0:
		return psaapi.LevelVersion{Level: nextLevel(cur.Level), Version: notOlder(cur, target.Version, server)}, true
	case cur.Version == target.Version:
		return cur, false
	case cur.Version.Latest():
		// A pin of latest to the server's own version is of the same strictness;
		// to any older one it would be a step down.
		return target, target.Version == server
	default:
		return target, cur.Version.Older(target.Version)
	}
}

func nextLevel(l psaapi.Level) psaapi.Level {
	if l == psaapi.LevelPrivileged {
		return psaapi.LevelBaseline
	}
	return psaapi.LevelRestricted
}

// notOlder answers the target's version, or the version in force when that is
// newer: a rung never takes a mode to an older version. The version of
// privileged means nothing.
func notOlder(cur psaapi.LevelVersion, target, server psaapi.Version) psaapi.Version {
	if cur.Level == psaapi.LevelPrivileged || target.Latest() {
		return target
	}
	if v := effective(cur.Version, server); target.Older(v) {
		return v
	}
	return target
}

// effective is the version that latest stands for on this server.
func effective(v, server psaapi.Version) psaapi.Version {
	if v.Latest() {
		return server
	}
	return v
}

// lower orders rungs by level, then version.
func lower(a, b psaapi.LevelVersion) bool {
	if cmp := psaapi.CompareLevels(a.Level, b.Level); cmp != 0 {
		return cmp < 0
	}
	return a.Version.Older(b.Version)
}
