// SPDX-License-Identifier: Apache-2.0

package witness

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	psaapi "k8s.io/pod-security-admission/api"
)

// modes are the labels of each mode, in the order in which a level is climbed.
var modes = []struct{ name, level, version string }{
	{"audit", psaapi.AuditLevelLabel, psaapi.AuditVersionLabel},
	{"warn", psaapi.WarnLevelLabel, psaapi.WarnVersionLabel},
	{"enforce", psaapi.EnforceLevelLabel, psaapi.EnforceVersionLabel},
}

// Witness puts both sources together.
type Witness struct {
	*AuditLog
	*Namespaces
}

// Writes answers what a user changed in a namespace, in order, one line a write
// that the API server stored: a rung, such as "audit=baseline:v1.37", when the
// write was a patch that set one mode's labels and moved it up one level or to
// another version, and in words what it was otherwise.
//
// It errs while the log and the watch do not tell the same.
func (w *Witness) Writes(user, namespace string) ([]string, error) {
	requests, err := w.Requests(func(r Request) bool {
		return r.Resource == "namespaces" && r.Name == namespace && r.Writes() && (r.Succeeded() || r.Interrupted())
	})
	if err != nil {
		return nil, err
	}
	versions := w.Versions(namespace)
	var writes []string
	for _, r := range requests {
		if r.User != user {
			continue
		}
		i := writtenBy(r, versions, requests)
		if i < 0 && r.Interrupted() {
			continue // it was not stored
		}
		write, err := describe(r, versions, i)
		if err != nil {
			return nil, err
		}
		writes = append(writes, write)
	}
	return writes, nil
}

// describe answers what a request wrote, given the index of the version that it
// made: an error when that is not known, or that before is not.
func describe(r Request, versions []Version, i int) (string, error) {
	switch {
	case r.Verb != "patch" || r.Subresource != "":
		return "not a patch of the namespace: " + r.String(), nil
	case i < 0:
		return "", fmt.Errorf("the watch has not shown version %q yet, which the audit log has: %s", r.ResourceVersion, r)
	case i == 0:
		return "", fmt.Errorf("the version before %q is not known: %s", r.ResourceVersion, r)
	}
	versions[i].claimed = true
	return Change(versions[i-1], versions[i]), nil
}

// writtenBy answers the index of the version that a request made, -1 for none.
func writtenBy(r Request, versions []Version, requests []Request) int {
	if r.Interrupted() {
		return unclaimed(versions, requests)
	}
	return slices.IndexFunc(versions, func(v Version) bool { return v.ResourceVersion == r.ResourceVersion })
}

// unclaimed answers the first version but the first of all that no request
// accounts for: what an interrupted one has written. -1 is none.
func unclaimed(versions []Version, requests []Request) int {
	for i := 1; i < len(versions); i++ {
		accounted := slices.ContainsFunc(requests, func(r Request) bool { return r.ResourceVersion == versions[i].ResourceVersion })
		if !accounted && !versions[i].claimed {
			return i
		}
	}
	return -1
}

// Change is the difference between two versions of a namespace in one line, as
// Writes has it.
func Change(before, after Version) string {
	if before.besides != after.besides {
		return fmt.Sprintf("more than labels: from %s to %s", before.besides, after.besides)
	}
	changed := changedKeys(before.Labels, after.Labels)
	var moved []string
	for _, mode := range modes {
		if !changed[mode.level] && !changed[mode.version] {
			continue
		}
		delete(changed, mode.level)
		delete(changed, mode.version)
		moved = append(moved, move(mode.name, before.Labels[mode.level], after.Labels[mode.level], after.Labels[mode.version]))
	}
	switch {
	case len(changed) > 0:
		return fmt.Sprintf("other labels than Pod Security's: %q", slices.Sorted(maps.Keys(changed)))
	case len(moved) == 0:
		return "nothing"
	case len(moved) > 1:
		return "more than one mode: " + strings.Join(moved, " and ")
	}
	return moved[0]
}

func changedKeys(before, after map[string]string) map[string]bool {
	changed := map[string]bool{}
	for _, labels := range []map[string]string{before, after} {
		for key := range labels {
			old, had := before[key]
			now, has := after[key]
			changed[key] = had != has || old != now
		}
	}
	maps.DeleteFunc(changed, func(_ string, differs bool) bool { return !differs })
	return changed
}

// levels in the order of strictness. What is no level, or not there, counts as
// the least strict.
var levels = []psaapi.Level{psaapi.LevelPrivileged, psaapi.LevelBaseline, psaapi.LevelRestricted}

func move(mode, from, to, version string) string {
	rung := fmt.Sprintf("%s=%s:%s", mode, to, version)
	steps := max(0, slices.Index(levels, psaapi.Level(to))) - max(0, slices.Index(levels, psaapi.Level(from)))
	switch {
	case steps < 0:
		return fmt.Sprintf("%s, lowered from %s", rung, from)
	case steps > 1:
		return fmt.Sprintf("%s, %d levels at once", rung, steps)
	}
	return rung
}
