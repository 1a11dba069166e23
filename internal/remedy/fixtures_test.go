// SPDX-License-Identifier: Apache-2.0

package remedy_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	psaapi "k8s.io/pod-security-admission/api"

	"github.com/podsecurity-rollout/operator/internal/remedy"
	"github.com/podsecurity-rollout/operator/internal/standards"
	"github.com/podsecurity-rollout/operator/test/fixtures"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

const golden = "testdata/fixtures.golden"

func mustEvaluator(t testing.TB) *standards.Evaluator {
	t.Helper()
	e, err := standards.NewEvaluator()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// failing are upstream's fixtures that fail at a version.
func failing(t *testing.T, version psaapi.Version) []fixtures.Fixture {
	t.Helper()
	all, err := fixtures.All()
	if err != nil {
		t.Fatal(err)
	}
	var failing []fixtures.Fixture
	for _, f := range all {
		if f.Level.Version == version && !f.Pass {
			failing = append(failing, f)
		}
	}
	return failing
}

func templateOf(pod *corev1.Pod) *corev1.PodTemplateSpec {
	return &corev1.PodTemplateSpec{ObjectMeta: pod.ObjectMeta, Spec: pod.Spec}
}

func mustApply(t testing.TB, edits []remedy.Edit, template *corev1.PodTemplateSpec) *corev1.PodTemplateSpec {
	t.Helper()
	edited, err := remedy.Apply(edits, template)
	if err != nil {
		t.Fatal(err)
	}
	return edited
}

// The remedies put right at least 95 % of upstream's failing fixtures. What they do not, and what Safe edits alone do not, is written down, with the edits.
func TestFixturesPassOnceEdited(t *testing.T) {
	e := mustEvaluator(t)
	var lines []string
	all, passed, safe := 0, 0, 0
	for _, f := range failing(t, standards.NewestVersion()) {
		template := templateOf(f.Pod)
		complies := func(edits []remedy.Edit) bool {
			edited := mustApply(t, edits, template)
			return len(e.Evaluate(f.Level, &edited.ObjectMeta, &edited.Spec)) == 0
		}
		edits, unfixable := remedy.Edits(e, f.Level, &template.ObjectMeta, &template.Spec)
		all++
		verdict := "cannot be put right"
		switch {
		case complies(remedy.OfClass(remedy.Safe, edits)):
			verdict = "safe edits"
			safe++
			passed++
		case complies(edits):
			verdict = "invasive edits"
			passed++
		}
		lines = append(lines, describe(f.Path, verdict, edits, unfixable))
		if len(unfixable) > 0 {
			t.Logf("%s cannot be put right: %v", f.Path, unfixable)
		}
	}
	t.Logf("of %d failing fixtures %d pass (%.1f %%), %d of them with safe edits alone (%.1f %%)",
		all, passed, percent(passed, all), safe, percent(safe, all))
	if all == 0 || percent(passed, all) < 95 {
		t.Errorf("%d of %d failing fixtures pass once edited, want at least 95 %%", passed, all)
	}
	compareGolden(t, strings.Join(lines, "\n")+"\n")
}

func percent(part, whole int) float64 {
	return 100 * float64(part) / float64(whole)
}

func describe(path, verdict string, edits []remedy.Edit, unfixable []remedy.Unfixable) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", path, verdict)
	for _, edit := range edits {
		fmt.Fprintf(&b, "\n  %s", edit)
	}
	for _, u := range unfixable {
		fmt.Fprintf(&b, "\n  %s: %s", u.Check, u.Reason)
	}
	return b.String()
}

func compareGolden(t *testing.T, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got), refresh with -update:\n%s", golden, diff)
	}
}

// At every other version too, each failing fixture passes once edited, or is said not to.
func TestFixturesOfAllVersions(t *testing.T) {
	e := mustEvaluator(t)
	for _, version := range standards.Versions() {
		for _, f := range failing(t, version) {
			template := templateOf(f.Pod)
			edits, unfixable := remedy.Edits(e, f.Level, &template.ObjectMeta, &template.Spec)
			edited := mustApply(t, edits, template)
			if findings := e.Evaluate(f.Level, &edited.ObjectMeta, &edited.Spec); len(findings) > 0 {
				t.Errorf("%s: %v left, said to be unfixable: %v", f.Path, findings, unfixable)
			}
		}
	}
}
