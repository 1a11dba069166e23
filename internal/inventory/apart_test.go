// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	psaapi "k8s.io/pod-security-admission/api"
	"k8s.io/utils/ptr"
)

// ignoreApart is for tests that are about who violates, whatever others show.
var ignoreApart = cmpopts.IgnoreFields(Violation{}, "Apart", "Differs")

// with adds containers to a spec.
func with(s corev1.PodSpec, add ...corev1.Container) corev1.PodSpec {
	s.Containers = append(append([]corev1.Container{}, s.Containers...), add...)
	return s
}

func sidecar(name string) corev1.Container {
	return corev1.Container{Name: name, SecurityContext: &corev1.SecurityContext{Privileged: ptr.To(true)}}
}

func TestPodsAndTemplatesApart(t *testing.T) {
	injected := with(restricted, sidecar("proxy"))
	many := restricted
	var names []string
	for i := range 12 {
		many = with(many, sidecar(fmt.Sprintf("p%02d", i)))
		names = append(names, fmt.Sprintf("p%02d", i))
	}
	onHost := restricted
	onHost.HostNetwork = true
	debugged := restricted
	debugged.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon(sidecar("debugger"))}}
	set := named("web-1", "apps/v1", "Deployment", "web")
	pod := func(name string, spec corev1.PodSpec) runtime.Object {
		return newPod(named(name, "apps/v1", "ReplicaSet", "web-1"), spec)
	}
	for name, tc := range map[string]struct {
		objects []runtime.Object
		want    []string // source, check, apart, differs
	}{
		"a sidecar is injected": {
			[]runtime.Object{newDeployment("web", restricted), newReplicaSet(set, 1, restricted), pod("web-1-a", injected)},
			[]string{"Pod privileged apart proxy"},
		},
		"both violate": {
			[]runtime.Object{newDeployment("web", injected), newReplicaSet(set, 1, injected), pod("web-1-a", injected)},
			[]string{"Pod privileged", "Template privileged"},
		},
		"the template alone": {
			[]runtime.Object{newDeployment("web", injected), newReplicaSet(set, 1, restricted), pod("web-1-a", restricted)},
			[]string{"Template privileged apart"},
		},
		"the template has no pod": {[]runtime.Object{newDeployment("web", injected)}, []string{"Template privileged"}},
		"the pod itself differs": {
			[]runtime.Object{newReplicaSet(set, 1, restricted), pod("web-1-a", onHost)}, []string{"Pod hostNamespaces apart"},
		},
		"somebody debugs": {
			[]runtime.Object{newReplicaSet(set, 1, restricted), pod("web-1-a", debugged)}, []string{"Pod privileged apart debugger"},
		},
		"many containers": {
			[]runtime.Object{newReplicaSet(set, 1, restricted), pod("web-1-a", many)},
			[]string{"Pod privileged apart " + strings.Join(names[:8], ", ")},
		},
		"a pod of its own":                   {[]runtime.Object{newPod(plain("a"), injected)}, []string{"Pod privileged"}},
		"a controller that is not watched":   {[]runtime.Object{newPod(named("a", "example.com/v1", "App", "app"), injected)}, []string{"Pod privileged"}},
		"the set is gone, the workload says": {[]runtime.Object{newDeployment("web", restricted), newReplicaSet(set, 0, injected), pod("web-1-a", injected)}, []string{"Pod privileged apart proxy"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, Options{})
			r.apply(tc.objects...)
			v, known := r.Verdict(ns, Query{Level: psaapi.LevelVersion{Level: psaapi.LevelBaseline, Version: psaapi.MajorMinorVersion(1, 37)}})
			if !known {
				t.Fatal("not synced")
			}
			got := said(v.Violations)
			if strings.Join(got, "; ") != strings.Join(tc.want, "; ") {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// said is violations in short: source, check, whether apart, and what differs.
func said(violations []Violation) []string {
	var all []string
	for _, v := range violations {
		said := fmt.Sprintf("%s %s", v.Source, v.Check)
		if v.Apart {
			said += " apart"
		}
		if v.Differs != "" {
			said += " " + v.Differs
		}
		all = append(all, said)
	}
	return all
}

// An Event about a workload needs its UID.
func TestUID(t *testing.T) {
	r := newRig(t, Options{})
	own := plain("debug")
	own.UID = "uid-debug"
	of := named("app-1", "example.com/v1", "App", "app")
	of.OwnerReferences[1].UID = "uid-app"
	web := newDeployment("web", restricted)
	web.UID = "uid-web"
	r.apply(newPod(own, restricted), newPod(of, restricted), web)
	for name, tc := range map[string]struct {
		of   Workload
		want string
	}{
		"a workload":                   {Workload{"apps/v1", "Deployment", "web"}, "uid-web"},
		"a pod of its own":             {Workload{"v1", "Pod", "debug"}, "uid-debug"},
		"what only pods have named":    {Workload{"example.com/v1", "App", "app"}, "uid-app"},
		"one that is not there":        {Workload{"apps/v1", "Deployment", "api"}, ""},
		"a pod that has a workload":    {Workload{"v1", "Pod", "app-1"}, ""},
		"nothing of a kind nobody saw": {Workload{"example.com/v1", "Job", "app"}, ""},
	} {
		if got := string(r.UID(ns, tc.of)); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
	if got := r.UID("elsewhere", Workload{"apps/v1", "Deployment", "web"}); got != "" {
		t.Errorf("in another namespace: %q", got)
	}
	again := newDeployment("web", restricted)
	again.UID = "uid-again"
	r.apply(again)
	if got := r.UID(ns, Workload{"apps/v1", "Deployment", "web"}); got != "uid-again" {
		t.Errorf("created anew: %q", got)
	}
}
