// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	psaapi "k8s.io/pod-security-admission/api"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/inventory"
	"github.com/podsecurity-rollout/operator/internal/psaconfig"
	"github.com/podsecurity-rollout/operator/internal/standards"
)

// tells is an insight of one namespace.
type tells struct {
	uses    []inventory.RuntimeClassUse
	through map[string]int
	owners  map[string]string
	unknown bool
}

func (i tells) Owner(_ string, w inventory.Workload) string { return i.owners[w.Name] }

func (i tells) UID(_ string, w inventory.Workload) types.UID { return types.UID("uid-" + w.Name) }

func (i tells) RuntimeClasses(string) ([]inventory.RuntimeClassUse, bool) { return i.uses, !i.unknown }

func (i tells) LetThrough(_ string, q inventory.Query) (inventory.LetThrough, bool) {
	return inventory.LetThrough{Pods: i.through[sets.List(q.ExemptRuntimeClasses)[0]]}, true
}

// byVersion is an inventory in which the Deployment web violates baseline from
// v1.34 on, and restricted always.
type byVersion struct{ *knows }

func (byVersion) Synced() bool { return true }

func (byVersion) Verdict(_ string, q inventory.Query) (inventory.Verdict, bool) {
	v := inventory.Violation{Workload: webDeployment, Source: inventory.SourcePod, Check: "hostProbesAndHostLifecycle", Message: "probe host"}
	if q.Level.Level == psaapi.LevelRestricted || !q.Level.Version.Older(psaapi.MajorMinorVersion(1, 34)) {
		return inventory.Verdict{Violations: []inventory.Violation{v}, ViolatingWorkloads: 1}, true
	}
	return inventory.Verdict{}, true
}

// insightful is a reconciler that tells everything there is.
func insightful(t *testing.T, i Insight) *NamespaceRolloutReconciler {
	t.Helper()
	e, err := standards.NewEvaluator()
	if err != nil {
		t.Fatal(err)
	}
	config := psaconfig.Config{ExemptRuntimeClasses: sets.New("kata", "fast", "gone")}
	return &NamespaceRolloutReconciler{
		Inventory: byVersion{}, Insight: i, Evaluator: e, Server: serves{served},
		Config: func() psaconfig.Config { return config }, RuntimeClasses: classes{"kata": "kata-qemu", "fast": "crun", "gvisor": "runsc"},
		Clock: clocktesting.NewFakePassiveClock(morning),
	}
}

func TestInsight(t *testing.T) {
	i := tells{
		uses:    []inventory.RuntimeClassUse{{Name: "fast", Pods: 3}, {Name: "gone", Pods: 1, Templates: 1}, {Name: "gvisor", Pods: 2}, {Name: "kata", Pods: 4}},
		through: map[string]int{"fast": 2, "kata": 1, "gone": 1},
	}
	r := insightful(t, i)
	s := shopSnapshot(func(s *snapshot) {
		s.target.Version, s.config.ExemptRuntimeClasses = "v1.33", r.Config().ExemptRuntimeClasses
	})
	in, err := s.look()
	if err != nil {
		t.Fatal(err)
	}
	r.addInsight(s, &in)
	want := []v1alpha1.RuntimeClassUse{
		{Name: "fast", Handler: "crun", Isolation: v1alpha1.IsolationSharedKernel, Pods: 3, Exemption: v1alpha1.ExemptionUnsafe, LetThrough: 2},
		{Name: "gone", Isolation: v1alpha1.IsolationUnknown, Pods: 1, Templates: 1, Exemption: v1alpha1.ExemptionUnsafe, LetThrough: 1},
		{Name: "gvisor", Handler: "runsc", Isolation: v1alpha1.IsolationUserSpaceKernel, Pods: 2},
		{Name: "kata", Handler: "kata-qemu", Isolation: v1alpha1.IsolationVirtualMachine, Pods: 4, Exemption: v1alpha1.ExemptionIsolated, LetThrough: 1},
	}
	if diff := cmp.Diff(want, in.RuntimeClasses); diff != "" {
		t.Errorf("runtime classes (-want +got):\n%s", diff)
	}
	foreseen := []v1alpha1.ForecastEntry{
		{Level: "baseline", From: "v1.33", To: "v1.33", Message: "Everything complies"},
		{Level: "baseline", From: "v1.34", To: "v1.37", ViolatingWorkloads: 1, Broken: 1, Message: "Deployment web: probe host"},
	}
	if diff := cmp.Diff(foreseen, in.Forecast); diff != "" {
		t.Errorf("forecast (-want +got):\n%s", diff)
	}
}

// What was told stays as long as it is not known anew.
func TestInsightStays(t *testing.T) {
	told := v1alpha1.NamespaceRolloutStatus{
		RuntimeClasses: []v1alpha1.RuntimeClassUse{{Name: "kata"}}, Forecast: []v1alpha1.ForecastEntry{{Level: "baseline"}},
	}
	unsynced := insightful(t, tells{})
	unsynced.Inventory = &knows{}
	for name, r := range map[string]*NamespaceRolloutReconciler{
		"nothing is to be told": {}, "classes are not known": insightful(t, tells{unknown: true}), "not every watch has synced": unsynced,
	} {
		t.Run(name, func(t *testing.T) {
			s := shopSnapshot(func(s *snapshot) { s.claim.Status = told })
			in, err := s.look()
			if err != nil {
				t.Fatal(err)
			}
			r.addInsight(s, &in)
			if diff := cmp.Diff(told, v1alpha1.NamespaceRolloutStatus{RuntimeClasses: in.RuntimeClasses, Forecast: in.Forecast}); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
		})
	}
}

func TestForecastFrom(t *testing.T) {
	for name, tc := range map[string]struct {
		changes []func(*snapshot)
		want    string
	}{
		"nothing is enforced":       {nil, "privileged:v1.37"},
		"nothing, to an old pin":    {[]func(*snapshot){func(s *snapshot) { s.target.Version = "v1.30" }}, "privileged:v1.30"},
		"enforced":                  {[]func(*snapshot){enforced(0)}, "baseline:v1.37"},
		"latest is what it is here": {[]func(*snapshot){func(s *snapshot) { s.target.Version = "latest" }}, "privileged:v1.37"},
	} {
		t.Run(name, func(t *testing.T) {
			s := shopSnapshot(tc.changes...)
			in, err := s.look()
			if err != nil {
				t.Fatal(err)
			}
			from := forecastFrom(in, s.server)
			if got := from.String(); got != tc.want {
				t.Errorf("from %s, want %s", got, tc.want)
			}
		})
	}
}

func TestApart(t *testing.T) {
	for name, tc := range map[string]struct {
		of   inventory.Violation
		want string
	}{
		"no":                  {inventory.Violation{Source: inventory.SourcePod}, ""},
		"a template alone":    {inventory.Violation{Source: inventory.SourceTemplate, Apart: true}, "the next restart makes a pod that violates"},
		"pods, in containers": {inventory.Violation{Source: inventory.SourcePod, Apart: true, Differs: "istio-proxy, init"}, "container istio-proxy, init"},
		"pods, in themselves": {inventory.Violation{Source: inventory.SourcePod, Apart: true}, "something changes the pods as they are created"},
	} {
		if got := apart(tc.of); !strings.Contains(got, tc.want) || (got == "") != (tc.want == "") {
			t.Errorf("%s: %q, want …%s…", name, got, tc.want)
		}
	}
}

// A workload that does not say who owns it is its namespace's owner's.
func TestOwner(t *testing.T) {
	r := &NamespaceRolloutReconciler{Insight: tells{owners: map[string]string{"web": "team-web"}}, OwnerLabels: []string{"team"}}
	for name, want := range map[string]string{"web": "team-web", "api": "shop"} {
		if got := r.owner(shopSnapshot(), inventory.Workload{Name: name}); got != want {
			t.Errorf("%s is owned by %q, want %q", name, got, want)
		}
	}
	if got := (&NamespaceRolloutReconciler{}).owner(shopSnapshot(), webDeployment); got != "" {
		t.Errorf("without insight: %q", got)
	}
}
