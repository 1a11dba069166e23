// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

func TestShorten(t *testing.T) {
	const counted = "DaemonSet calico-node: host namespaces (hostNetwork=true), and 3 more workloads"
	for name, tc := range map[string]struct {
		text  string
		width int
		want  string
	}{
		"fits":                           {"Pod web", 7, "Pod web"},
		"cut at the end":                 {"Pod web-server", 9, "Pod web-…"},
		"no space before the cut":        {"Pod web server", 9, "Pod web…"},
		"what is counted stays":          {counted, 50, "DaemonSet calico-node: host…, and 3 more workloads"},
		"what is counted takes too much": {counted, 24, "DaemonSet calico-node:…"},
		"characters, not bytes":          {"…………", 4, "…………"},
		"no room":                        {"Pod web", 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := shorten(tc.text, tc.width)
			if got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			if utf8.RuneCountInString(got) > tc.width {
				t.Errorf("%q is wider than %d", got, tc.width)
			}
		})
	}
}

func TestHang(t *testing.T) {
	for name, tc := range map[string]struct {
		text          string
		indent, width int
		want          []string
	}{
		"fits":                 {"one two", 2, 7, []string{"one two"}},
		"breaks at spaces":     {"one two three", 2, 8, []string{"one two", "  three"}},
		"at the very edge":     {"one two three", 0, 7, []string{"one two", "three"}},
		"a word that is wider": {"one incomprehensible two", 2, 8, []string{"one", "  incomprehensible", "  two"}},
		"columns stay":         {"  1s  web   one two", 6, 15, []string{"  1s  web   one", "      two"}},
		"nothing":              {"", 2, 8, []string{""}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, hang(tc.text, tc.indent, tc.width)); diff != "" {
				t.Errorf("lines (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTable(t *testing.T) {
	rows := []row{
		{name: "databases", labels: policyLabels("baseline:v1.37", "-", "-"), next: "warn=baseline:v1.37", reason: v1alpha1.ReasonClimbing},
		{name: "default"},
		{name: "hardened", labels: policyLabels("restricted:v1.37", "restricted:v1.37", "baseline:v1.37"), reason: v1alpha1.ReasonComplete},
		{
			name: "podsecurity-rollout-system", labels: policyLabels("-", "-", "-"), next: "audit=baseline:v1.37",
			reason: v1alpha1.ReasonViolations, message: "DaemonSet calico-node: host namespaces (hostNetwork=true) in pod calico-node-5dpvm, and 3 more workloads",
		},
		{
			name: "shop", labels: policyLabels("restricted:v1.37", "restricted:v1.37", "baseline:v1.37"), next: "enforce=restricted:v1.37",
			reason: v1alpha1.ReasonLabelConflict, message: "flux owns it",
		},
	}
	want := strings.Trim(`
  NAMESPACE        ENFORCE    WARN       AUDIT      STATE
  databases        -          -          baseline   climbing
  default          -          -          -          not seen yet
  hardened         baseline   restricted restricted complete
  podsecurity-rol… -          -          -          held at audit=baseline
      DaemonSet calico-node: host namespaces (hostNetwork…, and 3 more workloads
  shop             baseline   restricted restricted held at enforce=restricted
      LabelConflict: flux owns it
`, "\n")
	got := table(rows, 80, true, style{})
	if diff := cmp.Diff(strings.Split(want, "\n"), got); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
	for _, width := range []int{20, 40, 80, 200} {
		for _, line := range table(rows, width, true, style{}) {
			if n := utf8.RuneCountInString(line); n > width {
				t.Errorf("at %d columns a line has %d: %s", width, n, line)
			}
		}
	}
	for _, line := range table(rows, 80, false, style{}) {
		if strings.HasPrefix(line, detailIndent) {
			t.Errorf("details were not asked for: %s", line)
		}
	}
	if plain := strings.Join(got, ""); strings.Contains(plain, "\x1b") {
		t.Error("colour, though none was asked for")
	}
	if painted := strings.Join(table(rows, 80, true, style{colour: true}), ""); !strings.Contains(painted, "\x1b[32mcomplete") {
		t.Errorf("what is complete is not green: %q", painted)
	}
}
