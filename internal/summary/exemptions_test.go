// SPDX-License-Identifier: Apache-2.0

package summary

import (
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/isolation"
)

// using is a namespace in which an exemption lets pods of a class through.
func using(class string, through int32) v1alpha1.NamespaceRolloutStatus {
	return v1alpha1.NamespaceRolloutStatus{RuntimeClasses: []v1alpha1.RuntimeClassUse{
		{Name: class, Pods: 5, Exemption: v1alpha1.ExemptionUnsafe, LetThrough: through},
	}}
}

func TestUnsafeExemption(t *testing.T) {
	unsafe := isolation.Exemption{Class: "fast", Unsafe: true, Reason: "RuntimeClass \"fast\" does not exist"}
	safe := isolation.Exemption{Class: "kata", Reason: "a virtual machine"}
	many := map[string]v1alpha1.NamespaceRolloutStatus{}
	for i := range 8 {
		many[fmt.Sprint("ns-", i)] = using("fast", 2)
	}
	for name, tc := range map[string]struct {
		exemptions []isolation.Exemption
		namespaces map[string]v1alpha1.NamespaceRolloutStatus
		status     metav1.ConditionStatus
		message    string
	}{
		"no exemption":      {nil, many, "False", "No runtime class is exempt"},
		"one that isolates": {[]isolation.Exemption{safe}, many, "False", "No runtime class is exempt"},
		"nobody uses it":    {[]isolation.Exemption{unsafe}, nil, "True", "of runtime class fast lets no violating pod through now. RuntimeClass \"fast\" does not exist"},
		"others use others": {[]isolation.Exemption{unsafe}, map[string]v1alpha1.NamespaceRolloutStatus{"a": using("kata", 3), "b": using("fast", 0)}, "True", "lets no violating pod"},
		"some use it": {
			[]isolation.Exemption{safe, unsafe}, map[string]v1alpha1.NamespaceRolloutStatus{"b": using("fast", 1), "a": using("fast", 3)},
			"True", "The exemption of runtime class fast lets 4 violating pods through in namespaces a, b. RuntimeClass",
		},
		"many use it": {[]isolation.Exemption{unsafe}, many, "True", "lets 16 violating pods through in namespaces ns-0, ns-1, ns-2, ns-3, ns-4 and 3 more."},
	} {
		t.Run(name, func(t *testing.T) {
			in := RolloutInput{Now: nine, Generation: 1, Accepted: Acceptance{OK: true}, Exemptions: tc.exemptions, Namespaces: tc.namespaces}
			c := meta.FindStatusCondition(Rollout(v1alpha1.PodSecurityRolloutStatus{}, in).Conditions, v1alpha1.ConditionUnsafeExemption)
			if c == nil || c.Status != tc.status || !strings.Contains(c.Message, tc.message) {
				t.Errorf("condition %+v, want %s: …%s…", c, tc.status, tc.message)
			}
		})
	}
}

func TestConfigurationInvalid(t *testing.T) {
	for problem, want := range map[string]metav1.ConditionStatus{"": "False", "line 3: no YAML": "True"} {
		in := RolloutInput{Now: nine, Generation: 1, Accepted: Acceptance{OK: true}, ConfigurationProblem: problem}
		c := meta.FindStatusCondition(Rollout(v1alpha1.PodSecurityRolloutStatus{}, in).Conditions, v1alpha1.ConditionConfigurationInvalid)
		if c == nil || c.Status != want || !strings.Contains(c.Message, problem) {
			t.Errorf("condition %+v, want %s", c, want)
		}
	}
}
