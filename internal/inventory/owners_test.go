// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"fmt"
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/podsecurity-rollout/operator/internal/workloadkinds"
)

// newMetadata is an object of a kind that is watched by its metadata only.
func newMetadata(apiVersion, kind string, m metav1.ObjectMeta) *metav1.PartialObjectMetadata {
	return &metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: apiVersion, Kind: kind}, ObjectMeta: m}
}

func newDeploymentOf(m metav1.ObjectMeta) runtime.Object {
	d := newDeployment(m.Name, privileged)
	d.ObjectMeta = m
	return d
}

// chains are pods with all that is above them, each of a well-known kind.
var chains = map[string]struct {
	objects []runtime.Object
	want    Workload
}{
	"Argo's Rollout": {
		objects: []runtime.Object{
			newMetadata("argoproj.io/v1alpha1", "Rollout", plain("web")),
			newReplicaSet(named("web-1", "argoproj.io/v1alpha1", "Rollout", "web"), 1, privileged),
			newPod(named("web-1-a", "apps/v1", "ReplicaSet", "web-1"), privileged),
		},
		want: Workload{"argoproj.io/v1alpha1", "Rollout", "web"},
	},
	"a Knative Service": {
		objects: []runtime.Object{
			newMetadata("serving.knative.dev/v1", "Service", plain("web")),
			newMetadata("serving.knative.dev/v1", "Configuration", named("web", "serving.knative.dev/v1", "Service", "web")),
			newMetadata("serving.knative.dev/v1", "Revision", named("web-1", "serving.knative.dev/v1", "Configuration", "web")),
			newDeploymentOf(named("web-1-deployment", "serving.knative.dev/v1", "Revision", "web-1")),
			newReplicaSet(named("web-1-deployment-1", "apps/v1", "Deployment", "web-1-deployment"), 1, privileged),
			newPod(named("web-1-a", "apps/v1", "ReplicaSet", "web-1-deployment-1"), privileged),
		},
		want: Workload{"serving.knative.dev/v1", "Service", "web"},
	},
	"a machine of KubeVirt": {
		objects: []runtime.Object{
			newMetadata("kubevirt.io/v1", "VirtualMachine", plain("db")),
			newMetadata("kubevirt.io/v1", "VirtualMachineInstance", named("db", "kubevirt.io/v1", "VirtualMachine", "db")),
			newPod(named("virt-launcher-db", "kubevirt.io/v1", "VirtualMachineInstance", "db"), privileged),
		},
		want: Workload{"kubevirt.io/v1", "VirtualMachine", "db"},
	},
	"a JobSet": {
		objects: []runtime.Object{
			newMetadata("jobset.x-k8s.io/v1alpha2", "JobSet", plain("train")),
			newJob(named("train-0", "jobset.x-k8s.io/v1alpha2", "JobSet", "train"), privileged),
			newPod(named("train-0-a", "batch/v1", "Job", "train-0"), privileged),
		},
		want: Workload{"jobset.x-k8s.io/v1alpha2", "JobSet", "train"},
	},
	"a reference in another version": {
		objects: []runtime.Object{newPod(named("set-a", "apps.kruise.io/v1beta1", "CloneSet", "set"), privileged)},
		want:    Workload{"apps.kruise.io/v1alpha1", "CloneSet", "set"},
	},
	"a kind that is not known, above what stands between": {
		objects: []runtime.Object{
			newReplicaSet(named("web-1", "example.org/v1", "Canary", "web"), 1, privileged),
			newPod(named("web-1-a", "apps/v1", "ReplicaSet", "web-1"), privileged),
		},
		want: Workload{"example.org/v1", "Canary", "web"},
	},
	"a kind that is not known, above what people know": {
		objects: []runtime.Object{
			newDeploymentOf(named("web", "example.org/v1", "Installation", "all")),
			newPod(named("web-a", "apps/v1", "Deployment", "web"), privileged),
		},
		want: Workload{"apps/v1", "Deployment", "web"},
	},
}

// Everything in a chain counts for its top, whichever is seen first.
func TestChainsOfOwners(t *testing.T) {
	for name, tc := range chains {
		for turn := range len(tc.objects) {
			for _, reversed := range []bool{false, true} {
				objects := append(slices.Clone(tc.objects[turn:]), tc.objects[:turn]...)
				if reversed {
					slices.Reverse(objects)
				}
				t.Run(fmt.Sprintf("%s, from %d, reversed %v", name, turn, reversed), func(t *testing.T) {
					r := newRig(t, Options{Kinds: workloadkinds.WellKnown()})
					r.apply(objects...)
					checkConsistent(t, r.Inventory)
					v := r.verdict("baseline")
					if len(v.Violations) == 0 || v.ViolatingWorkloads != 1 || len(v.Departed) > 0 {
						t.Errorf("verdict %+v", v)
					}
					for _, violation := range v.Violations {
						if violation.Workload != tc.want {
							t.Errorf("counts for %v, want %v", violation.Workload, tc.want)
						}
					}
				})
			}
		}
	}
}

// Owners in a circle, and more of them than are followed, lead nowhere.
func TestOwnersWithoutEnd(t *testing.T) {
	app := func(name, owner string) runtime.Object { return newApp(named(name, "example.com/v1", "App", owner)) }
	chain := func(n int) []runtime.Object {
		var all []runtime.Object
		for i := range n {
			all = append(all, app(fmt.Sprint("app-", i), fmt.Sprint("app-", i+1)))
		}
		return all
	}
	tests := map[string]struct {
		objects []runtime.Object
		pod     string
		want    string
	}{
		"of itself":                {objects: []runtime.Object{app("a", "a")}, pod: "a", want: "a"},
		"of two":                   {objects: []runtime.Object{app("a", "b"), app("b", "a")}, pod: "b", want: "b"},
		"of three, from outside":   {objects: []runtime.Object{app("x", "a"), app("a", "b"), app("b", "c"), app("c", "a")}, pod: "x", want: "x"},
		"as long as is followed":   {objects: chain(maxOwners - 1), pod: "app-0", want: fmt.Sprint("app-", maxOwners-1)},
		"longer than is followed":  {objects: chain(maxOwners), pod: "app-0", want: "app-0"},
		"the end of a longer one":  {objects: chain(maxOwners), pod: "app-1", want: fmt.Sprint("app-", maxOwners)},
		"that has been opened":     {objects: []runtime.Object{app("a", "b"), app("b", "a"), newApp(plain("b"))}, pod: "a", want: "b"},
		"that has been closed":     {objects: []runtime.Object{app("a", "b"), newApp(plain("b")), app("b", "a")}, pod: "a", want: "a"},
		"that turns to another":    {objects: []runtime.Object{app("a", "b"), app("b", "c"), app("a", "d")}, pod: "a", want: "d"},
		"above what turns, moving": {objects: []runtime.Object{app("a", "b"), app("b", "c"), app("b", "d")}, pod: "a", want: "d"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, Options{Kinds: customKinds})
			r.apply(newPod(named("p", "example.com/v1", "App", tc.pod), privileged))
			r.apply(tc.objects...)
			checkConsistent(t, r.Inventory)
			want := Workload{"example.com/v1", "App", tc.want}
			if v := r.verdict("baseline"); len(v.Violations) != 1 || v.Violations[0].Workload != want {
				t.Errorf("violations %+v, want them of %v", v.Violations, want)
			}
			if top := r.Topmost(ns, Workload{"example.com/v1", "App", tc.pod}); top != want {
				t.Errorf("topmost is %v, want %v", top, want)
			}
		})
	}
}

// What is below an owner that is gone goes on counting for what it counted for, and only that.
func TestChainOutlivesItsMiddle(t *testing.T) {
	r := newRig(t, Options{Kinds: customKinds})
	rollout := newRollout(named("web", "example.com/v1", "App", "shop"), restricted)
	r.apply(newApp(plain("shop")), rollout, newReplicaSet(named("web-1", "argoproj.io/v1alpha1", "Rollout", "web"), 2, privileged),
		newPod(named("web-1-a", "apps/v1", "ReplicaSet", "web-1"), privileged))
	r.remove(rollout)
	r.apply(newApp(plain("other")), newReplicaSet(named("web-1", "argoproj.io/v1alpha1", "Rollout", "web"), 2, sandboxed))
	for _, v := range r.verdict("baseline").Violations {
		if want := (Workload{"example.com/v1", "App", "shop"}); v.Workload != want {
			t.Errorf("a %s counts for %v, want %v", v.Source, v.Workload, want)
		}
	}
	checkConsistent(t, r.Inventory)
}

func labelled(m metav1.ObjectMeta, labels, annotations map[string]string) metav1.ObjectMeta {
	m.Labels, m.Annotations = labels, annotations
	return m
}

func TestOwner(t *testing.T) {
	team := map[string]string{"team": "checkout"}
	deployment := newDeployment("web", restricted)
	deployment.ObjectMeta = labelled(plain("web"), map[string]string{"app.kubernetes.io/part-of": "shop"}, map[string]string{"owner": "ops"})
	tests := map[string]struct {
		keys   []string
		object runtime.Object
		of     Workload
		want   string
	}{
		"an annotation of an earlier key goes before a label of a later": {object: deployment, of: web, want: "ops"},
		"keys of one's own":           {keys: []string{"squad", "app.kubernetes.io/part-of"}, object: deployment, of: web, want: "shop"},
		"no keys":                     {keys: []string{}, object: deployment, of: web},
		"an object that says nothing": {object: newDeployment("web", restricted), of: web},
		"an object that is not there": {object: newDeployment("api", restricted), of: web},
		"a kind that is not known":    {object: deployment, of: Workload{"example.org/v1", "Canary", "web"}},
		"a label goes before an annotation": {
			object: newPod(labelled(plain("p"), team, map[string]string{"team": "ops"}), restricted), of: Workload{"v1", "Pod", "p"}, want: "checkout",
		},
		"an empty label is none": {
			object: newPod(labelled(plain("p"), map[string]string{"team": ""}, map[string]string{"owner": "ops"}), restricted),
			of:     Workload{"v1", "Pod", "p"}, want: "ops",
		},
		"a pod of a workload says nothing": {
			object: newPod(labelled(named("p", "apps/v1", "Deployment", "web"), team, nil), restricted), of: web,
		},
		"a pod that is not there": {object: deployment, of: Workload{"v1", "Pod", "p"}},
		"a custom object": {
			object: newRollout(labelled(plain("web"), team, nil), restricted), of: Workload{"argoproj.io/v1alpha1", "Rollout", "web"}, want: "checkout",
		},
		"a custom object without template": {
			object: newApp(labelled(plain("shop"), team, nil)), of: Workload{"example.com/v1", "App", "shop"}, want: "checkout",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, Options{Kinds: customKinds, OwnerKeys: tc.keys})
			r.apply(tc.object)
			if got := r.Owner(ns, tc.of); got != tc.want {
				t.Errorf("Owner(%v) = %q, want %q", tc.of, got, tc.want)
			}
			if got := r.Owner("other", tc.of); got != "" {
				t.Errorf("%q in a namespace without anything", got)
			}
		})
	}
}

// Subscribers hear of another owner of a workload that shows something, and of nothing else that labels say.
func TestOwnerChanges(t *testing.T) {
	r := newRig(t, Options{Kinds: customKinds})
	team := func(m metav1.ObjectMeta, name string) metav1.ObjectMeta {
		return labelled(m, map[string]string{"team": name, "uid": string(types.UID(name))}, nil)
	}
	rollout := func(name string) runtime.Object { return newRollout(team(plain("web"), name), restricted) }
	replicaSet := func(name string) runtime.Object {
		return newReplicaSet(team(named("web-1", "argoproj.io/v1alpha1", "Rollout", "web"), name), 1, restricted)
	}
	bare := func(name string) runtime.Object { return newPod(team(plain("bare"), name), restricted) }
	r.apply(rollout("a"), replicaSet("a"), bare("a"))
	tests := []struct {
		name   string
		object runtime.Object
		told   bool
	}{
		{"the same", rollout("a"), false},
		{"another of the workload", rollout("b"), true},
		{"another of what stands between", replicaSet("b"), false},
		{"another of a pod", bare("b"), true},
		{"one of what shows nothing", newApp(team(plain("shop"), "a")), false},
	}
	for _, tc := range tests {
		r.told = nil
		r.apply(tc.object)
		if told := len(r.told) > 0; told != tc.told {
			t.Errorf("%s: told %v, want %v", tc.name, r.told, tc.told)
		}
	}
	if owner := r.Owner(ns, Workload{"v1", "Pod", "bare"}); owner != "b" {
		t.Errorf("owner of the pod is %q", owner)
	}
	checkConsistent(t, r.Inventory)
}
