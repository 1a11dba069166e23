// SPDX-License-Identifier: Apache-2.0

package main

import (
	"flag"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/podsecurity-rollout/operator/internal/workloadkinds"
)

const app, job = "example.com/v1/App=spec.template", "example.com/v1/Job=spec.jobs[*].template+spec.last"

var workloadFlags = map[string]struct {
	args       []string
	wantKinds  []string
	wantLabels []string
	// wantErr are words of the error.
	wantErr []string
}{
	"none":            {},
	"kinds, listed":   {args: []string{"--workload-kinds=" + app + "," + job}, wantKinds: []string{app, job}},
	"kinds, repeated": {args: []string{"--workload-kinds=" + app, "--workload-kinds=" + job}, wantKinds: []string{app, job}},
	"another path of a known": {
		args:      []string{"--workload-kinds=argoproj.io/v1alpha1/Rollout=spec.pod"},
		wantKinds: []string{"argoproj.io/v1alpha1/Rollout=spec.pod"},
	},
	"one kind twice": {
		args:    []string{"--workload-kinds=" + app, "--workload-kinds=" + app},
		wantErr: []string{"-workload-kinds", app, "leave one out"},
	},
	"a kind that cannot be read": {
		args:    []string{"--workload-kinds=" + app + ",apps/v1/Deployment"},
		wantErr: []string{"-workload-kinds", "apps/v1/Deployment", "write group/version/Kind=path"},
	},
	"labels":    {args: []string{"--owner-labels=squad, example.com/owner"}, wantLabels: []string{"squad", "example.com/owner"}},
	"no labels": {args: []string{"--owner-labels="}, wantLabels: []string{}},
	"a label that is none": {
		args:    []string{"--owner-labels=team,what ever"},
		wantErr: []string{"-owner-labels", `"what ever"`, "write keys with commas between"},
	},
}

func TestWorkloadFlags(t *testing.T) {
	for name, tc := range workloadFlags {
		t.Run(name, func(t *testing.T) {
			var kinds []workloadkinds.Kind
			var labels []string
			flags := flag.NewFlagSet("manager", flag.ContinueOnError)
			flags.SetOutput(io.Discard)
			flags.Func("workload-kinds", "", addKinds(&kinds))
			flags.Func("owner-labels", "", setOwnerLabels(&labels))
			err := flags.Parse(tc.args)
			for _, word := range tc.wantErr {
				if err == nil || !strings.Contains(err.Error(), word) {
					t.Errorf("error %v does not have %q", err, word)
				}
			}
			if len(tc.wantErr) > 0 {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var written []string
			for _, kind := range kinds {
				written = append(written, kind.String())
			}
			if diff := cmp.Diff(tc.wantKinds, written); diff != "" {
				t.Errorf("kinds (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.wantLabels, labels); diff != "" {
				t.Errorf("labels (-want +got):\n%s", diff)
			}
		})
	}
}
