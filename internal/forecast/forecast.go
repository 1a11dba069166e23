// SPDX-License-Identifier: Apache-2.0

package forecast

import (
	"cmp"
	"slices"

	psaapi "k8s.io/pod-security-admission/api"

	"github.com/podsecurity-rollout/operator/internal/standards"
)

// MaxEntries is how many entries a forecast has at most.
const MaxEntries = 12

// Input is what a forecast is made of.
type Input struct {
	// Evaluator tells at which versions checks change.
	Evaluator *standards.Evaluator
	// InForce is the level and version in force, or targeted: the forecast starts there. A version newer than Newest, "latest" included, is Newest.
	InForce psaapi.LevelVersion
	// Newest is the newest version known, never "latest".
	Newest psaapi.Version
	// Verdict answers everything that a level holds at a version. It is asked once for each level and each version at which a check of that level changes.
	Verdict func(psaapi.LevelVersion) []Violation
}

// Violation is what a check holds against a workload.
type Violation struct {
	// Workload is its kind and name, e.g. "Deployment web".
	Workload string
	// Check is the upstream check ID, Message its reason and detail.
	Check, Message string
}

// Entry is a stretch of versions at which the same workloads violate the same checks of a level.
type Entry struct {
	Level psaapi.Level
	// From and To are its first and last version.
	From, To psaapi.Version
	// Violating are the workloads that violate the level, with what is held against them at From: messages may name less at later versions.
	Violating Tally
	// Broken are those that violate a check they did not at the stretch before, Allowed those that no longer violate one they did. A check and the stricter one
	// that stands in for it count as one. Both are empty in a level's first stretch.
	Broken, Allowed Tally
}

// Holds says whether no workload violates the level.
func (e Entry) Holds() bool {
	return e.Violating.Workloads == 0
}

// Forecast is what newer versions and the next level hold.
type Forecast struct {
	// Entries are those of the level in force, then those of the next stricter one, the oldest versions first. Privileged forbids nothing and has none.
	Entries []Entry
	// Omitted is how many entries fell off the end: the newest versions of the stricter level.
	Omitted int
}

// Make makes the forecast.
func Make(in Input) Forecast {
	start := standards.Effective(in.InForce, in.Newest)
	var entries []Entry
	for _, level := range levelsFrom(start.Level) {
		entries = append(entries, stretches(in, level, start.Version)...)
	}
	kept := entries[:min(len(entries), MaxEntries)]
	return Forecast{Entries: kept, Omitted: len(entries) - len(kept)}
}

// levelsFrom are the level in force and the next stricter one, without privileged.
func levelsFrom(level psaapi.Level) []psaapi.Level {
	switch level {
	case psaapi.LevelPrivileged:
		return []psaapi.Level{psaapi.LevelBaseline}
	case psaapi.LevelBaseline:
		return []psaapi.Level{psaapi.LevelBaseline, psaapi.LevelRestricted}
	default:
		return []psaapi.Level{psaapi.LevelRestricted}
	}
}

// stretches are the entries of one level.
func stretches(in Input, level psaapi.Level, from psaapi.Version) []Entry {
	var entries []Entry
	var before []Violation
	for i, version := range in.Evaluator.Revisions(level, from, in.Newest) {
		now := ordered(in.Verdict(psaapi.LevelVersion{Level: level, Version: version}))
		entry := Entry{
			Level: level, From: version, Violating: tally(now),
			Broken: tally(without(in.Evaluator, now, before)), Allowed: tally(without(in.Evaluator, before, now)),
		}
		before = now
		switch {
		case i == 0:
			entry.Broken = Tally{} // there is nothing to compare with
		case entry.Broken.Workloads == 0 && entry.Allowed.Workloads == 0:
			continue
		default:
			entries[len(entries)-1].To = justBefore(version)
		}
		entries = append(entries, entry)
	}
	if len(entries) > 0 {
		entries[len(entries)-1].To = in.Newest
	}
	return entries
}

// justBefore is the version before a version that is not the first.
func justBefore(v psaapi.Version) psaapi.Version {
	return psaapi.MajorMinorVersion(v.Major(), v.Minor()-1)
}

// ordered is by workload, check and message, so that the first is always the same.
func ordered(violations []Violation) []Violation {
	return slices.SortedFunc(slices.Values(violations), func(a, b Violation) int {
		return cmp.Or(cmp.Compare(a.Workload, b.Workload), cmp.Compare(a.Check, b.Check), cmp.Compare(a.Message, b.Message))
	})
}

// without leaves out the violations of which others have the same workload and check. The message may differ, as when one of two forbidden values is
// allowed, and so may the check, when a stricter one comes to stand in for it.
func without(e *standards.Evaluator, violations, others []Violation) []Violation {
	type held struct{ workload, check string }
	of := func(v Violation) held { return held{v.Workload, cmp.Or(e.Overridden(v.Check), v.Check)} }
	known := make(map[held]bool, len(others))
	for _, v := range others {
		known[of(v)] = true
	}
	return slices.DeleteFunc(slices.Clone(violations), func(v Violation) bool { return known[of(v)] })
}
