// SPDX-License-Identifier: Apache-2.0

package install

import (
	"context"
	"fmt"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// TestRights takes each right from the operator's ClusterRole singly: the log says
// which right is missing, and the operator does not panic.
func TestRights(t *testing.T) {
	s := need(t)
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: operatorAccount}}
	if err := s.admin.Get(t.Context(), client.ObjectKeyFromObject(role), role); err != nil {
		t.Fatal(err)
	}
	whole := role.DeepCopy()
	t.Cleanup(func() { s.restore(t, whole) })
	served := s.servedGroups(t)
	tried := 0
	for i, rule := range whole.Rules {
		if !served[rule.APIGroups[0]] {
			continue // kinds that this cluster does not have are not asked for
		}
		for _, resource := range rule.Resources {
			tried++
			t.Run(strings.TrimPrefix(rule.APIGroups[0]+"/"+resource+" "+strings.Join(rule.Verbs, ","), "/"), func(t *testing.T) {
				less := whole.DeepCopy()
				less.Rules[i].Resources = without(rule.Resources, resource)
				if len(less.Rules[i].Resources) == 0 {
					less.Rules = append(less.Rules[:i], less.Rules[i+1:]...)
				}
				s.restore(t, less)
				name := fmt.Sprintf("rights-%d", tried)
				s.begin(t, name)
				o := s.runOperator(t, name)
				eventually(t, func(context.Context) error {
					if log := o.logged(t); !says(log, resource) {
						return fmt.Errorf("the log does not say that %s are forbidden:\n%s", resource, log[max(0, len(log)-3000):])
					}
					return nil
				})
				if log := o.logged(t); strings.Contains(log, "panic") || strings.Contains(log, "goroutine ") {
					t.Errorf("it panics:\n%s", log)
				}
			})
		}
	}
	if tried < 15 {
		t.Errorf("only %d rights were tried", tried)
	}
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

// restore gives the operator the rules of the role.
func (s *site) restore(t *testing.T, role *rbacv1.ClusterRole) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	now := &rbacv1.ClusterRole{}
	if err := s.admin.Get(ctx, client.ObjectKeyFromObject(role), now); err != nil {
		t.Fatal(err)
	}
	now.Rules = role.Rules
	if err := s.admin.Update(ctx, now); err != nil {
		t.Fatal(err)
	}
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
