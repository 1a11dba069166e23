// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/sets"
	psaapi "k8s.io/pod-security-admission/api"
	"k8s.io/utils/ptr"
)

// classed is a spec with a runtime class.
func classed(class string, s corev1.PodSpec) corev1.PodSpec {
	s.RuntimeClassName = ptr.To(class)
	return s
}

func TestRuntimeClasses(t *testing.T) {
	for name, tc := range map[string]struct {
		objects []runtime.Object
		want    []RuntimeClassUse
	}{
		"nothing":              {},
		"none":                 {objects: []runtime.Object{newPod(plain("a"), privileged), newDeployment("web", restricted)}},
		"the empty name":       {objects: []runtime.Object{newPod(plain("a"), classed("", privileged))}},
		"a pod":                {objects: []runtime.Object{newPod(plain("a"), sandboxed)}, want: []RuntimeClassUse{{Name: "gvisor", Pods: 1}}},
		"a template":           {objects: []runtime.Object{newDaemonSet("a", sandboxed)}, want: []RuntimeClassUse{{Name: "gvisor", Templates: 1}}},
		"an old revision":      {objects: []runtime.Object{newReplicaSet(named("web-1", "apps/v1", "Deployment", "web"), 0, sandboxed)}},
		"a template within":    {objects: []runtime.Object{newCronJob("a", classed("kata", restricted))}, want: []RuntimeClassUse{{Name: "kata", Templates: 1}}},
		"whatever it complies": {objects: []runtime.Object{newPod(plain("a"), classed("kata", restricted))}, want: []RuntimeClassUse{{Name: "kata", Pods: 1}}},
		"several, by name": {
			objects: []runtime.Object{
				newDeployment("web", sandboxed),
				newReplicaSet(named("web-1", "apps/v1", "Deployment", "web"), 2, sandboxed),
				newPod(named("web-1-a", "apps/v1", "ReplicaSet", "web-1"), sandboxed),
				newPod(named("web-1-b", "apps/v1", "ReplicaSet", "web-1"), sandboxed),
				newPod(plain("z"), classed("kata", restricted)),
				newPod(plain("y"), classed("a-class", privileged)),
				newPod(plain("x"), classed("kata", privileged)),
				newPod(plain("w"), privileged),
			},
			want: []RuntimeClassUse{{Name: "a-class", Pods: 1}, {Name: "gvisor", Pods: 2, Templates: 2}, {Name: "kata", Pods: 2}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, Options{})
			r.apply(tc.objects...)
			got, synced := r.RuntimeClasses(ns)
			if diff := cmp.Diff(tc.want, got); diff != "" || !synced {
				t.Errorf("synced %v, runtime classes (-want +got):\n%s", synced, diff)
			}
			r.remove(tc.objects...)
			if got, _ := r.RuntimeClasses(ns); len(got) > 0 {
				t.Errorf("once all is gone %v is in use", got)
			}
		})
	}
}

// A change of the class alone is a change of the set that subscribers hear of.
func TestRuntimeClassesAreTold(t *testing.T) {
	r := newRig(t, Options{})
	r.apply(newPod(plain("a"), restricted))
	r.told = nil
	r.apply(newPod(plain("a"), classed("kata", restricted)))
	if diff := cmp.Diff([]string{ns}, r.told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

func TestLetThrough(t *testing.T) {
	objects := []runtime.Object{
		newDeployment("web", sandboxed),
		newReplicaSet(named("web-1", "apps/v1", "Deployment", "web"), 2, sandboxed),
		newPod(named("web-1-a", "apps/v1", "ReplicaSet", "web-1"), sandboxed),
		newPod(named("web-1-b", "apps/v1", "ReplicaSet", "web-1"), sandboxed),
		newPod(plain("vm"), classed("kata", spec(func(s *corev1.PodSpec) { s.HostPID, s.SecurityContext.RunAsNonRoot = true, nil }))),
		newPod(plain("good"), classed("kata", restricted)),
		newPod(plain("judged"), privileged),
	}
	webPods, webTemplates := hostPID(web, SourcePod, 2, "web-1-a"), hostPID(web, SourceTemplate, 0, "")
	vm := Workload{"v1", "Pod", "vm"}
	for name, tc := range map[string]struct {
		level  psaapi.Level
		exempt []string
		want   LetThrough
	}{
		"nothing is exempt":   {level: "baseline"},
		"an unused class":     {level: "baseline", exempt: []string{"firecracker"}},
		"one class":           {level: "baseline", exempt: []string{"gvisor"}, want: LetThrough{Pods: 2, Violations: []Violation{webPods, webTemplates}}},
		"another":             {level: "baseline", exempt: []string{"kata"}, want: LetThrough{Pods: 1, Violations: []Violation{hostPID(vm, SourcePod, 1, "vm")}}},
		"at a stricter level": {level: "restricted", exempt: []string{"kata"}, want: LetThrough{Pods: 1, Violations: []Violation{hostPID(vm, SourcePod, 1, "vm"), nonRoot(vm, SourcePod, 1, "vm")}}},
		"both":                {level: "baseline", exempt: []string{"gvisor", "kata"}, want: LetThrough{Pods: 3, Violations: []Violation{webPods, webTemplates, hostPID(vm, SourcePod, 1, "vm")}}},
		"privileged":          {level: "privileged", exempt: []string{"gvisor", "kata"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, Options{})
			r.apply(objects...)
			q := newest(tc.level)
			q.ExemptRuntimeClasses = sets.New(tc.exempt...)
			got, synced := r.LetThrough(ns, q)
			if diff := cmp.Diff(tc.want, got); diff != "" || !synced {
				t.Errorf("synced %v, let through (-want +got):\n%s", synced, diff)
			}
			checkAddsUp(t, r, q, got)
		})
	}
}

// checkAddsUp checks that a verdict and what its exemptions let through are together
// the verdict without exemptions.
func checkAddsUp(t *testing.T, r *rig, q Query, through LetThrough) {
	t.Helper()
	judged, _ := r.Verdict(ns, q)
	all, _ := r.Verdict(ns, Query{Level: q.Level})
	together := sets.New(append(judged.Violations, through.Violations...)...)
	if diff := cmp.Diff(sets.New(all.Violations...), together); diff != "" {
		t.Errorf("the verdict and what is let through (-all +together):\n%s", diff)
	}
	if through.Pods > judged.ExemptPods {
		t.Errorf("%d pods are let through, %d are exempt", through.Pods, judged.ExemptPods)
	}
}

// The example is found again when its pod leaves, as in a verdict.
func TestLetThroughSettlesExamples(t *testing.T) {
	r := newRig(t, Options{})
	first := newPod(named("db-0", "apps/v1", "StatefulSet", "db"), sandboxed)
	r.apply(first, newPod(named("db-1", "apps/v1", "StatefulSet", "db"), sandboxed))
	r.remove(first)
	q := newest("baseline")
	q.ExemptRuntimeClasses = sets.New("gvisor")
	got, _ := r.LetThrough(ns, q)
	if want := []Violation{hostPID(Workload{"apps/v1", "StatefulSet", "db"}, SourcePod, 1, "db-1")}; !cmp.Equal(want, got.Violations) {
		t.Errorf("got %v, want %v", got.Violations, want)
	}
}

func TestRuntimeClassesBeforeTheSync(t *testing.T) {
	r := newUnsyncedRig(t, Options{})
	r.apply(newPod(plain("a"), sandboxed))
	if uses, synced := r.RuntimeClasses(ns); synced || uses != nil {
		t.Errorf("before the sync %v is in use, synced %v", uses, synced)
	}
	q := newest("baseline")
	q.ExemptRuntimeClasses = sets.New("gvisor")
	if through, synced := r.LetThrough(ns, q); synced || through.Pods > 0 {
		t.Errorf("before the sync %v is let through, synced %v", through, synced)
	}
}
