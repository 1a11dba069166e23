// SPDX-License-Identifier: Apache-2.0

package remedy_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	psaapi "k8s.io/pod-security-admission/api"
	"pgregory.net/rapid"

	"github.com/podsecurity-rollout/operator/internal/remedy"
	"github.com/podsecurity-rollout/operator/internal/standards"
	"github.com/podsecurity-rollout/operator/test/randompod"
)

// anyTemplate is a random pod, by the number that makes it.
func anyTemplate(t *rapid.T) *corev1.PodTemplateSpec {
	meta, spec := randompod.New(randompod.Seed(rapid.Uint64().Draw(t, "pod")))
	return &corev1.PodTemplateSpec{ObjectMeta: *meta, Spec: *spec}
}

func anyLevelVersion(t *rapid.T) psaapi.LevelVersion {
	return psaapi.LevelVersion{
		Level:   rapid.SampledFrom([]psaapi.Level{psaapi.LevelBaseline, psaapi.LevelRestricted}).Draw(t, "level"),
		Version: rapid.SampledFrom(standards.Versions()).Draw(t, "version"),
	}
}

// violated are the IDs of the checks that a template violates.
func violated(e *standards.Evaluator, lv psaapi.LevelVersion, template *corev1.PodTemplateSpec) []string {
	var checks []string
	for _, finding := range e.Evaluate(lv, &template.ObjectMeta, &template.Spec) {
		checks = append(checks, finding.Check)
	}
	return checks
}

// Any random pod, once edited, violates exactly the checks that are said to be unfixable; editing it again changes nothing more.
func TestEditedPodsComply(t *testing.T) {
	e := mustEvaluator(t)
	rapid.Check(t, func(t *rapid.T) {
		template, lv := anyTemplate(t), anyLevelVersion(t)
		untouched := template.DeepCopy()
		before := violated(e, lv, template)
		edits, unfixable := remedy.Edits(e, lv, &template.ObjectMeta, &template.Spec)
		if diff := cmp.Diff(untouched, template); diff != "" {
			t.Fatalf("looking at the template has changed it (-before +after):\n%s", diff)
		}
		hopeless, answered := map[string]bool{}, map[string]bool{}
		for _, u := range unfixable {
			hopeless[u.Check], answered[u.Check] = true, true
		}
		for _, edit := range edits {
			answered[edit.Check] = true
		}
		if want, got := slices.Sorted(slices.Values(before)), slices.Sorted(maps.Keys(answered)); !slices.Equal(want, got) {
			t.Fatalf("checks %v are violated, edits and reasons are for %v", want, got)
		}
		edited := mustApplyAny(t, edits, template)
		left := slices.Sorted(slices.Values(violated(e, lv, edited)))
		if said := slices.Sorted(maps.Keys(hopeless)); !slices.Equal(left, said) {
			t.Fatalf("checks %v are violated after %v, unfixable are %v", left, edits, said)
		}
		if again, still := remedy.Edits(e, lv, &edited.ObjectMeta, &edited.Spec); len(again) > 0 || !cmp.Equal(unfixable, still) {
			t.Fatalf("edits of the edited template: %v, unfixable %v, before %v", again, still, unfixable)
		}
	})
}

// Whichever edits are left out, the others can be applied, and no level of any version minds more than before.
func TestEditsNeverHarm(t *testing.T) {
	e := mustEvaluator(t)
	rapid.Check(t, func(t *rapid.T) {
		template := anyTemplate(t)
		edits, _ := remedy.Edits(e, anyLevelVersion(t), &template.ObjectMeta, &template.Spec)
		chosen := slices.DeleteFunc(edits, func(remedy.Edit) bool { return rapid.Bool().Draw(t, "leave out") })
		edited := mustApplyAny(t, chosen, template)
		oldest, newest := psaapi.MajorMinorVersion(1, 0), standards.NewestVersion()
		for _, level := range []psaapi.Level{psaapi.LevelBaseline, psaapi.LevelRestricted} {
			for _, version := range e.Revisions(level, oldest, newest) {
				lv := psaapi.LevelVersion{Level: level, Version: version}
				before := violated(e, lv, template)
				for _, check := range violated(e, lv, edited) {
					if !slices.Contains(before, check) {
						t.Fatalf("%s minds %s after %v, and did not before", lv.String(), check, chosen)
					}
				}
			}
		}
	})
}

// Without any one of the edits its check is still violated, but for those that only go along: mounts of volumes that are gone, and runAsUser: 0.
func TestEveryEditIsNeeded(t *testing.T) {
	e := mustEvaluator(t)
	rapid.Check(t, func(t *rapid.T) {
		template, lv := anyTemplate(t), anyLevelVersion(t)
		edits, _ := remedy.Edits(e, lv, &template.ObjectMeta, &template.Spec)
		if len(edits) == 0 {
			return
		}
		i := rapid.IntRange(0, len(edits)-1).Draw(t, "left out")
		if alongside(edits[i]) {
			return
		}
		edited := mustApplyAny(t, slices.Delete(slices.Clone(edits), i, i+1), template)
		if !slices.Contains(violated(e, lv, edited), edits[i].Check) {
			t.Fatalf("%s: not needed for %s among %v", edits[i], edits[i].Check, edits)
		}
	})
}

func alongside(edit remedy.Edit) bool {
	return slices.ContainsFunc(edit.Path, func(e remedy.Element) bool {
		return e.Name == "volumeMounts" || e.Name == "runAsUser" && edit.Check == "runAsNonRoot"
	})
}

// Safe edits take nothing away, and make no pod that the API refuses for contradicting itself.
func TestSafeEditsAreSafe(t *testing.T) {
	e := mustEvaluator(t)
	rapid.Check(t, func(t *rapid.T) {
		template := anyTemplate(t)
		all, _ := remedy.Edits(e, anyLevelVersion(t), &template.ObjectMeta, &template.Spec)
		safe := remedy.OfClass(remedy.Safe, all)
		for _, edit := range safe {
			if edit.Op != remedy.Set {
				t.Fatalf("%s is called safe", edit)
			}
		}
		before, after := contradictions(template), contradictions(mustApplyAny(t, safe, template))
		if after > before {
			t.Fatalf("%d contradictions before, %d after %v", before, after, safe)
		}
	})
}

// contradictions counts containers that are privileged and do not allow privilege escalation, and those that must not be root and are to be.
func contradictions(template *corev1.PodTemplateSpec) int {
	count := 0
	for _, list := range [][]corev1.Container{template.Spec.InitContainers, template.Spec.Containers} {
		for _, c := range list {
			sc := c.SecurityContext
			if sc == nil {
				sc = &corev1.SecurityContext{}
			}
			if is(sc.Privileged, true) && is(sc.AllowPrivilegeEscalation, false) {
				count++
			}
			pod := template.Spec.SecurityContext
			if pod == nil {
				pod = &corev1.PodSecurityContext{}
			}
			if is(first(sc.RunAsNonRoot, pod.RunAsNonRoot), true) && is(first(sc.RunAsUser, pod.RunAsUser), 0) {
				count++
			}
		}
	}
	return count
}

func is[T comparable](value *T, want T) bool {
	return value != nil && *value == want
}

func first[T any](values ...*T) *T {
	for _, value := range values {
		if value != nil {
			return value
		}
	}
	return nil
}

func mustApplyAny(t *rapid.T, edits []remedy.Edit, template *corev1.PodTemplateSpec) *corev1.PodTemplateSpec {
	t.Helper()
	edited, err := remedy.Apply(edits, template)
	if err != nil {
		t.Fatal(err)
	}
	return edited
}
