// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/sets"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/psaconfig"
)

// classes are the RuntimeClasses of a cluster, nil before they are known.
type classes map[string]string

func (c classes) Classes() map[string]string { return c }
func (c classes) Synced() bool               { return c != nil }

func exempting(names ...string) func() psaconfig.Config {
	return func() psaconfig.Config { return psaconfig.Config{ExemptRuntimeClasses: sets.New(names...)} }
}

func TestExemptClasses(t *testing.T) {
	cluster := classes{"vm": "kata", "fast": "runc", "odd": "acme-vm"}
	for name, tc := range map[string]struct {
		classes  classes
		exempt   []string
		required bool
		handlers string
		want     []string
		unknown  bool
	}{
		"what the server exempts":           {classes: cluster, exempt: []string{"vm", "fast", "gone"}, want: []string{"fast", "gone", "vm"}},
		"whatever the classes":              {exempt: []string{"vm"}, want: []string{"vm"}},
		"required: what isolates":           {classes: cluster, exempt: []string{"vm", "fast", "gone", "odd"}, required: true, want: []string{"vm"}},
		"required: what is said to isolate": {classes: cluster, exempt: []string{"vm", "odd"}, required: true, handlers: "acme-*=VirtualMachine,kata=Unknown", want: []string{"odd"}},
		"required: nothing isolates":        {classes: classes{}, exempt: []string{"vm"}, required: true, want: []string{}},
		"required: before they are known":   {exempt: []string{"vm"}, required: true, unknown: true},
		"required: nothing is exempt":       {required: true, want: []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			k := &knows{synced: true}
			r := &NamespaceRolloutReconciler{
				Inventory: k, Server: serves{served}, Config: exempting(tc.exempt...), RuntimeClasses: tc.classes, RequireIsolatedExemptions: tc.required,
				Clock: clocktesting.NewFakePassiveClock(morning),
			}
			if err := r.RuntimeHandlers.Set(tc.handlers); err != nil {
				t.Fatal(err)
			}
			got, known := r.exemptClasses()
			if known == tc.unknown || (known && !cmp.Equal(tc.want, sets.List(got))) {
				t.Errorf("got %v, known %v; want %v, known %v", sets.List(got), known, tc.want, !tc.unknown)
			}
			evidence := r.evidence(shopSnapshot(), baselinePinned)
			if evidence.Known == tc.unknown || (evidence.Verdict() == v1alpha1.VerdictInconclusive) != tc.unknown || (len(k.asked) == 0) != tc.unknown {
				t.Errorf("evidence %+v, the inventory was asked %v; want it conclusive: %v", evidence, k.asked, !tc.unknown)
			}
			if r.synced() == tc.unknown {
				t.Errorf("synced: %v, want %v", !tc.unknown, tc.unknown)
			}
			if k.synced = false; r.synced() {
				t.Error("synced before the inventory is")
			}
		})
	}
}

func (k *knows) Synced() bool { return k.synced }

// A step that was decided on another configuration is not taken.
func TestConfirmNeedsTheConfigurationDecidedOn(t *testing.T) {
	r := &NamespaceRolloutReconciler{Config: exempting("vm")}
	if err := r.confirm(t.Context(), &snapshot{config: exempting()()}); !errors.Is(err, errStale) {
		t.Errorf("error %v, want that it is stale", err)
	}
}
