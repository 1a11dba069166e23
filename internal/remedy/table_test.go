// SPDX-License-Identifier: Apache-2.0

package remedy

import (
	"strings"
	"testing"
	"unicode/utf8"

	psaapi "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// Each upstream check has one remedy, and each remedy a check.
func TestTableIsUpstreams(t *testing.T) {
	upstream := map[string]psaapi.Level{}
	for _, check := range policy.DefaultChecks() {
		upstream[string(check.ID)] = check.Level
		if _, ok := For(string(check.ID)); !ok {
			t.Errorf("check %s has no remedy: add one to the table", check.ID)
		}
	}
	seen := map[string]bool{}
	for _, r := range table {
		if level, ok := upstream[r.Check]; !ok || level != r.Level {
			t.Errorf("remedy of check %s at level %s: upstream has the check at level %q", r.Check, r.Level, level)
		}
		if seen[r.Check] {
			t.Errorf("check %s has two remedies", r.Check)
		}
		seen[r.Check] = true
	}
}

func TestTextsAreShort(t *testing.T) {
	for _, r := range table {
		verb, _, _ := strings.Cut(r.Text, " ")
		if length := utf8.RuneCountInString(r.Text); length > 160 || strings.HasSuffix(r.Text, ".") || verb != strings.ToLower(verb) {
			t.Errorf("%s: %q of %d characters: want at most 160, as a clause", r.Check, r.Text, length)
		}
	}
}

func TestFor(t *testing.T) {
	const page = "https://kubernetes.io/docs/concepts/security/pod-security-standards/"
	tests := map[string]struct {
		wantText, wantURL string
	}{
		"privileged":   {"set securityContext.privileged: false in every container", page + "#baseline"},
		"runAsUser":    {"remove securityContext.runAsUser: 0 in the pod and every container, or set it to another user", page + "#restricted"},
		"no such":      {},
		"hostNetwork ": {},
	}
	for check, tc := range tests {
		t.Run(check, func(t *testing.T) {
			got, ok := For(check)
			if ok != (tc.wantText != "") || got.Text != tc.wantText {
				t.Errorf("For() = %q, %v, want %q", got.Text, ok, tc.wantText)
			}
			if ok && got.URL() != tc.wantURL {
				t.Errorf("URL() = %q, want %q", got.URL(), tc.wantURL)
			}
		})
	}
}
