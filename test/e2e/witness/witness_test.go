// SPDX-License-Identifier: Apache-2.0

package witness

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	psaapi "k8s.io/pod-security-admission/api"
)

// TestChange is the measure that tests of the operator go by: it has to find
// whatever a write must not do.
func TestChange(t *testing.T) {
	baseline := map[string]string{psaapi.AuditLevelLabel: "baseline", psaapi.AuditVersionLabel: "v1.37", "team": "shop"}
	with := func(labels ...string) Version {
		v := Version{Labels: maps.Clone(baseline)}
		for _, label := range labels {
			key, value, has := strings.Cut(label, "=")
			if v.Labels[key] = value; !has {
				delete(v.Labels, key)
			}
		}
		return v
	}
	for name, tc := range map[string]struct {
		after Version
		want  string
	}{
		"a rung": {
			after: with(psaapi.WarnLevelLabel+"=baseline", psaapi.WarnVersionLabel+"=v1.37"),
			want:  "warn=baseline:v1.37",
		},
		"a level":            {after: with(psaapi.AuditLevelLabel + "=restricted"), want: "audit=restricted:v1.37"},
		"a version":          {after: with(psaapi.AuditVersionLabel + "=v1.38"), want: "audit=baseline:v1.38"},
		"nothing":            {after: with(), want: "nothing"},
		"a level lower":      {after: with(psaapi.AuditLevelLabel + "=privileged"), want: "audit=privileged:v1.37, lowered from baseline"},
		"a level taken away": {after: with(psaapi.AuditLevelLabel, psaapi.AuditVersionLabel), want: "audit=:, lowered from baseline"},
		"two levels": {
			after: with(psaapi.EnforceLevelLabel+"=restricted", psaapi.EnforceVersionLabel+"=v1.37"),
			want:  "enforce=restricted:v1.37, 2 levels at once",
		},
		"two modes": {
			after: with(psaapi.EnforceLevelLabel+"=baseline", psaapi.WarnLevelLabel+"=baseline"),
			want:  "more than one mode: warn=baseline: and enforce=baseline:",
		},
		"another label": {
			after: with(psaapi.AuditLevelLabel+"=restricted", "team=pay", "env=dev"),
			want:  `other labels than Pod Security's: ["env" "team"]`,
		},
		"more than labels": {after: Version{Labels: baseline, besides: "annotated"}, want: "more than labels: from  to annotated"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Change(Version{Labels: baseline}, tc.after); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

const auditLine = `{"stage":%q,"requestURI":"/api/v1/namespaces/shop%s","verb":%q,"user":{"username":%q},` +
	`"objectRef":{"resource":"namespaces","namespace":"shop","name":"shop","subresource":%q},"responseStatus":{"code":%d},` +
	`"responseObject":{"metadata":{"resourceVersion":"7"}}}`

// TestWrites reads an audit log that grows, and tells by the watch's versions
// what was written.
func TestWrites(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	w := &Witness{
		AuditLog: OpenAuditLog(path, func(user string) bool { return user == "tester" }),
		Namespaces: &Namespaces{versions: map[string][]Version{"shop": {
			{ResourceVersion: "3"},
			{ResourceVersion: "7", Labels: map[string]string{psaapi.AuditLevelLabel: "baseline", psaapi.AuditVersionLabel: "v1.37"}},
			{ResourceVersion: "8", Labels: map[string]string{psaapi.AuditLevelLabel: "restricted", psaapi.AuditVersionLabel: "v1.37"}},
		}}},
	}
	line := func(stage, query, verb, user, subresource string, code int) string {
		return fmt.Sprintf(auditLine, stage, query, verb, user, subresource, code) + "\n"
	}
	const done = "ResponseComplete"
	interrupted := strings.ReplaceAll(line(done, "", "patch", "operator", "", 504), `"resourceVersion":"7"`, "")
	whole := line(done, "?fieldManager=x", "patch", "operator", "", 200)
	for i, step := range []struct {
		append string
		want   []string
	}{
		{append: line(done, "?dryRun=All", "patch", "operator", "", 200)},
		{append: line(done, "", "patch", "operator", "", 409)},
		{append: line(done, "", "patch", "somebody", "", 200)},
		{append: line(done, "", "get", "tester", "", 200)},
		{append: line("ResponseStarted", "", "patch", "operator", "", 200)},
		{append: whole[:20]},
		{append: whole[20:], want: []string{"audit=baseline:v1.37"}},
		{
			append: line(done, "", "update", "operator", "status", 200),
			want:   []string{"audit=baseline:v1.37", "not a patch of the namespace: operator update namespaces/status shop/shop: 200"},
		},
		{
			append: interrupted + interrupted,
			want: []string{
				"audit=baseline:v1.37", "not a patch of the namespace: operator update namespaces/status shop/shop: 200",
				"audit=restricted:v1.37", // of which there is one
			},
		},
	} {
		appendTo(t, path, step.append)
		got, err := w.Writes("operator", "shop")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(step.want, got); diff != "" {
			t.Errorf("after step %d (-want +got):\n%s", i, diff)
		}
	}
	w.versions["shop"] = w.versions["shop"][:1]
	if _, err := w.Writes("operator", "shop"); err == nil {
		t.Error("a write that the watch has not shown is no error")
	}
}

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
}
