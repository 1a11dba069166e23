// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"slices"

	"k8s.io/apimachinery/pkg/types"
)

// object is an object of any kind but a pod.
type object struct {
	// controller is kept when the object counts for it, see catalog.follows.
	controller workloadRef
	// workload is the topmost one, for which the object counts.
	workload workloadRef
	// profiles are the templates', none when it is no evidence.
	profiles []*profile
	owner    ownerRef
	uid      types.UID
	// unreadable is set when some template could not be read.
	unreadable bool
}

// applyObject takes in an object: as evidence, and as an owner.
func (n *namespace) applyObject(id objectID, r *record) {
	old, known := n.objects[id]
	now := object{workload: old.workload, owner: r.owner, uid: r.uid, unreadable: r.unreadable != nil}
	if n.kinds.follows(id.kind, r.controller) {
		now.controller = r.controller
	}
	if known && old.says(&now, r.profiles) {
		return
	}
	if !known {
		n.forgotten = false
	}
	if !known || old.controller != now.controller {
		now.workload = n.rise(id, now)
	}
	now.profiles = n.showTemplates(now.workload, r.profiles)
	n.objects[id] = now
	n.dropTemplates(old)
	if old.owner != now.owner && now.workload == n.kinds.ref(id) && n.workloads[now.workload] > 0 {
		n.changed = true
	}
}

// removeObject takes out an object. What is below it goes on counting for the workload it counted for: when a Deployment is deleted its ReplicaSets go
// before their pods, and these must not turn up as pods of a ReplicaSet nobody has heard of.
func (n *namespace) removeObject(id objectID) {
	old := n.objects[id]
	delete(n.objects, id)
	n.dropTemplates(old)
}

// says is whether an object is as it was, and the profiles of its templates are these.
func (o object) says(now *object, refs []profileRef) bool {
	return o.controller == now.controller && o.owner == now.owner && o.uid == now.uid && o.unreadable == now.unreadable &&
		slices.EqualFunc(o.profiles, refs, func(p *profile, ref profileRef) bool { return p.ref == ref })
}

// showTemplates has templates count for a workload.
func (n *namespace) showTemplates(workload workloadRef, refs []profileRef) []*profile {
	if len(refs) == 0 {
		return nil
	}
	shown := make([]*profile, 0, len(refs))
	for _, ref := range refs {
		p := n.profiles.hold(ref)
		n.arrive(group{profile: p, workload: workload, template: true})
		shown = append(shown, p)
	}
	return shown
}

func (n *namespace) dropTemplates(o object) {
	for _, p := range o.profiles {
		n.depart(group{profile: p, workload: o.workload, template: true}, "")
		n.profiles.release(p)
	}
}
