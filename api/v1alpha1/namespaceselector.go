// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"maps"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// LabelSelector is s as apimachinery's own type.
func (s *NamespaceSelector) LabelSelector() *metav1.LabelSelector {
	if s == nil {
		return nil
	}
	out := &metav1.LabelSelector{MatchLabels: s.MatchLabels}
	for _, r := range s.MatchExpressions {
		out.MatchExpressions = append(out.MatchExpressions, metav1.LabelSelectorRequirement{
			Key: r.Key, Operator: metav1.LabelSelectorOperator(r.Operator), Values: r.Values,
		})
	}
	return out
}

// DeepCopyInto copies s into out. It is written by hand because the generator
// does not know aliases such as LabelValue.
func (s *NamespaceSelector) DeepCopyInto(out *NamespaceSelector) {
	*out = *s
	out.MatchLabels = maps.Clone(s.MatchLabels)
	if s.MatchExpressions == nil {
		return
	}
	out.MatchExpressions = make([]SelectorRequirement, len(s.MatchExpressions))
	for i := range s.MatchExpressions {
		s.MatchExpressions[i].DeepCopyInto(&out.MatchExpressions[i])
	}
}

// DeepCopy is a copy of s that shares nothing with it.
func (s *NamespaceSelector) DeepCopy() *NamespaceSelector {
	if s == nil {
		return nil
	}
	out := new(NamespaceSelector)
	s.DeepCopyInto(out)
	return out
}
