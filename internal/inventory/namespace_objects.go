// SPDX-License-Identifier: Apache-2.0

package inventory

// applyObject takes in an object with a template: as evidence, and as an owner.
func (n *namespace) applyObject(id objectID, r *record) {
	old, known := n.objects[id]
	now := object{}
	if kinds[id.kind].intermediate {
		now.controller = r.controller
	}
	if known && old.controller == now.controller && old.shows(r.profile) {
		return
	}
	if !known {
		n.forgotten = false
	}
	if r.profile != (profileRef{}) {
		now.profile = n.profiles.hold(r.profile)
		n.arrive(now.group(id))
	}
	n.objects[id] = now
	n.dropTemplate(id, old)
	n.reassign(id)
}

// removeObject takes out an object. Its pods, if there are any left, go on counting for the workload they counted for: when a Deployment is deleted its
// ReplicaSets go before their pods, and these must not turn up as pods of a ReplicaSet nobody has heard of.
func (n *namespace) removeObject(id objectID) {
	old := n.objects[id]
	delete(n.objects, id)
	n.dropTemplate(id, old)
}

// shows says whether the template's profile is this one, or none when it is none.
func (o object) shows(ref profileRef) bool {
	if o.profile == nil {
		return ref == profileRef{}
	}
	return o.profile.ref == ref
}

// workload is the topmost workload of an object: itself, or, of an intermediate kind, its controller.
func (o object) workload(id objectID) workloadRef {
	if o.controller != (workloadRef{}) {
		return o.controller
	}
	return id.ref()
}

func (o object) group(id objectID) group {
	return group{profile: o.profile, workload: o.workload(id), template: true}
}

func (n *namespace) dropTemplate(id objectID, o object) {
	if o.profile != nil {
		n.depart(o.group(id), "")
		n.profiles.release(o.profile)
	}
}

// topmost is the workload for which the pods of a controller count: the controller's own controller when it is of an intermediate kind and known, otherwise
// itself. No intermediate kind is controlled by another, so one step is all there is, and references in a circle do no harm.
func (n *namespace) topmost(ref workloadRef) workloadRef {
	id, watched := ref.objectID()
	if !watched || !kinds[id.kind].intermediate {
		return ref
	}
	return n.objects[id].workload(id)
}

// reassign moves the pods of an intermediate object to the workload for which they count now, as when the object is seen after its pods. Nothing departs by it.
func (n *namespace) reassign(id objectID) {
	if !kinds[id.kind].intermediate {
		return
	}
	owner, known := n.controllers[id.ref()]
	if !known {
		return
	}
	workload := n.objects[id].workload(id)
	if workload == owner.workload {
		return
	}
	before := owner.workload
	owner.workload = workload
	for _, c := range owner.cohorts {
		n.arrive(c.group())
		n.leave(group{profile: c.profile, workload: before})
	}
}
