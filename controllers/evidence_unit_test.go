// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	psaapi "k8s.io/pod-security-admission/api"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/inventory"
	"github.com/podsecurity-rollout/operator/internal/psaconfig"
	"github.com/podsecurity-rollout/operator/internal/rejections"
	"github.com/podsecurity-rollout/operator/internal/summary"
)

// knows is an inventory of one verdict, in which the Deployment web owns the
// ReplicaSet web-7d9f.
type knows struct {
	Inventory
	verdict inventory.Verdict
	synced  bool
	asked   []string
}

func (k *knows) Verdict(namespace string, q inventory.Query) (inventory.Verdict, bool) {
	k.asked = append(k.asked, namespace+" "+q.Level.String())
	for _, class := range sets.List(q.ExemptRuntimeClasses) {
		k.asked = append(k.asked, "but for "+class)
	}
	return k.verdict, k.synced
}

var (
	webDeployment = inventory.Workload{APIVersion: "apps/v1", Kind: "Deployment", Name: "web"}
	webReplicaSet = inventory.Workload{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "web-7d9f"}
)

func (k *knows) Topmost(_ string, object inventory.Workload) inventory.Workload {
	if object == webReplicaSet {
		return webDeployment
	}
	return object
}

func (k *knows) Pods(namespace string, w inventory.Workload) (int, bool) {
	return 0, namespace == "shop" && w == webDeployment
}

// refuses are the pods refused in every namespace.
type refuses []rejections.Rejection

func (r refuses) Rejections(string) []rejections.Rejection { return r }

func TestEvidence(t *testing.T) {
	seen := metav1.NewTime(morning)
	k := &knows{synced: true, verdict: inventory.Verdict{
		Pods: 5, Workloads: 3, ViolatingWorkloads: 1,
		Violations: []inventory.Violation{{
			Workload: webDeployment, Source: inventory.SourcePod, Level: psaapi.LevelBaseline, Check: "privileged", Message: "privileged (…)", Pods: 2, Example: "web-0",
		}},
		Departed: []inventory.Violation{{
			Workload: webDeployment, Source: inventory.SourceTemplate, Level: psaapi.LevelRestricted, Check: "runAsNonRoot", Message: "root", LastSeen: morning,
		}},
	}}
	r := &NamespaceRolloutReconciler{
		Inventory: k, Server: serves{served}, Config: func() psaconfig.Config { return psaconfig.Config{ExemptRuntimeClasses: sets.New("gvisor")} },
		Clock: clocktesting.NewFakePassiveClock(morning),
	}
	latest := psaapi.LevelVersion{Level: psaapi.LevelRestricted, Version: psaapi.LatestVersion()}
	workload := v1alpha1.WorkloadReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "web"}
	want := summary.Evidence{
		Level: latest, Known: true, Pods: 5, Workloads: 3, ViolatingWorkloads: 1,
		Violations: []v1alpha1.Violation{{
			Workload: workload, Level: v1alpha1.LevelBaseline, Check: "privileged", Message: "privileged (…)", Source: v1alpha1.SourcePod, Pods: 2, Example: "web-0",
		}},
		Departed: []v1alpha1.Violation{{
			Workload: workload, Level: v1alpha1.LevelRestricted, Check: "runAsNonRoot", Message: "root", Source: v1alpha1.SourceTemplate, LastSeen: &seen,
		}},
	}
	if diff := cmp.Diff(want, r.evidence(shopSnapshot(), latest), allowVersions); diff != "" {
		t.Errorf("evidence (-want +got):\n%s", diff)
	}
	// latest is what the server takes it for.
	if diff := cmp.Diff([]string{"shop restricted:v1.37", "but for gvisor"}, k.asked); diff != "" {
		t.Errorf("the inventory was asked (-want +got):\n%s", diff)
	}
	k.synced, k.verdict = false, inventory.Verdict{}
	if got := r.evidence(shopSnapshot(), baselinePinned); got.Known || got.Verdict() != v1alpha1.VerdictInconclusive {
		t.Errorf("evidence of an inventory that has not synced: %+v", got)
	}
}

func TestRefusalsCountForTheTopmostWorkload(t *testing.T) {
	r := &NamespaceRolloutReconciler{Inventory: &knows{}, Refusals: refuses{
		{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "web-7d9f", Level: "baseline:v1.37", Message: "violates PodSecurity", Time: morning},
		{APIVersion: "batch/v1", Kind: "Job", Name: "migrate", Level: "baseline:v1.37", Message: "violates PodSecurity", Time: morning},
		{APIVersion: "batch/v1", Kind: "Job", Name: "report", Level: "restricted:v1.37", Message: "violates PodSecurity", Time: morning},
	}}
	want := []v1alpha1.Rejection{
		{Workload: v1alpha1.WorkloadReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "web"}, Message: "violates PodSecurity", Time: metav1.NewTime(morning)},
		{Workload: v1alpha1.WorkloadReference{APIVersion: "batch/v1", Kind: "Job", Name: "migrate"}, Message: "violates PodSecurity", Time: metav1.NewTime(morning)},
	}
	if diff := cmp.Diff(want, r.refusals("shop", "baseline:v1.37")); diff != "" {
		t.Errorf("refusals (-want +got):\n%s", diff)
	}
	for _, w := range want {
		if got := r.present("shop", w.Workload); got != (w.Workload.Name == "web") {
			t.Errorf("%s is present: %v", w.Workload.Name, got)
		}
	}
	if r.present("bank", want[0].Workload) {
		t.Error("a workload is present in another namespace")
	}
}

// The API server bounds neither what an owner reference nor what an Event says,
// and the status must hold it all the same.
func TestReferenceIsBounded(t *testing.T) {
	long := strings.Repeat("é", 400)
	got := reference(inventory.Workload{APIVersion: long, Kind: long, Name: long})
	if len(got.APIVersion) > 317 || len(got.Kind) > 63 || len(got.Name) > 253 {
		t.Errorf("lengths %d, %d and %d are more than the API takes", len(got.APIVersion), len(got.Kind), len(got.Name))
	}
	want := v1alpha1.WorkloadReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "web"}
	if diff := cmp.Diff(want, reference(webDeployment)); diff != "" {
		t.Errorf("reference (-want +got):\n%s", diff)
	}
}
