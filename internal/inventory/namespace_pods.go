// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"slices"
)

// applyPod puts a pod into its cohort.
func (n *namespace) applyPod(r *record) {
	ref := r.controller
	if ref == (workloadRef{}) {
		ref = n.kinds.ref(objectID{kind: pods, name: r.name})
	}
	old, known := n.pods[r.name]
	if known && old.controller.ref == ref && old.controller.owner == r.owner && old.profile.ref == r.profiles[0] {
		old.controller.uid = r.uid
		return
	}
	if !known {
		n.forgotten = false
	}
	now := n.cohort(ref, r.profiles[0])
	n.changed = n.changed || now.controller.owner != r.owner
	now.controller.owner, now.controller.uid = r.owner, r.uid
	now.join(r.name)
	n.pods[r.name] = now
	if known {
		n.leaveCohort(old, r.name)
	}
}

func (n *namespace) removePod(name string) {
	if c, known := n.pods[name]; known {
		delete(n.pods, name)
		n.leaveCohort(c, name)
	}
}

// cohort finds the cohort of a controller and a profile, or makes it.
func (n *namespace) cohort(ref workloadRef, profile profileRef) *cohort {
	owner, known := n.controllers[ref]
	if !known {
		owner = &controller{ref: ref, workload: n.topmost(ref)}
		n.controllers[ref] = owner
	}
	for _, c := range owner.cohorts {
		if c.profile.ref == profile {
			return c
		}
	}
	c := &cohort{controller: owner, profile: n.profiles.hold(profile)}
	owner.cohorts = append(owner.cohorts, c)
	n.arrive(c.group())
	return c
}

func (c *cohort) group() group {
	return group{profile: c.profile, workload: c.controller.workload}
}

// join takes a pod in. While the cohort is unsure, first is of no account.
func (c *cohort) join(name string) {
	if c.pods == 0 || name < c.first {
		c.first = name
	}
	c.pods++
}

// leaveCohort takes a pod out of a cohort. The last one takes the cohort away, and the last cohort its controller.
func (n *namespace) leaveCohort(c *cohort, name string) {
	c.pods--
	if c.pods > 0 {
		if name == c.first {
			c.unsure, n.unsure = true, true
		}
		return
	}
	owner := c.controller
	owner.cohorts = slices.DeleteFunc(owner.cohorts, func(other *cohort) bool { return other == c })
	if len(owner.cohorts) == 0 {
		delete(n.controllers, owner.ref)
	}
	n.depart(c.group(), name)
	n.profiles.release(c.profile)
}

// settle finds the first names again that are unsure, in one pass over the pods.
func (n *namespace) settle() {
	if !n.unsure {
		return
	}
	found := map[*cohort]string{}
	for name, c := range n.pods {
		if !c.unsure {
			continue
		}
		if first, ok := found[c]; !ok || name < first {
			found[c] = name
		}
	}
	for c, first := range found {
		c.first, c.unsure = first, false
	}
	n.unsure = false
}
