// SPDX-License-Identifier: Apache-2.0

package inventory

// maxOwners bounds how many controllers are followed from an object up. The longest chain known is a pod's of Knative: ReplicaSet, Deployment, Revision,
// Configuration, Service.
const maxOwners = 10

// topmost is the workload for which the pods of a controller, or the templates of an object, count: the end of the controllers that lead up from it, as far as
// they are known.
func (n *namespace) topmost(from workloadRef) workloadRef {
	top, _ := n.climb(from)
	return top
}

// climb is topmost, and says whether the way up leads over an object that has risen. References in a circle, and more of them than maxOwners, lead nowhere: the
// object counts for itself then.
func (n *namespace) climb(from workloadRef) (top workloadRef, overRisen bool) {
	top = from
	for range maxOwners {
		overRisen = overRisen || n.risen[top]
		id, known := n.kinds.objectID(top)
		if !known {
			return top, overRisen
		}
		above := n.objects[id].controller
		if above == (workloadRef{}) {
			return top, overRisen
		}
		top = above
	}
	return from, overRisen
}

// rise takes in the controller of an object, answers the workload for which the object counts by it, and notes the object for reassign if there may be
// anything below it.
func (n *namespace) rise(id objectID, o object) workloadRef {
	n.objects[id] = o
	if above, known := n.kinds.objectID(o.controller); known && o.controller != (workloadRef{}) {
		n.kinds.owning[above.kind] = true
	}
	ref := n.kinds.ref(id)
	if _, hasPods := n.controllers[ref]; hasPods || n.kinds.owning[id.kind] {
		if n.risen == nil {
			n.risen = map[workloadRef]bool{}
		}
		n.risen[ref] = true
	}
	return n.topmost(ref)
}

// reassign has what is below the objects that have risen count for its topmost workload as it is now, as when an owner is seen after what it owns. Nothing
// departs by it.
func (n *namespace) reassign() {
	if len(n.risen) == 0 {
		return
	}
	for id, o := range n.objects {
		top, below := n.climb(n.kinds.ref(id))
		if !below || top == o.workload {
			continue
		}
		for _, p := range o.profiles {
			n.move(group{profile: p, workload: o.workload, template: true}, top)
		}
		o.workload = top
		n.objects[id] = o
	}
	for _, owner := range n.controllers {
		top, below := n.climb(owner.ref)
		if !below || top == owner.workload {
			continue
		}
		for _, c := range owner.cohorts {
			n.move(c.group(), top)
		}
		owner.workload = top
	}
	n.risen = nil
}

// move has one that shows a group show it for another workload.
func (n *namespace) move(g group, to workloadRef) {
	n.arrive(group{profile: g.profile, workload: to, template: g.template})
	n.leave(g)
}
