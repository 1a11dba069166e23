// SPDX-License-Identifier: Apache-2.0

package workloadkinds

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"
)

func TestParse(t *testing.T) {
	tests := map[string]struct {
		value string
		// want is how the kind is written: as it was given, when empty.
		want    string
		wantErr string
	}{
		"a template":            {value: "argoproj.io/v1alpha1/Rollout=spec.template"},
		"lists":                 {value: "a.example.com/v1/Set=spec.jobs[*].parts[*][*].template"},
		"two paths":             {value: "a.example.com/v1/Set=spec.leader+spec.worker"},
		"steps":                 {value: "tekton.dev/v1/Task=spec:steps"},
		"steps in a list":       {value: "tekton.dev/v1/Pipeline=spec.tasks[*].taskSpec:steps+spec.finally[*].taskSpec:steps"},
		"ownership only":        {value: "kubevirt.io/v1/VirtualMachine"},
		"spaces around":         {value: " kubevirt.io/v1/VirtualMachine ", want: "kubevirt.io/v1/VirtualMachine"},
		"nothing":               {value: "", wantErr: "three parts"},
		"no version":            {value: "argoproj.io/Rollout=spec.template", wantErr: "three parts"},
		"a built-in group":      {value: "apps/v1/Deployment=spec.template", wantErr: "known already"},
		"no group":              {value: "example.com_/v1/Set", wantErr: "no API group"},
		"an odd version":        {value: "example.com/V1/Set", wantErr: "no version"},
		"a resource, no kind":   {value: "example.com/v1/sets=spec.template", wantErr: "no kind"},
		"an odd kind":           {value: "example.com/v1/Set_=spec.template", wantErr: "no kind"},
		"no kind":               {value: "example.com/v1/=spec.template", wantErr: "no kind"},
		"an empty path":         {value: "example.com/v1/Set=", wantErr: "no field name"},
		"a leading dot":         {value: "example.com/v1/Set=.spec", wantErr: "no field name"},
		"an index":              {value: "example.com/v1/Set=spec.jobs[0].template", wantErr: `"jobs[0]" is no field name`},
		"a list of nothing":     {value: "example.com/v1/Set=[*].template", wantErr: "no field name"},
		"an empty second path":  {value: "example.com/v1/Set=spec.template+", wantErr: "no field name"},
		"a form there is not":   {value: "example.com/v1/Set=spec:container", wantErr: `"container" is no form`},
		"a form that is empty":  {value: "example.com/v1/Set=spec:", wantErr: `"" is no form`},
		"JSONPath's own dollar": {value: "example.com/v1/Set=$.spec", wantErr: "no field name"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			kind, err := Parse(tc.value)
			if tc.wantErr != "" {
				for _, word := range []string{tc.wantErr, `"` + tc.value + `"`, syntax} {
					if err == nil || !strings.Contains(err.Error(), word) {
						t.Errorf("error %v does not have %s", err, word)
					}
				}
				return
			}
			want := tc.want
			if want == "" {
				want = tc.value
			}
			if err != nil || kind.String() != want {
				t.Errorf("Parse(%q) = %q, %v", tc.value, kind, err)
			}
		})
	}
}

// Every well-known kind can be read, is there once, and is written as it was read.
func TestWellKnown(t *testing.T) {
	seen := sets.New[schema.GroupKind]()
	for i, kind := range WellKnown() {
		if kind.String() != wellKnown[i] {
			t.Errorf("%q is read as %q", wellKnown[i], kind)
		}
		if seen.Has(kind.GroupKind()) {
			t.Errorf("%s is there twice", kind.GroupKind())
		}
		seen.Insert(kind.GroupKind())
	}
	if !seen.Has(schema.GroupKind{Group: "argoproj.io", Kind: "Rollout"}) {
		t.Error("Argo's Rollout is not known")
	}
}

func TestWith(t *testing.T) {
	app, rollout := mustParse(t, "example.com/v1/App=spec"), mustParse(t, "argoproj.io/v1/Rollout=spec.pod")
	kinds, err := With([]Kind{app, rollout})
	if err != nil {
		t.Fatal(err)
	}
	written := sets.New[string]()
	for _, kind := range kinds {
		written.Insert(kind.String())
	}
	if want := sets.New(wellKnown...).Delete("argoproj.io/v1alpha1/Rollout=spec.template").Insert(app.String(), rollout.String()); !want.Equal(written) {
		t.Errorf("kinds %v, want %v", sets.List(written), sets.List(want))
	}
	if _, err := With([]Kind{app, app}); err == nil || !strings.Contains(err.Error(), "leave one out") {
		t.Errorf("one kind given twice: %v", err)
	}
}
