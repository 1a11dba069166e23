// SPDX-License-Identifier: Apache-2.0

package inventory

// Topmost answers the workload for which an object of a namespace counts: a ReplicaSet's Deployment, a Job's CronJob, the Knative Service of a Revision; the
// object itself when it has no controller, is not known, or is of another kind.
func (i *Inventory) Topmost(namespace string, object Workload) Workload {
	i.mu.RLock()
	defer i.mu.RUnlock()
	n, known := i.namespaces[namespace]
	if !known {
		return object
	}
	return n.topmost(object.ref()).workload()
}

// Pods answers how many pods count for a workload now, and whether anything of it, a pod or a template, is there at all.
func (i *Inventory) Pods(namespace string, w Workload) (count int, present bool) {
	i.mu.RLock()
	defer i.mu.RUnlock()
	n, known := i.namespaces[namespace]
	if !known || n.workloads[w.ref()] == 0 {
		return 0, false
	}
	for _, owner := range n.controllers {
		if owner.workload == w.ref() {
			for _, c := range owner.cohorts {
				count += c.pods
			}
		}
	}
	return count, true
}
