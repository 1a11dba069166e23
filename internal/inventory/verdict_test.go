// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/sets"
	psaapi "k8s.io/pod-security-admission/api"
	"k8s.io/utils/ptr"
)

func hostPID(w Workload, source Source, pods int, example string) Violation {
	return Violation{Workload: w, Source: source, Level: "baseline", Check: "hostNamespaces", Message: hostPIDMessage, Pods: pods, Example: example}
}

func nonRoot(w Workload, source Source, pods int, example string) Violation {
	return Violation{Workload: w, Source: source, Level: "restricted", Check: "runAsNonRoot", Message: nonRootMessage, Pods: pods, Example: example}
}

var (
	web     = Workload{APIVersion: "apps/v1", Kind: "Deployment", Name: "web"}
	nightly = Workload{APIVersion: "batch/v1", Kind: "CronJob", Name: "nightly"}
)

// verdictTests are what levels hold against the objects of a namespace.
var verdictTests = map[string]struct {
	objects []runtime.Object
	level   psaapi.Level
	exempt  []string
	want    Verdict
}{
	"nothing": {level: "restricted"},
	"privileged holds nothing against anyone": {
		objects: []runtime.Object{newPod(plain("a"), privileged)},
		level:   "privileged",
		want:    Verdict{Pods: 1, Workloads: 1},
	},
	"a pod without controller is its own workload": {
		objects: []runtime.Object{newPod(plain("a"), privileged)},
		level:   "baseline",
		want: Verdict{Pods: 1, Workloads: 1, ViolatingWorkloads: 1, Violations: []Violation{
			hostPID(Workload{"v1", "Pod", "a"}, SourcePod, 1, "a"),
		}},
	},
	"pods count for the Deployment of their ReplicaSet": {
		objects: []runtime.Object{
			newDeployment("web", restricted),
			newReplicaSet(named("web-1", "apps/v1", "Deployment", "web"), 2, restricted),
			newPod(named("web-1-b", "apps/v1", "ReplicaSet", "web-1"), privileged),
			newPod(named("web-1-a", "apps/v1", "ReplicaSet", "web-1"), privileged),
			newPod(named("web-1-c", "apps/v1", "ReplicaSet", "web-1"), restricted),
		},
		level: "restricted",
		want:  Verdict{Pods: 3, Workloads: 1, ViolatingWorkloads: 1, Violations: []Violation{hostPID(web, SourcePod, 2, "web-1-a")}},
	},
	"the pods of two ReplicaSets of a Deployment are one violation": {
		objects: []runtime.Object{
			newReplicaSet(named("web-1", "apps/v1", "Deployment", "web"), 1, restricted),
			newReplicaSet(named("web-2", "apps/v1", "Deployment", "web"), 1, restricted),
			newPod(named("web-2-a", "apps/v1", "ReplicaSet", "web-2"), baseline),
			newPod(named("web-1-a", "apps/v1", "ReplicaSet", "web-1"), baseline),
		},
		level: "restricted",
		want:  Verdict{Pods: 2, Workloads: 1, ViolatingWorkloads: 1, Violations: []Violation{nonRoot(web, SourcePod, 2, "web-1-a")}},
	},
	"different profiles that say the same are one violation": {
		objects: []runtime.Object{
			newPod(named("db-0", "apps/v1", "StatefulSet", "db"), baseline),
			newPod(named("db-1", "apps/v1", "StatefulSet", "db"), spec(func(s *corev1.PodSpec) {
				s.SecurityContext.RunAsNonRoot, s.HostPID = nil, true
			})),
		},
		level: "restricted",
		want: Verdict{Pods: 2, Workloads: 1, ViolatingWorkloads: 1, Violations: []Violation{
			hostPID(Workload{"apps/v1", "StatefulSet", "db"}, SourcePod, 1, "db-1"),
			nonRoot(Workload{"apps/v1", "StatefulSet", "db"}, SourcePod, 2, "db-0"),
		}},
	},
	"a ReplicaSet of a controller that is not watched counts for it as named": {
		objects: []runtime.Object{
			newReplicaSet(named("web-1", "argoproj.io/v1alpha1", "Rollout", "web"), 1, baseline),
			newPod(named("web-1-a", "apps/v1", "ReplicaSet", "web-1"), baseline),
		},
		level: "restricted",
		want: Verdict{Pods: 1, Workloads: 1, ViolatingWorkloads: 1, Violations: []Violation{
			nonRoot(Workload{"argoproj.io/v1alpha1", "Rollout", "web"}, SourcePod, 1, "web-1-a"),
			nonRoot(Workload{"argoproj.io/v1alpha1", "Rollout", "web"}, SourceTemplate, 0, ""),
		}},
	},
	"pods of a controller that is not watched count for it as named": {
		objects: []runtime.Object{newPod(named("static", "v1", "Node", "node-1"), baseline), newPod(named("x", "", "Odd", "y"), baseline)},
		level:   "restricted",
		want: Verdict{Pods: 2, Workloads: 2, ViolatingWorkloads: 2, Violations: []Violation{
			nonRoot(Workload{"v1", "Node", "node-1"}, SourcePod, 1, "static"),
			nonRoot(Workload{"", "Odd", "y"}, SourcePod, 1, "x"),
		}},
	},
	"a ReplicaSet that is not there is named": {
		objects: []runtime.Object{newPod(named("a", "apps/v1", "ReplicaSet", "web-1"), baseline)},
		level:   "restricted",
		want: Verdict{Pods: 1, Workloads: 1, ViolatingWorkloads: 1, Violations: []Violation{
			nonRoot(Workload{"apps/v1", "ReplicaSet", "web-1"}, SourcePod, 1, "a"),
		}},
	},
	"an owner reference of an older version meets its object": {
		objects: []runtime.Object{
			newReplicaSet(named("web-1", "apps/v1beta2", "Deployment", "web"), 1, restricted),
			newPod(named("a", "apps/v1beta1", "ReplicaSet", "web-1"), baseline),
		},
		level: "restricted",
		want:  Verdict{Pods: 1, Workloads: 1, ViolatingWorkloads: 1, Violations: []Violation{nonRoot(web, SourcePod, 1, "a")}},
	},
	"ReplicaSets that own each other": {
		objects: []runtime.Object{
			newReplicaSet(named("x", "apps/v1", "ReplicaSet", "y"), 1, restricted),
			newReplicaSet(named("y", "apps/v1", "ReplicaSet", "x"), 1, restricted),
			newPod(named("a", "apps/v1", "ReplicaSet", "x"), baseline),
		},
		level: "restricted",
		want: Verdict{Pods: 1, Workloads: 2, ViolatingWorkloads: 1, Violations: []Violation{
			nonRoot(Workload{"apps/v1", "ReplicaSet", "x"}, SourcePod, 1, "a"),
		}},
	},
	"each kind of template is evidence": {
		objects: []runtime.Object{
			newReplicationController(plain("rc"), &privileged), newPodTemplate("pt", privileged), newReplicaSet(plain("rs"), 0, privileged),
			newDeployment("web", privileged), newStatefulSet("db", privileged), newDaemonSet("agent", privileged), newJob(plain("once"), privileged),
			newCronJob("nightly", privileged),
		},
		level: "baseline",
		want: Verdict{Workloads: 8, ViolatingWorkloads: 8, Violations: []Violation{
			hostPID(nightly, SourceTemplate, 0, ""),
			hostPID(Workload{"apps/v1", "DaemonSet", "agent"}, SourceTemplate, 0, ""),
			hostPID(web, SourceTemplate, 0, ""),
			hostPID(Workload{"batch/v1", "Job", "once"}, SourceTemplate, 0, ""),
			hostPID(Workload{"v1", "PodTemplate", "pt"}, SourceTemplate, 0, ""),
			hostPID(Workload{"apps/v1", "ReplicaSet", "rs"}, SourceTemplate, 0, ""),
			hostPID(Workload{"v1", "ReplicationController", "rc"}, SourceTemplate, 0, ""),
			hostPID(Workload{"apps/v1", "StatefulSet", "db"}, SourceTemplate, 0, ""),
		}},
	},
	"a ReplicationController without template is none": {
		objects: []runtime.Object{newReplicationController(plain("rc"), nil)},
		level:   "baseline",
	},
	"a ReplicationController counts for its DeploymentConfig, template or not": {
		objects: []runtime.Object{
			newReplicationController(named("web-1", "apps.openshift.io/v1", "DeploymentConfig", "web"), nil),
			newPod(named("a", "v1", "ReplicationController", "web-1"), baseline),
		},
		level: "restricted",
		want: Verdict{Pods: 1, Workloads: 1, ViolatingWorkloads: 1, Violations: []Violation{
			nonRoot(Workload{"apps.openshift.io/v1", "DeploymentConfig", "web"}, SourcePod, 1, "a"),
		}},
	},
	"old revisions of a Deployment are no evidence": {
		objects: []runtime.Object{
			newDeployment("web", restricted),
			newReplicaSet(named("web-1", "apps/v1", "Deployment", "web"), 0, privileged),
			newReplicaSet(named("web-2", "apps/v1", "Deployment", "web"), 1, restricted),
		},
		level: "restricted",
		want:  Verdict{Workloads: 1},
	},
	"pods of an old revision count for its Deployment": {
		objects: []runtime.Object{
			newReplicaSet(named("web-1", "apps/v1", "Deployment", "web"), 0, baseline),
			newPod(named("a", "apps/v1", "ReplicaSet", "web-1"), baseline),
		},
		level: "restricted",
		want:  Verdict{Pods: 1, Workloads: 1, ViolatingWorkloads: 1, Violations: []Violation{nonRoot(web, SourcePod, 1, "a")}},
	},
	"a CronJob, its Jobs and their pods are one workload": {
		objects: []runtime.Object{
			newCronJob("nightly", baseline),
			newJob(named("nightly-1", "batch/v1", "CronJob", "nightly"), baseline),
			newPod(named("nightly-1-a", "batch/v1", "Job", "nightly-1"), baseline),
		},
		level: "restricted",
		want: Verdict{Pods: 1, Workloads: 1, ViolatingWorkloads: 1, Violations: []Violation{
			nonRoot(nightly, SourcePod, 1, "nightly-1-a"),
			nonRoot(nightly, SourceTemplate, 0, ""),
		}},
	},
	"exempt runtime classes": {
		objects: []runtime.Object{
			newPod(plain("a"), sandboxed), newPod(plain("b"), privileged), newCronJob("nightly", sandboxed),
			newPod(plain("c"), spec(func(s *corev1.PodSpec) { s.HostPID, s.RuntimeClassName = true, ptr.To("kata") })),
		},
		level:  "baseline",
		exempt: []string{"gvisor", ""},
		want: Verdict{Pods: 3, ExemptPods: 1, Workloads: 4, ViolatingWorkloads: 2, Violations: []Violation{
			hostPID(Workload{"v1", "Pod", "b"}, SourcePod, 1, "b"),
			hostPID(Workload{"v1", "Pod", "c"}, SourcePod, 1, "c"),
		}},
	},
	"completed pods and finished Jobs count": {
		objects: []runtime.Object{
			func() runtime.Object {
				job := newJob(plain("once"), baseline)
				job.Status.Succeeded = 1
				return job
			}(),
			func() runtime.Object {
				p := newPod(named("once-a", "batch/v1", "Job", "once"), baseline)
				p.Status.Phase = corev1.PodSucceeded
				return p
			}(),
		},
		level: "restricted",
		want: Verdict{Pods: 1, Workloads: 1, ViolatingWorkloads: 1, Violations: []Violation{
			nonRoot(Workload{"batch/v1", "Job", "once"}, SourcePod, 1, "once-a"),
			nonRoot(Workload{"batch/v1", "Job", "once"}, SourceTemplate, 0, ""),
		}},
	},
}

func TestVerdict(t *testing.T) {
	for name, tc := range verdictTests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, Options{})
			r.apply(tc.objects...)
			slices.Reverse(tc.objects)
			reversed := newRig(t, Options{})
			reversed.apply(tc.objects...)
			query := newest(tc.level)
			query.ExemptRuntimeClasses = sets.New(tc.exempt...)
			for order, i := range map[string]*rig{"as given": r, "reversed": reversed} {
				got, synced := i.Verdict(ns, query)
				if diff := cmp.Diff(tc.want, got, ignoreApart); diff != "" || !synced {
					t.Errorf("%s: synced %v, verdict (-want +got):\n%s", order, synced, diff)
				}
				if got.Compliant() != (len(tc.want.Violations) == 0) {
					t.Errorf("%s: Compliant() = %v", order, got.Compliant())
				}
				checkConsistent(t, i.Inventory)
			}
		})
	}
}

// What leaves and comes beside others moves the example.
func TestVerdictExample(t *testing.T) {
	r := newRig(t, Options{})
	db := func(name string) *corev1.Pod { return newPod(named(name, "apps/v1", "StatefulSet", "db"), privileged) }
	example := func() string { return r.verdict("baseline").Violations[0].Example }
	r.apply(db("b"), db("c"))
	if got := example(); got != "b" {
		t.Errorf("example %q, want b", got)
	}
	r.remove(db("b"))
	r.apply(db("d"))
	if got := example(); got != "c" {
		t.Errorf("example %q after b has left, want c", got)
	}
	r.apply(db("a"))
	if got := example(); got != "a" {
		t.Errorf("example %q after a has come, want a", got)
	}
	checkConsistent(t, r.Inventory)
}

func TestVerdictAtManyVersions(t *testing.T) {
	r := newRig(t, Options{})
	r.apply(newPod(plain("a"), spec(func(s *corev1.PodSpec) { s.SecurityContext.Sysctls = []corev1.Sysctl{{Name: "net.ipv4.tcp_rmem"}} })))
	for range 2 { // the second time from what is remembered, as far as it is
		for minor := range 38 {
			lv := psaapi.LevelVersion{Level: psaapi.LevelBaseline, Version: psaapi.MajorMinorVersion(1, minor)}
			v, _ := r.Verdict(ns, Query{Level: lv})
			if got, want := v.Compliant(), minor >= 32; got != want {
				t.Errorf("at %s: compliant = %v, want %v", lv.String(), got, want)
			}
		}
	}
	for _, p := range r.profiles.byRef {
		if got := len(*p.judgements.Load()); got != maxJudgements {
			t.Errorf("%d judgements remembered, want %d", got, maxJudgements)
		}
	}
}

// A profile that cannot be read complies with nothing.
func TestUnreadableProfile(t *testing.T) {
	r := newRig(t, Options{})
	broken := &record{namespace: ns, name: "a", profiles: []profileRef{profileRefOf("\xff")}}
	if err := r.store(pods).Add(broken); err != nil {
		t.Fatal(err)
	}
	if v := r.verdict("baseline"); v.Compliant() || v.Violations[0].Check != "profile" {
		t.Errorf("verdict %+v", v)
	}
}
