// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/test/e2e/await"
)

// rollout is applied to all its namespaces at once and without a bake: the tests
// here are about neither.
type rollout struct{ name, label, enforce, warn, audit string }

func (e *environment) apply(t *testing.T, r rollout) {
	t.Helper()
	manifest := fmt.Appendf(nil, `
apiVersion: rollout.podsecurity.dev/v1alpha1
kind: PodSecurityRollout
metadata: {name: %q}
spec:
  targets:
  - {name: all, namespaceSelector: {matchLabels: {%s}}, enforce: %s, warn: %s, audit: %s}
  strategy: {budgets: [{namespaces: 100%%}], enforce: {bake: 0s}}
`, r.name, r.label, r.enforce, r.warn, r.audit)
	if _, err := e.Kubectl(t.Context(), manifest, "apply", "-f", "-"); err != nil {
		t.Fatal(err)
	}
}

// awaitSettled waits until a rollout has so many namespaces and none of them can
// move by itself any more.
func (e *environment) awaitSettled(t *testing.T, name string, selected int) *v1alpha1.PodSecurityRollout {
	t.Helper()
	r := &v1alpha1.PodSecurityRollout{}
	await.Until(t, soon, func() error {
		if err := e.client.Get(t.Context(), client.ObjectKey{Name: name}, r); err != nil {
			return err
		}
		n := r.Status.Namespaces
		if n == nil || int(n.Selected) != selected || n.Progressing+n.Inconclusive > 0 || n.Complete+n.Blocked != n.Selected {
			return fmt.Errorf("rollout %s has not settled with %d namespaces:\n%s", name, selected, asYAML(r))
		}
		return nil
	})
	return r
}

// wrote is whether the operator wrote these rungs to a namespace, such as
// "audit=baseline", at the API server's version, and nothing else.
func (e *environment) wrote(namespace string, short ...string) error {
	writes, err := e.witness.Writes(operatorUser, namespace)
	if err != nil {
		return err
	}
	want := make([]string, 0, len(short))
	for _, rung := range short {
		want = append(want, rung+":"+e.version.String())
	}
	if diff := cmp.Diff(want, writes, cmpopts.EquateEmpty()); diff != "" {
		return fmt.Errorf("what the operator wrote to namespace %s (-want +got):\n%s", namespace, diff)
	}
	return nil
}

func asYAML(object client.Object) string {
	object.SetManagedFields(nil)
	data, err := yaml.Marshal(object)
	if err != nil {
		return err.Error()
	}
	return string(data)
}
