// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	psaapi "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"

	"github.com/podsecurity-rollout/operator/internal/standards"
	"github.com/podsecurity-rollout/operator/test/fixtures"
)

// upstreamFixtures are all of upstream's fixtures.
func upstreamFixtures(t testing.TB) []fixtures.Fixture {
	t.Helper()
	all, err := fixtures.All()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func evaluator(t testing.TB) *standards.Evaluator {
	t.Helper()
	e, err := standards.NewEvaluator()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// upstream is the library's own evaluator, without anything of ours.
func upstream(t testing.TB) policy.Evaluator {
	t.Helper()
	e, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// levelVersions are both levels at every version, and at latest.
func levelVersions() []psaapi.LevelVersion {
	var all []psaapi.LevelVersion
	for _, version := range append(standards.Versions(), psaapi.LatestVersion()) {
		for _, level := range []psaapi.Level{psaapi.LevelBaseline, psaapi.LevelRestricted} {
			all = append(all, psaapi.LevelVersion{Level: level, Version: version})
		}
	}
	return all
}

// message joins findings the way upstream joins the results of one pod.
func message(findings []standards.Finding) string {
	messages := make([]string, 0, len(findings))
	for _, f := range findings {
		messages = append(messages, f.Message())
	}
	return strings.Join(messages, ", ")
}

// compare says how the findings on a pod differ from those on its profile, or from what upstream's own evaluator says; "" when they do not.
func compare(e *standards.Evaluator, own policy.Evaluator, lv psaapi.LevelVersion, meta *metav1.ObjectMeta, spec *corev1.PodSpec, p standards.Profile) string {
	whole := e.Evaluate(lv, meta, spec)
	if reduced := e.Evaluate(lv, &p.Meta, &p.Spec); !slices.Equal(whole, reduced) {
		return fmt.Sprintf("%s: findings (-whole +reduced):\n%s", lv.String(), cmp.Diff(whole, reduced))
	}
	aggregate := policy.AggregateCheckResults(own.EvaluatePod(lv, meta, spec))
	if got, want := message(whole), aggregate.ForbiddenDetail(); got != want {
		return fmt.Sprintf("%s: message %q, upstream's %q", lv.String(), got, want)
	}
	return ""
}

// Each fixture at its own level and version: the whole pod, its profile, upstream and the folder agree.
func TestFixtures(t *testing.T) {
	e, own := evaluator(t), upstream(t)
	passed, failed := 0, 0
	for _, f := range upstreamFixtures(t) {
		profile := standards.Reduce(&f.Pod.ObjectMeta, &f.Pod.Spec)
		if difference := compare(e, own, f.Level, &f.Pod.ObjectMeta, &f.Pod.Spec, profile); difference != "" {
			t.Errorf("%s: %s", f.Path, difference)
		}
		findings := e.Evaluate(f.Level, &profile.Meta, &profile.Spec)
		if got := len(findings) == 0; got != f.Pass {
			t.Errorf("%s: complies = %v, the folder says %v", f.Path, got, f.Pass)
		}
		if f.Pass {
			passed++
			continue
		}
		failed++
		if !names(findings, f.Check) {
			t.Errorf("%s: no finding of check %s in %v", f.Path, f.Check, findings)
		}
	}
	t.Logf("%d fixtures pass, %d fail", passed, failed)
}

// names says whether some finding is of the check of that lower-case ID, or of the restricted one that overrides it.
func names(findings []standards.Finding, check string) bool {
	overriding := map[string]string{
		"capabilities_baseline":   "capabilities_restricted",
		"hostpathvolumes":         "restrictedvolumes",
		"procmount":               "procmount_restricted",
		"seccompprofile_baseline": "seccompprofile_restricted",
	}
	for _, f := range findings {
		if id := strings.ToLower(f.Check); id == check || id == overriding[check] {
			return true
		}
	}
	return false
}

// Each fixture at every other level and version: the whole pod, its profile and upstream agree. The same pod under several versions is compared once.
func TestFixturesAtEveryLevelAndVersion(t *testing.T) {
	e, own, levels := evaluator(t), upstream(t), levelVersions()
	seen := map[string]bool{}
	for _, f := range upstreamFixtures(t) {
		content, err := f.Pod.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if seen[string(content)] {
			continue
		}
		seen[string(content)] = true
		profile := standards.Reduce(&f.Pod.ObjectMeta, &f.Pod.Spec)
		for _, lv := range levels {
			if difference := compare(e, own, lv, &f.Pod.ObjectMeta, &f.Pod.Spec, profile); difference != "" {
				t.Errorf("%s: %s", f.Path, difference)
			}
		}
	}
	t.Logf("%d distinct pods at %d levels and versions", len(seen), len(levels))
}
