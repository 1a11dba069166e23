// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"context"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
)

// TestTypes has kube-controller-manager check the types of every expression.
func TestTypes(t *testing.T) {
	need(t)
	var policies admissionregistrationv1.ValidatingAdmissionPolicyList
	eventually(t, func(ctx context.Context) error {
		if err := admin.List(ctx, &policies); err != nil {
			return err
		}
		for i := range policies.Items {
			if policies.Items[i].Status.TypeChecking == nil {
				return errNotYet
			}
		}
		return nil
	})
	if len(policies.Items) != 4 {
		t.Errorf("want 4 policies, got %d", len(policies.Items))
	}
	for i := range policies.Items {
		for _, w := range policies.Items[i].Status.TypeChecking.ExpressionWarnings {
			t.Errorf("%s: %s: %s", policies.Items[i].Name, w.FieldRef, w.Warning)
		}
	}
}
