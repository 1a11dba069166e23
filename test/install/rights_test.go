// SPDX-License-Identifier: Apache-2.0

package install

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	coordinationv1 "k8s.io/api/coordination/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// TestRights takes each right from the operator singly: the log says which right is
// missing, and the operator does not panic. That of authenticating who reads metrics
// is in TestMetricsAreForThoseWhoMay.
func TestRights(t *testing.T) {
	s := need(t)
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: operatorAccount}}
	s.eachRight(t, role, func() *[]rbacv1.PolicyRule { return &role.Rules }, 15)
}

// TestLeaderRights does so with what electing a leader takes.
func TestLeaderRights(t *testing.T) {
	s := need(t)
	role := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: operatorNamespace, Name: "podsecurity-rollout-leader-election"}}
	s.eachRight(t, role, func() *[]rbacv1.PolicyRule { return &role.Rules }, 3, "--leader-elect", "--leader-election-namespace="+operatorNamespace)
}

// eachRight runs the operator, with these flags, without each of the rules' resources.
func (s *site) eachRight(t *testing.T, role client.Object, rules func() *[]rbacv1.PolicyRule, least int, flags ...string) {
	t.Helper()
	whole, use := s.rulesOf(t, role, rules)
	served := s.servedGroups(t)
	tried, parent := 0, strings.ToLower(t.Name())
	for i, rule := range whole {
		if !served[rule.APIGroups[0]] {
			continue // kinds that this cluster does not have are not asked for
		}
		for _, resource := range rule.Resources {
			tried++
			t.Run(strings.TrimPrefix(rule.APIGroups[0]+"/"+resource+" "+strings.Join(rule.Verbs, ","), "/"), func(t *testing.T) {
				use(withoutRight(whole, i, resource))
				s.isMissed(t, fmt.Sprintf("%s-%d", parent, tried), resource, flags...)
			})
		}
	}
	if tried < least {
		t.Errorf("only %d rights were tried", tried)
	}
}

// rulesOf answers the rules of a role of the operator, and what has it use others
// until the test is over.
func (s *site) rulesOf(t *testing.T, role client.Object, rules func() *[]rbacv1.PolicyRule) (whole []rbacv1.PolicyRule, use func([]rbacv1.PolicyRule)) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	use = func(other []rbacv1.PolicyRule) {
		if err := s.admin.Get(ctx, client.ObjectKeyFromObject(role), role); err != nil {
			t.Fatal(err)
		}
		*rules() = other
		if err := s.admin.Update(ctx, role); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.admin.Get(ctx, client.ObjectKeyFromObject(role), role); err != nil {
		t.Fatal(err)
	}
	whole = slices.Clone(*rules())
	t.Cleanup(func() { use(whole) })
	return whole, use
}

// isMissed runs the operator, under a name, until its log says that a resource is
// forbidden.
func (s *site) isMissed(t *testing.T, name, resource string, flags ...string) {
	t.Helper()
	lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: operatorNamespace, Name: "podsecurity-rollout"}}
	if err := s.admin.Delete(t.Context(), lease); client.IgnoreNotFound(err) != nil {
		t.Fatal(err)
	}
	s.begin(t, name)
	o := s.runOperator(t, name, flags...)
	eventually(t, func(context.Context) error {
		if log := o.logged(t); !says(log, resource) {
			return fmt.Errorf("the log does not say that %s are forbidden:\n%s", resource, log[max(0, len(log)-3000):])
		}
		return nil
	})
	if log := o.logged(t); strings.Contains(log, "panic") || strings.Contains(log, "goroutine ") {
		t.Errorf("it panics:\n%s", log)
	}
}

// withoutRight answers the rules with one resource less in one of them.
func withoutRight(rules []rbacv1.PolicyRule, i int, resource string) []rbacv1.PolicyRule {
	less := slices.Clone(rules)
	less[i].Resources = without(rules[i].Resources, resource)
	if len(less[i].Resources) == 0 {
		return slices.Delete(less, i, i+1)
	}
	return less
}

// says is whether a line of the log tells that the resource is forbidden, in the
// words of the API server.
func says(log, resource string) bool {
	text := strings.ReplaceAll(log, `\"`, `"`) // the log is JSON
	for line := range strings.Lines(text) {
		if strings.Contains(line, "forbidden") && strings.Contains(line, `resource "`+resource+`"`) {
			return true
		}
	}
	return false
}

func without(all []string, one string) []string {
	var rest []string
	for _, s := range all {
		if s != one {
			rest = append(rest, s)
		}
	}
	return rest
}

func (s *site) servedGroups(t *testing.T) map[string]bool {
	t.Helper()
	d, err := discovery.NewDiscoveryClientForConfig(s.Config())
	if err != nil {
		t.Fatal(err)
	}
	groups, err := d.ServerGroups()
	if err != nil {
		t.Fatal(err)
	}
	served := map[string]bool{}
	for _, g := range groups.Groups {
		served[g.Name] = true
	}
	return served
}
