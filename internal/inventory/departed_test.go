// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
)

// departedExamples are the pods that are remembered as violating the level.
func (r *rig) departedExamples(level string) map[string]time.Duration {
	r.tb.Helper()
	q := newest("baseline")
	if level == "restricted" {
		q = newest("restricted")
	}
	v, _ := r.Verdict(ns, q)
	examples := map[string]time.Duration{}
	for _, d := range v.Departed {
		examples[d.Example] = d.LastSeen.Sub(epoch)
	}
	return examples
}

func bare(name string, s corev1.PodSpec) *corev1.Pod { return newPod(plain(name), s) }

// departedTests are what has happened, and which pods are remembered of it, by how long after the beginning they were last seen.
var departedTests = map[string]struct {
	options        Options
	story          func(*rig)
	wantBaseline   map[string]time.Duration
	wantRestricted map[string]time.Duration
}{
	"a pod that lived for a moment": {
		story: func(r *rig) {
			r.apply(bare("a", privileged))
			r.pass(10 * time.Second)
			r.remove(bare("a", privileged))
		},
		wantBaseline:   map[string]time.Duration{"a": 10 * time.Second},
		wantRestricted: map[string]time.Duration{"a": 10 * time.Second},
	},
	"each level for itself": {
		story:          func(r *rig) { r.apply(bare("a", baseline)); r.remove(bare("a", baseline)) },
		wantRestricted: map[string]time.Duration{"a": 0},
	},
	"what complies with everything is not remembered": {
		story: func(r *rig) { r.apply(bare("a", restricted)); r.remove(bare("a", restricted)) },
	},
	"a pod that changes leaves what it was": {
		story: func(r *rig) {
			r.apply(bare("a", privileged))
			r.pass(time.Second)
			r.apply(bare("a", restricted))
		},
		wantBaseline:   map[string]time.Duration{"a": time.Second},
		wantRestricted: map[string]time.Duration{"a": time.Second},
	},
	"others like it are still there": {
		story: func(r *rig) {
			r.apply(dbPod("a", privileged), dbPod("b", privileged))
			r.remove(dbPod("a", privileged))
		},
	},
	"others of the workload say the same though they are unlike it": {
		story: func(r *rig) {
			r.apply(dbPod("a", baseline), dbPod("b", spec(func(s *corev1.PodSpec) { s.SecurityContext.RunAsNonRoot, s.HostPID = nil, true })))
			r.remove(dbPod("a", baseline))
		},
	},
	"it comes back": {
		story: func(r *rig) {
			r.apply(dbPod("a", privileged))
			r.remove(dbPod("a", privileged))
			r.apply(dbPod("b", privileged))
		},
	},
	"it comes back and leaves again": {
		story: func(r *rig) {
			for range 3 {
				r.apply(dbPod("a", privileged))
				r.pass(time.Minute)
				r.remove(dbPod("a", privileged))
			}
		},
		wantBaseline:   map[string]time.Duration{"a": 3 * time.Minute},
		wantRestricted: map[string]time.Duration{"a": 3 * time.Minute},
	},
	"unlike pods of a workload that said the same: the last counts": {
		story: func(r *rig) {
			other := spec(func(s *corev1.PodSpec) {
				s.SecurityContext.RunAsNonRoot, s.HostUsers = nil, nil
				s.OS = &corev1.PodOS{Name: "windows"}
			})
			r.apply(dbPod("a", baseline), dbPod("b", other))
			r.remove(dbPod("a", baseline))
			r.pass(time.Second)
			r.remove(dbPod("b", other))
		},
		wantRestricted: map[string]time.Duration{"b": time.Second},
	},
	"too long ago": {
		options: Options{DepartedFor: time.Hour},
		story: func(r *rig) {
			r.apply(bare("a", privileged), bare("b", privileged))
			r.remove(bare("a", privileged))
			r.pass(30 * time.Minute)
			r.remove(bare("b", privileged))
			r.pass(30 * time.Minute)
		},
		wantBaseline:   map[string]time.Duration{"b": 30 * time.Minute},
		wantRestricted: map[string]time.Duration{"b": 30 * time.Minute},
	},
	"too many: the oldest falls off": {
		options: Options{DepartedPerNamespace: 2},
		story: func(r *rig) {
			for _, name := range []string{"c", "a", "b"} {
				r.apply(bare(name, privileged))
				r.pass(time.Second)
				r.remove(bare(name, privileged))
			}
		},
		wantBaseline:   map[string]time.Duration{"a": 2 * time.Second, "b": 3 * time.Second},
		wantRestricted: map[string]time.Duration{"a": 2 * time.Second, "b": 3 * time.Second},
	},
	"too many at once: the first by name fall off": {
		options: Options{DepartedPerNamespace: 1},
		story: func(r *rig) {
			r.apply(bare("a", privileged), bare("b", privileged), bare("c", privileged))
			r.replace(pods)
		},
		wantBaseline:   map[string]time.Duration{"c": 0},
		wantRestricted: map[string]time.Duration{"c": 0},
	},
	"too many: what a later one repeats falls off before the only one of its kind": {
		options: Options{DepartedPerNamespace: 2},
		story: func(r *rig) {
			r.apply(bare("a", privileged))
			r.remove(bare("a", privileged))
			for i := range 5 {
				r.pass(time.Second)
				r.apply(bare(fmt.Sprint("ci-", i), baseline))
				r.remove(bare(fmt.Sprint("ci-", i), baseline))
			}
		},
		wantBaseline:   map[string]time.Duration{"a": 0},
		wantRestricted: map[string]time.Duration{"a": 0, "ci-4": 5 * time.Second},
	},
	"no memory at all": {
		options: Options{DepartedPerNamespace: -1},
		story:   func(r *rig) { r.apply(bare("a", privileged)); r.remove(bare("a", privileged)) },
	},
	"the namespace is forgotten": {
		story: func(r *rig) {
			r.apply(bare("a", privileged), bare("b", privileged))
			r.remove(bare("a", privileged))
			r.ForgetNamespace(ns)
			r.remove(bare("b", privileged)) // its watch is late
			r.ForgetNamespace("another")
		},
	},
	"a namespace is made again under a name that was forgotten, with pods": {
		story: func(r *rig) {
			r.apply(bare("a", privileged))
			r.ForgetNamespace(ns)
			r.apply(bare("b", restricted))
			r.remove(bare("a", privileged))
		},
		wantBaseline:   map[string]time.Duration{"a": 0},
		wantRestricted: map[string]time.Duration{"a": 0},
	},
	"a namespace is made again under a name that was forgotten": {
		story: func(r *rig) {
			r.apply(bare("a", privileged))
			r.ForgetNamespace(ns)
			r.apply(newDeployment("web", restricted))
			r.remove(bare("a", privileged))
		},
		wantBaseline:   map[string]time.Duration{"a": 0},
		wantRestricted: map[string]time.Duration{"a": 0},
	},
}

func TestDeparted(t *testing.T) {
	for name, tc := range departedTests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, tc.options)
			tc.story(r)
			if diff := cmp.Diff(tc.wantBaseline, r.departedExamples("baseline"), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("departed of baseline (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.wantRestricted, r.departedExamples("restricted"), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("departed of restricted (-want +got):\n%s", diff)
			}
			checkConsistent(t, r.Inventory)
		})
	}
}

// A template that is replaced, and an old revision that is scaled down, are remembered too.
func TestDepartedTemplate(t *testing.T) {
	r := newRig(t, Options{})
	rs := func(replicas int32) *rig {
		r.apply(newReplicaSet(named("web-1", "apps/v1", "Deployment", "web"), replicas, privileged))
		return r
	}
	r.apply(newDeployment("web", privileged))
	rs(3)
	r.apply(newDeployment("web", restricted))
	if got := r.verdict("baseline"); len(got.Violations) != 1 || len(got.Departed) != 0 {
		t.Errorf("verdict while the old revision is scaled up: %+v", got)
	}
	now := r.pass(time.Minute)
	rs(0)
	want := hostPID(web, SourceTemplate, 0, "")
	want.LastSeen = now
	got := r.verdict("baseline")
	if diff := cmp.Diff([]Violation{want}, got.Departed); diff != "" || !got.Compliant() {
		t.Errorf("violations %v, departed (-want +got):\n%s", got.Violations, diff)
	}
	checkConsistent(t, r.Inventory)
}

// What is too old gives its memory back when the next departs.
func TestDepartedExpires(t *testing.T) {
	r := newRig(t, Options{DepartedFor: time.Hour})
	r.apply(bare("a", privileged), bare("b", baseline))
	r.remove(bare("a", privileged))
	r.pass(time.Hour)
	r.remove(bare("b", baseline))
	if got := r.Stats(); got.Departed != 1 || got.Profiles != 1 {
		t.Errorf("stats %+v, want one departed", got)
	}
	checkConsistent(t, r.Inventory)
}

// The bound holds however many come and go, and memory is given back.
func TestDepartedIsBounded(t *testing.T) {
	r := newRig(t, Options{})
	for i := range 3 * DefaultDepartedPerNamespace {
		p := bare(fmt.Sprint("p", i), spec(func(s *corev1.PodSpec) { s.HostPID, s.Containers[0].Name = true, fmt.Sprint("c", i) }))
		r.apply(p)
		r.pass(time.Second)
		r.remove(p)
	}
	if got := r.Stats(); got.Departed != DefaultDepartedPerNamespace || got.Profiles != DefaultDepartedPerNamespace {
		t.Errorf("stats %+v, want %d departed", got, DefaultDepartedPerNamespace)
	}
	checkConsistent(t, r.Inventory)
}
