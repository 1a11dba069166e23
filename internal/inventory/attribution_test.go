// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"testing"
)

func TestTopmost(t *testing.T) {
	r := newRig(t, Options{})
	r.apply(
		newReplicaSet(named("web-1", "apps/v1", "Deployment", "web"), 0, restricted),
		newReplicaSet(plain("alone"), 1, restricted),
		newJob(named("nightly-1", "batch/v1", "CronJob", "nightly"), restricted),
		newDaemonSet("agent", restricted),
	)
	tests := map[string]struct {
		namespace    string
		object, want Workload
	}{
		"a ReplicaSet counts for its Deployment": {ns, Workload{"apps/v1", "ReplicaSet", "web-1"}, web},
		"a ReplicaSet without controller":        {ns, Workload{"apps/v1", "ReplicaSet", "alone"}, Workload{"apps/v1", "ReplicaSet", "alone"}},
		"a ReplicaSet that is not there":         {ns, Workload{"apps/v1", "ReplicaSet", "web-2"}, Workload{"apps/v1", "ReplicaSet", "web-2"}},
		"a Job counts for its CronJob":           {ns, Workload{"batch/v1", "Job", "nightly-1"}, nightly},
		"a DaemonSet is its own":                 {ns, Workload{"apps/v1", "DaemonSet", "agent"}, Workload{"apps/v1", "DaemonSet", "agent"}},
		"a kind that is not watched":             {ns, Workload{"example.com/v1", "Odd", "x"}, Workload{"example.com/v1", "Odd", "x"}},
		"a namespace without anything":           {"other", Workload{"apps/v1", "ReplicaSet", "web-1"}, Workload{"apps/v1", "ReplicaSet", "web-1"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := r.Topmost(tc.namespace, tc.object); got != tc.want {
				t.Errorf("Topmost(%v) = %v, want %v", tc.object, got, tc.want)
			}
		})
	}
}

func TestPods(t *testing.T) {
	r := newRig(t, Options{})
	r.apply(
		newReplicaSet(named("web-1", "apps/v1", "Deployment", "web"), 1, restricted),
		newPod(named("web-1-a", "apps/v1", "ReplicaSet", "web-1"), restricted),
		newPod(named("web-1-b", "apps/v1", "ReplicaSet", "web-1"), baseline),
		newCronJob("nightly", restricted),
	)
	tests := map[string]struct {
		workload    Workload
		wantCount   int
		wantPresent bool
	}{
		"with pods":       {web, 2, true},
		"template only":   {nightly, 0, true},
		"nothing present": {Workload{"apps/v1", "Deployment", "gone"}, 0, false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if count, present := r.Pods(ns, tc.workload); count != tc.wantCount || present != tc.wantPresent {
				t.Errorf("Pods(%v) = %d, %v, want %d, %v", tc.workload, count, present, tc.wantCount, tc.wantPresent)
			}
		})
	}
}
