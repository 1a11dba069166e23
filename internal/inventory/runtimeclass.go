// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"cmp"
	"slices"
)

// RuntimeClassUse is how much of a namespace names a runtime class. Pods and templates without one, which run on the nodes' default, are not counted.
type RuntimeClassUse struct {
	// Name is as pods and templates have it, whether there is such a RuntimeClass or not.
	Name string
	// Pods are all pods that name it, completed ones included; Templates are the templates that are evidence.
	Pods, Templates int
}

// RuntimeClasses answers the runtime classes that a namespace uses, ordered by name, and false as long as not every watch has synced. Subscribers hear of a
// class that comes into use or goes out of it, not of each pod.
func (i *Inventory) RuntimeClasses(name string) (uses []RuntimeClassUse, synced bool) {
	i.mu.RLock()
	defer i.mu.RUnlock()
	if len(i.unsynced) > 0 {
		return nil, false
	}
	n, known := i.namespaces[name]
	if !known {
		return nil, true
	}
	byName := map[string]RuntimeClassUse{}
	count := func(p *profile, pods, templates int) {
		if p.runtimeClass != "" {
			use := byName[p.runtimeClass]
			byName[p.runtimeClass] = RuntimeClassUse{Name: p.runtimeClass, Pods: use.Pods + pods, Templates: use.Templates + templates}
		}
	}
	for _, owner := range n.controllers {
		for _, c := range owner.cohorts {
			count(c.profile, c.pods, 0)
		}
	}
	for _, o := range n.objects {
		for _, p := range o.profiles {
			count(p, 0, 1)
		}
	}
	for _, use := range byName {
		uses = append(uses, use)
	}
	slices.SortFunc(uses, func(a, b RuntimeClassUse) int { return cmp.Compare(a.Name, b.Name) })
	return uses, true
}

// LetThrough is what a level would hold against the subjects that a query's exemptions keep from it.
type LetThrough struct {
	// Pods are the exempt pods against which the level would hold something. A template is let through without a pod.
	Pods int
	// Violations that the exemptions leave out of the verdict, in its order.
	Violations []Violation
}

// LetThrough answers what the query's exemptions let through, and false as long as not every watch has synced. Ask about one class at a time to learn which lets
// what through. What is gone is not in it: an exemption that is ended now concerns what is present.
func (i *Inventory) LetThrough(name string, q Query) (LetThrough, bool) {
	s := i.snapshot(name, Query{Level: q.Level})
	if !s.synced {
		return LetThrough{}, false
	}
	exempt := i.judge(slices.DeleteFunc(s.present, func(g shown) bool { return !q.exempt(g.profile) }), q)
	through := LetThrough{Violations: i.held(exempt, q)}
	for _, g := range exempt {
		through.Pods += g.pods
	}
	return through, true
}
