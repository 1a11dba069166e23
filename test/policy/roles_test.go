// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"context"
	"fmt"
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

const claims, rollouts = "namespacerollouts", "podsecurityrollouts"

// rights are who may do what with the two kinds.
var rights = map[string]struct {
	user, verb, resource  string
	here, elsewhere, want bool
}{
	"view sees the claim of its namespace":       {user: "local-view", verb: "watch", resource: claims, here: true, want: true},
	"edit sees the claim of its namespace":       {user: "local-edit", verb: "get", resource: claims, here: true, want: true},
	"admin sees the claim of its namespace":      {user: "local-admin", verb: "list", resource: claims, here: true, want: true},
	"view sees no claim elsewhere":               {user: "local-view", verb: "get", resource: claims, elsewhere: true},
	"view does not approve":                      {user: "local-view", verb: "patch", resource: claims, here: true},
	"edit does not approve":                      {user: "local-edit", verb: "patch", resource: claims, here: true},
	"admin approves in its namespace":            {user: "local-admin", verb: "patch", resource: claims, here: true, want: true},
	"admin does not approve elsewhere":           {user: "local-admin", verb: "patch", resource: claims, elsewhere: true},
	"admin does not delete the claim":            {user: "local-admin", verb: "delete", resource: claims, here: true},
	"admin does not write the status of a claim": {user: "local-admin", verb: "patch", resource: claims + "/status", here: true},
	"admin of a namespace sees no rollout":       {user: "local-admin", verb: "get", resource: rollouts},
	"admin of a namespace declares no rollout":   {user: "local-admin", verb: "create", resource: rollouts},
	"view of all sees rollouts":                  {user: "global-view", verb: "list", resource: rollouts, want: true},
	"view of all declares no rollout":            {user: "global-view", verb: "create", resource: rollouts},
	"edit of all declares no rollout":            {user: "global-edit", verb: "create", resource: rollouts},
	"edit of all sees rollouts":                  {user: "global-edit", verb: "watch", resource: rollouts, want: true},
	"admin of all declares rollouts":             {user: "global-admin", verb: "create", resource: rollouts, want: true},
	"admin of all does not write their status":   {user: "global-admin", verb: "patch", resource: rollouts + "/status"},
	"nobody but the operator may roll back":      {user: "global-admin", verb: "rollback", resource: claims, here: true},
	"the operator may roll back":                 {user: operatorUser, verb: "rollback", resource: claims, here: true, want: true},
}

// TestRoles has the built-in roles bound to users, in one namespace and in all, and
// asks what that lets them do with the two kinds.
func TestRoles(t *testing.T) {
	need(t)
	here, elsewhere := namespace(t, "").Name, namespace(t, "").Name
	for _, role := range []string{"view", "edit", "admin"} {
		subject := func(user string) []rbacv1.Subject {
			return []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: user}}
		}
		ref := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role}
		local := &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: here, Name: role}, RoleRef: ref, Subjects: subject("local-" + role),
		}
		global := &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "global-" + role}, RoleRef: ref, Subjects: subject("global-" + role)}
		if err := admin.Create(t.Context(), local); err != nil {
			t.Fatal(err)
		}
		if err := admin.Create(t.Context(), global); err != nil {
			t.Fatal(err)
		}
	}
	for name, test := range rights {
		t.Run(name, func(t *testing.T) {
			place := ""
			switch {
			case test.here:
				place = here
			case test.elsewhere:
				place = elsewhere
			}
			resource, subresource, _ := strings.Cut(test.resource, "/")
			eventually(t, func(ctx context.Context) error { // the controller manager puts the roles together
				review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
					User: test.user, ResourceAttributes: &authorizationv1.ResourceAttributes{
						Group: v1alpha1.GroupVersion.Group, Resource: resource, Subresource: subresource, Verb: test.verb,
						Namespace: place, Name: v1alpha1.NamespaceRolloutName,
					},
				}}
				if err := admin.Create(ctx, review); err != nil {
					return err
				}
				if review.Status.Allowed != test.want {
					return fmt.Errorf("want allowed %t, got %t", test.want, review.Status.Allowed)
				}
				return nil
			})
		})
	}
}
