// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func fullSelector() *NamespaceSelector {
	return &NamespaceSelector{
		MatchLabels:      map[string]string{"team": "payments"},
		MatchExpressions: []SelectorRequirement{{Key: "env", Operator: "In", Values: []string{"dev", "prod"}}},
	}
}

func TestNamespaceSelectorDeepCopy(t *testing.T) {
	cases := map[string]*NamespaceSelector{
		"nil":   nil,
		"empty": {},
		"empty fields": {
			MatchLabels:      map[string]string{},
			MatchExpressions: []SelectorRequirement{},
		},
		"full": fullSelector(),
	}
	for name, selector := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(selector, selector.DeepCopy()); diff != "" {
				t.Errorf("copy (-original +copy):\n%s", diff)
			}
		})
	}

	original := fullSelector()
	changed := original.DeepCopy()
	changed.MatchLabels["team"] = "shop"
	changed.MatchExpressions[0].Values[0] = "test"
	changed.MatchExpressions[0].Operator = "NotIn"
	if diff := cmp.Diff(fullSelector(), original); diff != "" {
		t.Errorf("original after a change of the copy (-want +got):\n%s", diff)
	}
}

func TestNamespaceSelectorLabelSelector(t *testing.T) {
	cases := map[string]struct {
		selector *NamespaceSelector
		want     *metav1.LabelSelector
	}{
		"nil matches nothing":      {},
		"empty matches everything": {selector: &NamespaceSelector{}, want: &metav1.LabelSelector{}},
		"full": {
			selector: fullSelector(),
			want: &metav1.LabelSelector{
				MatchLabels: map[string]string{"team": "payments"},
				MatchExpressions: []metav1.LabelSelectorRequirement{
					{Key: "env", Operator: metav1.LabelSelectorOpIn, Values: []string{"dev", "prod"}},
				},
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, tc.selector.LabelSelector()); diff != "" {
				t.Errorf("label selector (-want +got):\n%s", diff)
			}
		})
	}
}
