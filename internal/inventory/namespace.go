// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// group is what a verdict is made of: a profile that a workload shows, in its pods or in a template.
type group struct {
	profile  *profile
	workload workloadRef
	template bool
}

// cohort are the pods of one controller that have one profile.
type cohort struct {
	controller *controller
	profile    *profile
	pods       int
	// first is the lexically first name of them, unless unsure: its pod has left, and the next has not been looked for.
	first  string
	unsure bool
}

// controller is what pods name as their controller; a pod without is its own.
type controller struct {
	ref workloadRef
	// workload is the topmost one, for which its pods count.
	workload workloadRef
	cohorts  []*cohort
	// owner is who owns a pod that is its own controller.
	owner ownerRef
	uid   types.UID
}

// namespace is what runs in a namespace. The inventory's lock guards it.
type namespace struct {
	options  *Options
	kinds    *catalog
	profiles *profiles

	pods        map[string]*cohort
	controllers map[workloadRef]*controller
	objects     map[objectID]object
	// groups counts who shows each group: cohorts, or objects.
	groups map[group]int
	// workloads counts the groups of each.
	workloads map[workloadRef]int
	departed  departed

	// risen are objects that have changed their controllers, so that what is below them counts for others.
	risen map[workloadRef]bool
	// changed is set when a group comes or goes, or an owner is another, and cleared by who tells the subscribers.
	changed bool
	// unsure is set when some cohort is.
	unsure bool
	// forgotten is set when the namespace is gone while some of its subjects are not: what leaves from then on is not remembered.
	forgotten bool
}

func newNamespace(options *Options, kinds *catalog, ps *profiles) *namespace {
	return &namespace{
		options: options, kinds: kinds, profiles: ps,
		pods: map[string]*cohort{}, controllers: map[workloadRef]*controller{}, objects: map[objectID]object{},
		groups: map[group]int{}, workloads: map[workloadRef]int{},
	}
}

// empty says that nothing is left to keep.
func (n *namespace) empty() bool {
	return len(n.pods) == 0 && len(n.objects) == 0 && len(n.departed.groups) == 0
}

// apply takes in an object as it is now.
func (n *namespace) apply(k kind, r *record) {
	n.take(k, r)
	n.reassign()
}

// take is apply, but for what the object changes below it.
func (n *namespace) take(k kind, r *record) {
	if k == pods {
		n.applyPod(r)
		return
	}
	n.applyObject(objectID{kind: k, name: r.name}, r)
}

// remove takes out an object. One that is not there is none.
func (n *namespace) remove(id objectID) {
	if id.kind == pods {
		n.removePod(id.name)
		return
	}
	n.removeObject(id)
}

// replace takes in all objects of a kind: those that are not among the records are gone. What comes is taken in before what goes is taken out, so that a
// group whose pods have all been replaced stays.
func (n *namespace) replace(k kind, records []*record) {
	present := make(map[string]bool, len(records))
	for _, r := range records {
		present[r.name] = true
		n.take(k, r)
	}
	n.reassign()
	for _, name := range n.names(k) {
		if !present[name] {
			n.remove(objectID{kind: k, name: name})
		}
	}
}

// names are the names of all objects of a kind, in order.
func (n *namespace) names(k kind) []string {
	if k == pods {
		return slices.Sorted(maps.Keys(n.pods))
	}
	var names []string
	for id := range n.objects {
		if id.kind == k {
			names = append(names, id.name)
		}
	}
	slices.Sort(names)
	return names
}

// arrive counts one more that shows a group.
func (n *namespace) arrive(g group) {
	n.groups[g]++
	if n.groups[g] == 1 {
		n.changed = true
		n.workloads[g.workload]++
		n.departed.forget(n.profiles, g)
	}
}

// leave counts one less, and says whether it was the last.
func (n *namespace) leave(g group) bool {
	n.groups[g]--
	if n.groups[g] > 0 {
		return false
	}
	delete(n.groups, g)
	n.changed = true
	n.workloads[g.workload]--
	if n.workloads[g.workload] == 0 {
		delete(n.workloads, g.workload)
	}
	return true
}

// depart is leave for what is really gone: the last to show a group leaves it to memory. example is the pod, or "" for a template.
func (n *namespace) depart(g group, example string) {
	if !n.leave(g) || n.forgotten {
		return
	}
	now := n.options.Clock.Now()
	n.departed.forgetUntil(n.profiles, now.Add(-n.options.DepartedFor))
	n.departed.remember(n.profiles, g, departure{at: now, example: strings.Clone(example)}, n.options.DepartedPerNamespace)
}

// forget drops the memory of what is gone, now and, of what is still to go, later.
func (n *namespace) forget() {
	n.departed.forgetUntil(n.profiles, maxTime)
	n.forgotten = true
}

// maxTime is later than any time a clock shows.
var maxTime = time.Unix(1<<40, 0)
