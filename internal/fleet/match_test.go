// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

func selector(kv ...string) *v1alpha1.NamespaceSelector {
	s := &v1alpha1.NamespaceSelector{}
	for i := 0; i+1 < len(kv); i += 2 {
		if s.MatchLabels == nil {
			s.MatchLabels = map[string]string{}
		}
		s.MatchLabels[kv[i]] = kv[i+1]
	}
	return s
}

func rollout(t *testing.T, name string, ageHours int, excluded []string, targets ...v1alpha1.Target) Rollout {
	t.Helper()
	created := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC).Add(-time.Duration(ageHours) * time.Hour)
	r, err := Compile(&v1alpha1.PodSecurityRollout{
		ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID("uid-" + name), CreationTimestamp: metav1.NewTime(created)},
		Spec:       v1alpha1.PodSecurityRolloutSpec{Targets: targets, ExcludedNamespaces: excluded},
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestTarget(t *testing.T) {
	r := rollout(t, "platform", 0, []string{"kube-system"},
		v1alpha1.Target{Name: "payments", NamespaceSelector: selector("team", "payments")},
		v1alpha1.Target{Name: "not-prod", NamespaceSelector: &v1alpha1.NamespaceSelector{MatchExpressions: []v1alpha1.SelectorRequirement{
			{Key: "env", Operator: "NotIn", Values: []string{"prod"}}, {Key: "env", Operator: "Exists"},
		}}},
	)
	for name, tc := range map[string]struct {
		ns     Namespace
		want   int
		wantOK bool
	}{
		"first match wins":      {Namespace{"a", map[string]string{"team": "payments", "env": "dev"}}, 0, true},
		"by expression":         {Namespace{"a", map[string]string{"env": "dev"}}, 1, true},
		"expression fails":      {Namespace{"a", map[string]string{"env": "prod"}}, 0, false},
		"no labels":             {Namespace{"a", nil}, 0, false},
		"excluded by name":      {Namespace{"kube-system", map[string]string{"team": "payments"}}, 0, false},
		"excluded by name only": {Namespace{"kube-system-2", map[string]string{"team": "payments"}}, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := r.Target(tc.ns)
			if ok != tc.wantOK || ok && got != tc.want {
				t.Errorf("got %d, %v; want %d, %v", got, ok, tc.want, tc.wantOK)
			}
		})
	}
}

func TestAssign(t *testing.T) {
	all := v1alpha1.Target{Name: "all", NamespaceSelector: selector()}
	dev := v1alpha1.Target{Name: "dev", NamespaceSelector: selector("env", "dev")}
	older := rollout(t, "older", 2, nil, dev)
	younger := rollout(t, "younger", 1, []string{"c"}, all)
	twin := rollout(t, "a-twin", 1, nil, dev)
	rollouts := []Rollout{younger, twin, older}
	namespaces := []Namespace{{"a", map[string]string{"env": "dev"}}, {"b", nil}, {"c", nil}}

	for name, tc := range map[string]struct {
		self Rollout
		all  []Rollout
		want Assignment
	}{
		"the older has what it selects": {
			older, rollouts, Assignment{map[string]int{"a": 0}, map[string]string{}},
		},
		"the younger has the rest, and knows who owns what it does not": {
			younger, rollouts, Assignment{map[string]int{"b": 0}, map[string]string{"a": "older"}},
		},
		"of the same age the name decides": {
			younger, []Rollout{younger, twin}, Assignment{map[string]int{"b": 0}, map[string]string{"a": "a-twin"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, Assign(tc.self, tc.all, namespaces)); diff != "" {
				t.Errorf("assignment (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCompileNamesTheTarget(t *testing.T) {
	_, err := Compile(&v1alpha1.PodSecurityRollout{Spec: v1alpha1.PodSecurityRolloutSpec{Targets: []v1alpha1.Target{{
		Name:              "all",
		NamespaceSelector: &v1alpha1.NamespaceSelector{MatchExpressions: []v1alpha1.SelectorRequirement{{Key: "env", Operator: "Near"}}},
	}}}})
	if err == nil || !strings.Contains(err.Error(), `target "all": namespaceSelector`) {
		t.Errorf("error %v does not name the target", err)
	}
}
