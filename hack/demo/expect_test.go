// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	psaapi "k8s.io/pod-security-admission/api"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

// policyLabels answers the labels of "audit warn enforce", each "level:version" or "-".
func policyLabels(audit, warn, enforce string) map[string]string {
	out := map[string]string{}
	for mode, text := range map[v1alpha1.Mode]string{v1alpha1.ModeAudit: audit, v1alpha1.ModeWarn: warn, v1alpha1.ModeEnforce: enforce} {
		if text == "-" {
			continue
		}
		level, version, pinned := strings.Cut(text, ":")
		out[labelKeys[mode][0]] = level
		if pinned {
			out[labelKeys[mode][1]] = version
		}
	}
	return out
}

func TestExpectedLabels(t *testing.T) {
	const b, r, b30, r30 = "baseline:v1.37", "restricted:v1.37", "baseline:v1.30", "restricted:v1.30"
	complies := map[string]map[psaapi.Level]bool{
		"nothing":         {},
		"baseline":        {psaapi.LevelBaseline: true},
		"all":             {psaapi.LevelBaseline: true, psaapi.LevelRestricted: true},
		"restricted only": {psaapi.LevelRestricted: true},
	}
	whole := &goal{levels: map[v1alpha1.Mode]psaapi.Level{
		v1alpha1.ModeEnforce: psaapi.LevelBaseline, v1alpha1.ModeWarn: psaapi.LevelRestricted, v1alpha1.ModeAudit: psaapi.LevelRestricted}}
	strict := &goal{levels: map[v1alpha1.Mode]psaapi.Level{
		v1alpha1.ModeEnforce: psaapi.LevelRestricted, v1alpha1.ModeWarn: psaapi.LevelRestricted, v1alpha1.ModeAudit: psaapi.LevelRestricted}}
	none := policyLabels("-", "-", "-")
	for name, tc := range map[string]struct {
		start    map[string]string
		goal     *goal
		complies string
		want     map[string]string
		reached  bool
	}{
		"violates baseline":               {none, whole, "nothing", none, false},
		"meets baseline":                  {none, whole, "baseline", policyLabels(b, b, b), false},
		"meets restricted":                {none, whole, "all", policyLabels(r, r, b), true},
		"restricted wanted, meets it":     {none, strict, "all", policyLabels(r, r, r), true},
		"restricted wanted, baseline met": {none, strict, "baseline", policyLabels(b, b, b), false},
		"no level is skipped":             {none, strict, "restricted only", none, false},
		"one mode has a start":            {policyLabels("-", b30, "-"), whole, "all", policyLabels(r, r, b), true},
		"held where it started":           {policyLabels(b30, b30, b30), strict, "baseline", policyLabels(b30, b30, b30), false},
		"older version at the target":     {policyLabels(r30, r30, b30), whole, "all", policyLabels(r, r, b), true},
		"older version, held":             {policyLabels(r30, r30, b30), whole, "nothing", policyLabels(r30, r30, b30), true},
		"stricter than wanted": {policyLabels("restricted", "restricted", "restricted"), whole, "all",
			policyLabels(r, r, "restricted"), true},
	} {
		t.Run(name, func(t *testing.T) {
			got := expectedLabels(tc.start, tc.goal, complies[tc.complies], psaapi.MajorMinorVersion(1, 37))
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("labels (-want +got):\n%s", diff)
			}
			if got := reached(got, tc.goal); got != tc.reached {
				t.Errorf("reached: %t, want %t", got, tc.reached)
			}
		})
	}
	if diff := cmp.Diff(none, expectedLabels(none, nil, complies["all"], psaapi.MajorMinorVersion(1, 37))); diff != "" {
		t.Errorf("labels of a namespace that nobody selects (-want +got):\n%s", diff)
	}
}

func TestGoalOf(t *testing.T) {
	rollouts, err := readRollouts()
	if err != nil {
		t.Fatal(err)
	}
	for i := range rollouts {
		rollouts[i].Spec.ExcludedNamespaces = []string{metav1.NamespaceSystem}
	}
	for name, tc := range map[string]struct {
		labels      map[string]string
		wantRollout string
		wantEnforce psaapi.Level
	}{
		"guestbook":             {team("shop", "dev"), "shop", psaapi.LevelRestricted},
		"storage":               {team("platform", "prod"), "whole-cluster", psaapi.LevelBaseline},
		metav1.NamespaceDefault: {nil, "whole-cluster", psaapi.LevelBaseline},
		metav1.NamespaceSystem:  {team("shop", "dev"), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			g, err := goalOf(rollouts, name, tc.labels)
			if err != nil {
				t.Fatal(err)
			}
			if g == nil {
				g = &goal{}
			}
			if g.rollout != tc.wantRollout || g.levels[v1alpha1.ModeEnforce] != tc.wantEnforce {
				t.Errorf("got %+v, want %s of %s", g, tc.wantEnforce, tc.wantRollout)
			}
		})
	}
}
