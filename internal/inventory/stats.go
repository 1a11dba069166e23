// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"slices"
	"unsafe"
)

// Stats says how much the inventory holds.
type Stats struct {
	Synced bool
	// Namespaces that there is anything about.
	Namespaces int
	// Pods, and Templates that are evidence: the subjects.
	Pods, Templates int
	// Profiles are the distinct profiles of all namespaces together.
	Profiles int
	// Owners are the objects kept as owners or for their templates, old ReplicaSets included.
	Owners int
	// Unreadable are the objects of custom kinds with a template that could not be read.
	Unreadable int
	// Unwatched are the custom kinds that are served but not watched, in order. Inventory.Unwatched has the reasons.
	Unwatched []string
	// Departed are the groups that are gone and remembered.
	Departed int
	// ApproximateBytes is an estimate of the memory held, from the counts above. Names are taken to have nameBytes.
	ApproximateBytes int
}

// Estimates for ApproximateBytes: a map entry takes a quarter more than its contents, names and interned workloads take what names usually do.
const (
	nameBytes     = 32
	podBytes      = nameBytes + (int(unsafe.Sizeof("")+unsafe.Sizeof(&cohort{})))*5/4
	objectBytes   = nameBytes + (int(unsafe.Sizeof(objectID{})+unsafe.Sizeof(object{})))*5/4 + int(unsafe.Sizeof(&profile{}))
	workloadBytes = int(unsafe.Sizeof(Workload{})) + 2*nameBytes
	groupBytes    = (int(unsafe.Sizeof(group{})+unsafe.Sizeof(workloadRef{}))+16)*5/4 +
		int(unsafe.Sizeof(cohort{})) + int(unsafe.Sizeof(controller{})) + workloadBytes
	profileBytes = int(unsafe.Sizeof(profile{})) + 2*int(unsafe.Sizeof(judgement{})) + 8*int(unsafe.Sizeof(finding{}))
)

// Stats counts. It takes a moment that goes with the number of objects that are no pods.
func (i *Inventory) Stats() Stats {
	i.mu.RLock()
	defer i.mu.RUnlock()
	s := Stats{Synced: len(i.unsynced) == 0, Namespaces: len(i.namespaces), Profiles: len(i.profiles.byRef)}
	for k := range i.unwatched {
		s.Unwatched = append(s.Unwatched, i.kinds.nameOf(k))
	}
	slices.Sort(s.Unwatched)
	groups := 0
	for _, n := range i.namespaces {
		s.Pods += len(n.pods)
		s.Owners += len(n.objects)
		s.Departed += len(n.departed.groups)
		groups += len(n.groups)
		for _, o := range n.objects {
			if o.unreadable {
				s.Unreadable++
			}
		}
		for g, members := range n.groups {
			if g.template {
				s.Templates += members
			}
		}
	}
	s.ApproximateBytes = s.Pods*podBytes + s.Owners*objectBytes + (groups+s.Departed)*groupBytes + s.Profiles*profileBytes + i.profiles.keyBytes
	return s
}
