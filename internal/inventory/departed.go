// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"time"
)

// departure is when, and as which pod, a group was last seen.
type departure struct {
	at      time.Time
	example string
}

// departed remembers the groups of a namespace that are gone and violated some level at some version. It is bounded in number and in time. What does not
// fit falls off: first the oldest of those whose profile a later departure shows as well (for the soak no evidence is lost with it), then the oldest.
type departed struct {
	groups map[group]departure
}

// remember adds a group; the departure holds its profile.
func (d *departed) remember(ps *profiles, g group, at departure, limit int) {
	if limit <= 0 || ps.isForgettable(g.profile) {
		return
	}
	if d.groups == nil {
		d.groups = map[group]departure{}
	}
	ps.hold(g.profile.ref)
	d.groups[g] = at
	for len(d.groups) > limit {
		d.forget(ps, d.leastMissed())
	}
}

// forget drops a group, if it is remembered.
func (d *departed) forget(ps *profiles, g group) {
	if _, remembered := d.groups[g]; remembered {
		delete(d.groups, g)
		ps.release(g.profile)
	}
}

// forgetUntil drops what was last seen at a time or before.
func (d *departed) forgetUntil(ps *profiles, limit time.Time) {
	for g, gone := range d.groups {
		if !gone.at.After(limit) {
			d.forget(ps, g)
		}
	}
}

// leastMissed is the group that falls off next. It is not called on none.
func (d *departed) leastMissed() group {
	latest := map[*profile]time.Time{}
	for g, gone := range d.groups {
		if gone.at.After(latest[g.profile]) {
			latest[g.profile] = gone.at
		}
	}
	var least group
	for g, gone := range d.groups {
		if least.profile == nil || d.missedLess(g, least, gone.at.Before(latest[g.profile]), d.groups[least].at.Before(latest[least.profile])) {
			least = g
		}
	}
	return least
}

// missedLess orders groups for falling off: repeated ones first, then by age, then by workload so that the order is a stable one.
func (d *departed) missedLess(a, b group, aRepeated, bRepeated bool) bool {
	if aRepeated != bRepeated {
		return aRepeated
	}
	if at, bt := d.groups[a].at, d.groups[b].at; !at.Equal(bt) {
		return at.Before(bt)
	}
	return compareWorkloads(a.workload.workload(), b.workload.workload()) < 0
}
