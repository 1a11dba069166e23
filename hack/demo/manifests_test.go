// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/ptr"
)

// TestCatalogReadsWhatIsThere fails when an update of a module moves or empties a manifest.
func TestCatalogReadsWhatIsThere(t *testing.T) {
	t.Chdir("../..")
	f, err := loadCatalog(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if workloads, kinds := f.count(); workloads < 12 || kinds < 5 {
		t.Errorf("%d workloads of %d kinds, want at least 12 of 5", workloads, kinds)
	}
	for namespace, list := range f.workloads {
		seen := map[string]bool{}
		for _, w := range list {
			if w.GetNamespace() != namespace || seen[w.String()] {
				t.Errorf("%s of %s is in namespace %q or there twice", w, namespace, w.GetNamespace())
			}
			seen[w.String()] = true
		}
	}
	if !wasFound(f.workloads[mendedNamespace], mendedKind+" "+mendedName) {
		t.Errorf("the workload to mend, %s %s, is not in %s", mendedKind, mendedName, mendedNamespace)
	}
}

func wasFound(list []workload, name string) bool {
	for _, w := range list {
		if w.String() == name {
			return true
		}
	}
	return false
}

func TestParse(t *testing.T) {
	const data = `
# Only a comment.
---
apiVersion: v1
kind: Service
metadata: {name: web}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web-{{ version }}, namespace: kube-system}
spec: {replicas: 3, template: {spec: {containers: [{name: c, image: "{{.Image}}"}]}}}
---
apiVersion: v1
kind: Pod
metadata: {name: lonely}
spec: {containers: [{name: c, image: i}]}
`
	list, err := parse([]byte(data), "shop", manifest{replicas: ptr.To[int64](0)})
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 2 || list[0].String() != "Deployment web-demo" || list[1].String() != "Pod lonely" {
		t.Fatalf("got %v, want the Deployment and the Pod", list)
	}
	if list[0].GetNamespace() != "shop" || wantsPods(list[0]) {
		t.Errorf("namespace %q, wants pods %v; want shop and none", list[0].GetNamespace(), wantsPods(list[0]))
	}
	if _, err := parse([]byte("kind: Service\n"), "shop", manifest{}); err == nil {
		t.Error("a file without a workload is accepted")
	}
}

func TestWithoutPods(t *testing.T) {
	object := func(kind, name string) workload {
		u := &unstructured.Unstructured{Object: map[string]any{"kind": kind}}
		u.SetName(name)
		return workload{Unstructured: u}
	}
	pod := func(name, ownerKind, owner, hash string) corev1.Pod {
		p := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}}
		if owner != "" {
			p.OwnerReferences = []metav1.OwnerReference{{Kind: ownerKind, Name: owner, Controller: ptr.To(true)}}
		}
		if hash != "" {
			p.Labels = map[string]string{"pod-template-hash": hash}
		}
		return p
	}
	f := filled{workloads: map[string][]workload{"shop": {
		object("Deployment", "web"), object("ReplicaSet", "web-6d"), object("Pod", "lonely"), object("CronJob", "monthly"), object("Job", "pi"),
	}}}
	got := f.withoutPods([]corev1.Pod{pod("web-6d-x", "ReplicaSet", "web-6d", "6d"), pod("lonely", "", "", "")})
	if len(got) != 2 || got[0] != "shop/ReplicaSet web-6d" || got[1] != "shop/Job pi" {
		t.Errorf("got %q, want the bare ReplicaSet and the Job", got)
	}
}
