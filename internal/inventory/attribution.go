// SPDX-License-Identifier: Apache-2.0

package inventory

import "unique"

// Topmost answers the workload for which an object of a namespace counts: a ReplicaSet's Deployment, a Job's CronJob, the object itself when it has no
// controller, is not known, or is of another kind.
func (i *Inventory) Topmost(namespace string, object Workload) Workload {
	i.mu.RLock()
	defer i.mu.RUnlock()
	n, known := i.namespaces[namespace]
	if !known {
		return object
	}
	return n.topmost(workloadRef{
		kind: unique.Make(workloadKind{apiVersion: object.APIVersion, kind: object.Kind}), name: object.Name,
	}).workload()
}

// Pods answers how many pods count for a workload now, and whether anything of it, a pod or a template, is there at all.
func (i *Inventory) Pods(namespace string, w Workload) (count int, present bool) {
	shows, _, _ := i.snapshot(namespace)
	for _, s := range shows {
		if s.workload == w {
			count += s.pods
			present = true
		}
	}
	return count, present
}
