// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/fleet"
)

func TestAccept(t *testing.T) {
	pin := func(v v1alpha1.Version) func(*v1alpha1.PodSecurityRollout) {
		return func(r *v1alpha1.PodSecurityRollout) { r.Spec.Targets[0].Version = v }
	}
	budget := func(b v1alpha1.Budget) func(*v1alpha1.PodSecurityRollout) {
		return func(r *v1alpha1.PodSecurityRollout) {
			r.Spec.Strategy = &v1alpha1.Strategy{Budgets: []v1alpha1.Budget{{Namespaces: "10%"}, b}}
		}
	}
	reports := enforcing(v1alpha1.EnforceStrategy{Reports: []v1alpha1.ReportGate{{Source: "falco"}}})
	near := &v1alpha1.NamespaceSelector{MatchExpressions: []v1alpha1.SelectorRequirement{{Key: "a", Operator: "Near"}}}
	for name, tc := range map[string]struct {
		change     func(*v1alpha1.PodSecurityRollout)
		wantReason string
		wantWords  []string
	}{
		"as simple as can be":       {func(*v1alpha1.PodSecurityRollout) {}, "", nil},
		"no version given":          {pin(""), "", nil},
		"latest":                    {pin("latest"), "", nil},
		"the server's own version":  {pin("v1.37"), "", nil},
		"an older version":          {pin("v1.25"), "", nil},
		"a strategy":                {budget(v1alpha1.Budget{Namespaces: "0", Schedule: "0 18 * * fri", Duration: hours(62)}), "", nil},
		"enforce without reports":   {enforcing(v1alpha1.EnforceStrategy{Approval: v1alpha1.ApprovalManual}), "", nil},
		"a newer version":           {pin("v1.38"), v1alpha1.ReasonVersionNotServed, []string{`target "everyone"`, "pins version v1.38", "API server at v1.37", "version: Cluster"}},
		"reports":                   {reports, "", nil},
		"a version that is none":    {pin("1.37"), v1alpha1.ReasonInvalidSpec, []string{"spec.targets", `target "everyone"`, `version "1.37"`}},
		"a level that is none":      {func(r *v1alpha1.PodSecurityRollout) { r.Spec.Targets[0].Enforce = "strict" }, v1alpha1.ReasonInvalidSpec, []string{"spec.targets", `level "strict"`}},
		"a selector that is none":   {func(r *v1alpha1.PodSecurityRollout) { r.Spec.Targets[0].NamespaceSelector = near }, v1alpha1.ReasonInvalidSpec, []string{`spec.targets: target "everyone": namespaceSelector`}},
		"a schedule that is none":   {budget(v1alpha1.Budget{Namespaces: "0", Schedule: "0 61 * * *", Duration: hours(1)}), v1alpha1.ReasonInvalidSpec, []string{`spec.strategy.budgets[1]: schedule "0 61 * * *"`}},
		"a schedule of no duration": {budget(v1alpha1.Budget{Namespaces: "0", Schedule: "@daily"}), v1alpha1.ReasonInvalidSpec, []string{"spec.strategy.budgets[1]", "needs a duration"}},
		"a count that is none":      {budget(v1alpha1.Budget{Namespaces: "many"}), v1alpha1.ReasonInvalidSpec, []string{`spec.strategy.budgets[1]: namespaces "many"`}},
		"a wave that is none": {func(r *v1alpha1.PodSecurityRollout) {
			r.Spec.Strategy = &v1alpha1.Strategy{Waves: []v1alpha1.Wave{{Name: "dev", NamespaceSelector: &v1alpha1.NamespaceSelector{}, MinComplete: share("most")}}}
		}, v1alpha1.ReasonInvalidSpec, []string{`spec.strategy.waves: wave "dev": minComplete "most"`}},
	} {
		t.Run(name, func(t *testing.T) {
			_, got := accept(platform(tc.change), served)
			if got.OK != (tc.wantReason == "") || got.Reason != tc.wantReason {
				t.Errorf("accepted %v, reason %q; want reason %q (%s)", got.OK, got.Reason, tc.wantReason, got.Message)
			}
			for _, words := range tc.wantWords {
				if !strings.Contains(got.Message, words) {
					t.Errorf("message %q does not have %q", got.Message, words)
				}
			}
		})
	}
}

// A rollout that is refused for what it asks goes on owning what it selects; of
// one that cannot be read nothing is known.
func TestRefusedRolloutsGoOnMatching(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*v1alpha1.PodSecurityRollout)
		want   bool
	}{
		"accepted":           {func(*v1alpha1.PodSecurityRollout) {}, true},
		"version not served": {func(r *v1alpha1.PodSecurityRollout) { r.Spec.Targets[0].Version = "v1.99" }, true},
		"invalid": {func(r *v1alpha1.PodSecurityRollout) {
			r.Spec.Strategy = &v1alpha1.Strategy{Budgets: []v1alpha1.Budget{{Namespaces: "1", Schedule: "x", Duration: &metav1.Duration{}}}}
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			compiled, _ := accept(platform(tc.change), served)
			if _, got := compiled.Target(fleet.Namespace{Name: "shop"}); got != tc.want {
				t.Errorf("selects shop: %v, want %v", got, tc.want)
			}
		})
	}
}
