// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"context"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

const (
	managerRollback = "podsecurity-rollout-manager-rollback"

	asStatusSays = "only as status.rollback of its NamespaceRollout says, which is from "
	nothing      = asStatusSays + "nothing to nothing"
	// back is of what two policies refuse: the API server asks them in any order.
	back      = "the operator may take enforce back"
	otherwise = asStatusSays + "baseline:v1.36 to privileged:v1.36"
)

// TestManagerRollback has the operator lower enforce as its status says, and
// otherwise. The parameter comes to the API server by a watch, so each write is
// tried until what is known of the claim is what was written to it.
func TestManagerRollback(t *testing.T) {
	need(t)
	for name, test := range map[string]struct {
		before   string
		rung, to string
		write    write
		want     string
	}{
		"as the status says":                  {before: climbed, rung: "baseline:v1.36", to: "privileged:v1.36", write: applies("enforce=privileged:v1.36")},
		"as it says, by a merge patch":        {before: climbed, rung: "baseline:v1.36", to: "privileged:v1.36", write: sets("enforce=privileged:v1.36")},
		"as it says, by a PUT":                {before: climbed, rung: "baseline:v1.36", to: "privileged:v1.36", write: updates(func(ns *corev1.Namespace) { ns.Labels[prefix+"enforce"] = "privileged" })},
		"from restricted":                     {before: "enforce=restricted:v1.36", rung: "restricted:v1.36", to: "baseline:v1.36", write: applies("enforce=baseline:v1.36")},
		"from restricted to an older version": {before: "enforce=restricted:v1.37", rung: "restricted:v1.37", to: "baseline:v1.36", write: applies("enforce=baseline:v1.36")},
		"of a version":                        {before: "enforce=baseline:v1.37", rung: "baseline:v1.37", to: "baseline:v1.36", write: applies("enforce=baseline:v1.36")},
		"from latest":                         {before: "enforce=restricted:latest", rung: "restricted:latest", to: "baseline:v1.37", write: applies("enforce=baseline:v1.37")},
		"from no version, which is latest":    {before: "enforce=restricted", rung: "restricted:latest", to: "baseline:latest", write: applies("enforce=baseline:latest")},
		"to latest of the level below":        {before: "enforce=restricted:v1.37", rung: "restricted:v1.37", to: "baseline:latest", write: applies("enforce=baseline:latest")},
		"without a record":                    {before: climbed, write: applies("enforce=privileged:v1.36"), want: nothing},
		"of a version without a record":       {before: climbed, write: applies("enforce=baseline:v1.35"), want: nothing},
		"from restricted without a record":    {before: "enforce=restricted:v1.36", write: applies("enforce=baseline:v1.36"), want: nothing},
		"of another rung":                     {before: "enforce=restricted:v1.36", rung: "baseline:v1.36", to: "privileged:v1.36", write: applies("enforce=baseline:v1.36"), want: otherwise},
		"of the rung at another version":      {before: "enforce=baseline:v1.37", rung: "baseline:v1.36", to: "privileged:v1.36", write: applies("enforce=privileged:v1.36"), want: otherwise},
		"to another version of privileged":    {before: climbed, rung: "baseline:v1.36", to: "privileged:v1.36", write: applies("enforce=privileged:v1.35"), want: otherwise},
		"to an older version instead":         {before: climbed, rung: "baseline:v1.36", to: "privileged:v1.36", write: applies("enforce=baseline:v1.35"), want: otherwise},
		"a level up at an older version":      {before: climbed, rung: "baseline:v1.36", to: "privileged:v1.36", write: applies("enforce=restricted:v1.35"), want: back},
		"two levels, as recorded":             {before: "enforce=restricted:v1.36", rung: "restricted:v1.36", to: "privileged:v1.36", write: applies("enforce=privileged:v1.36"), want: oneStepBack},
		"two levels, recorded as one":         {before: "enforce=restricted:v1.36", rung: "baseline:v1.36", to: "privileged:v1.36", write: applies("enforce=privileged:v1.36"), want: back},
		"with audit, as recorded":             {before: climbed, rung: "baseline:v1.36", to: "privileged:v1.36", write: applies("enforce=privileged:v1.36 audit=privileged:v1.36"), want: "only one mode"},
		"audit only":                          {before: climbed, rung: "baseline:v1.36", to: "privileged:v1.36", write: applies("audit=privileged:v1.36"), want: "may not lower audit"},
		"with an annotation": {
			before: climbed, rung: "baseline:v1.36", to: "privileged:v1.36", want: "no other metadata",
			write: merges(`{"metadata":{"annotations":{"a":"b"},"labels":{"` + prefix + `enforce":"privileged"}}}`),
		},
		"a removal of what was recorded": {before: climbed, rung: "baseline:v1.36", to: "privileged:v1.36", write: removes(prefix + "enforce"), want: "may not remove"},
		"the version removed":            {before: climbed, rung: "baseline:v1.36", to: "privileged:v1.36", write: removes(prefix + "enforce-version"), want: "may not remove"},
		"climbing with a record":         {before: climbed, rung: "baseline:v1.36", to: "privileged:v1.36", write: applies("enforce=restricted:v1.36")},
		"climbing a version with one":    {before: climbed, rung: "baseline:v1.36", to: "privileged:v1.36", write: applies("enforce=baseline:v1.37")},
		"climbing audit with a record":   {before: climbed, rung: "baseline:v1.36", to: "privileged:v1.36", write: applies("audit=restricted:v1.36")},
		"climbing without a record":      {before: climbed, write: applies("enforce=restricted:v1.36")},
		"the first rung":                 {write: applies("enforce=baseline:v1.36")},
		"nothing changes":                {before: climbed, write: applies(climbed)},
		"asking without a record":        {before: "enforce=restricted:v1.36", write: sets("enforce=baseline:v1.36", client.DryRunAll)},
		"asking otherwise than recorded": {before: climbed, rung: "baseline:v1.36", to: "privileged:v1.36", write: sets("enforce=baseline:v1.35", client.DryRunAll)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := namespace(t, test.before)
			claim(t, ns, test.rung, test.to)
			eventually(t, func(ctx context.Context) error {
				return outcome(ctx, operator(t), test.write, ns, "podsecurity-rollout-manager-", test.want)
			})
		})
	}
}

// TestManagerRollbackUnclaimed tells what the policy cannot refuse: where there is
// no claim it has no parameter. docs/security.md says so.
func TestManagerRollbackUnclaimed(t *testing.T) {
	need(t)
	ns := namespace(t, climbed)
	if err := outcome(t.Context(), operator(t), applies("enforce=privileged:v1.36"), ns, managerRollback, ""); err != nil {
		t.Error(err)
	}
}

// TestManagerRollbackOthers has others lower what the operator may not.
func TestManagerRollbackOthers(t *testing.T) {
	need(t)
	ns := namespace(t, climbed)
	other := as(t, "system:serviceaccount:elsewhere:"+operatorAccount, "system:masters")
	if err := outcome(t.Context(), other, sets("enforce=privileged:v1.35"), ns, managerRollback, ""); err != nil {
		t.Error(err)
	}
}

// TestRollbackRight takes the right to roll back from the operator, which acts with
// its own token, and gives it in one namespace only.
func TestRollbackRight(t *testing.T) {
	need(t)
	config, err := cluster.ServiceAccountConfig(t.Context(), operatorNamespace, operatorAccount)
	if err != nil {
		t.Fatal(err)
	}
	itself, err := newClient(config, nil)
	if err != nil {
		t.Fatal(err)
	}
	reviews, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	binding := takeRollbackRight(t)
	with, without := namespace(t, climbed), namespace(t, climbed)
	for _, ns := range []*corev1.Namespace{with, without} {
		claim(t, ns, "baseline:v1.36", "privileged:v1.36")
	}
	here := &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: with.Name, Name: "rollback"}, RoleRef: binding.RoleRef, Subjects: binding.Subjects}
	if err := admin.Create(t.Context(), here); err != nil {
		t.Fatal(err)
	}
	for _, ns := range []*corev1.Namespace{with, without} {
		want := ns == with
		eventually(t, func(ctx context.Context) error { return awaitRight(ctx, reviews, ns.Name, want) })
	}
	eventually(t, func(ctx context.Context) error {
		return outcome(ctx, itself, applies("enforce=privileged:v1.36"), with, managerNamespaces, "")
	})
	err = outcome(t.Context(), itself, applies("enforce=privileged:v1.36"), without, managerNamespaces,
		`has no right to "rollback" namespacerollouts in namespace `+without.Name)
	if err != nil {
		t.Error(err)
	}
	if err := outcome(t.Context(), itself, applies("enforce=restricted:v1.36"), without, managerNamespaces, ""); err != nil {
		t.Errorf("climbing: %v", err)
	}
}

// takeRollbackRight takes the right to roll back from the operator until the test is
// over, and answers what gave it.
func takeRollbackRight(t *testing.T) *rbacv1.ClusterRoleBinding {
	t.Helper()
	binding := &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "podsecurity-rollout-rollback"}}
	if err := admin.Get(t.Context(), client.ObjectKeyFromObject(binding), binding); err != nil {
		t.Fatal(err)
	}
	if err := admin.Delete(t.Context(), binding); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		binding.ResourceVersion = ""
		if err := admin.Create(context.WithoutCancel(t.Context()), binding); err != nil && !apierrors.IsAlreadyExists(err) {
			t.Error(err)
		}
	})
	return binding
}

// awaitRight answers nil when the right to roll back is as wanted.
func awaitRight(ctx context.Context, c kubernetes.Interface, namespace string, want bool) error {
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Group: v1alpha1.GroupVersion.Group, Resource: "namespacerollouts", Name: v1alpha1.NamespaceRolloutName, Namespace: namespace, Verb: "rollback",
		},
	}}
	answer, err := c.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
	if err == nil && answer.Status.Allowed != want {
		return errNotYet
	}
	return err
}
