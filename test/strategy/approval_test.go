// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/test/e2e/await"
)

func intstrOf(s string) intstr.IntOrString { return intstr.FromString(s) }

func claimOf(namespace string) *v1alpha1.NamespaceRollout {
	return &v1alpha1.NamespaceRollout{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: v1alpha1.NamespaceRolloutName}}
}

// approval is the patch that approves a rung, or none.
func approval(rung string) client.Patch {
	value := `"` + rung + `"`
	if rung == "" {
		value = "null"
	}
	return client.RawPatch(types.MergePatchType, []byte(`{"spec":{"approvedEnforce":`+value+`}}`))
}

func (s *scene) approve(namespace, rung string) {
	s.Helper()
	if err := s.Patch(s.Context(), claimOf(namespace), approval(rung), client.FieldOwner("kubectl-patch")); err != nil {
		s.Fatalf("approving %q in namespace %s: %v", rung, namespace, err)
	}
}

// lower has kubectl label lower what is enforced.
func (s *scene) lower(namespace string) {
	s.Helper()
	patch := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"privileged"}}}`))
	if err := s.Patch(s.Context(), namespaceOf(namespace), patch, client.FieldOwner("kubectl-label")); err != nil {
		s.Fatalf("lowering enforce of namespace %s: %v", namespace, err)
	}
}

func manual(e *v1alpha1.EnforceStrategy) { e.Approval = v1alpha1.ApprovalManual }

// TestApproval has a team approve its namespace's rung: only the right one
// counts, and once.
func TestApproval(t *testing.T) {
	s := commonScene(t)
	ns := s.namespace("shop")
	s.rollout(enforcing(manual))
	all := climb("baseline", s.version)
	held := []want{next(all[2]), state(v1alpha1.ReasonAwaitingApproval, "baseline:"+s.version)}
	s.await(ns, held...)
	for _, wrong := range []string{"restricted:" + s.version, "baseline:v1.36", "baseline:latest"} {
		s.approve(ns, wrong)
		s.await(ns, append(held, state(v1alpha1.ReasonAwaitingApproval, wrong))...)
		s.staysAt(quiet/3, ns, all[:2]...)
	}
	s.approve(ns, "baseline:"+s.version)
	s.awaitWritten(ns, all...)
	s.await(ns, state(v1alpha1.ReasonComplete))

	s.lower(ns)
	s.await(ns, held...)
	s.staysAt(quiet, ns, all...)
	s.approve(ns, "")
	s.staysAt(quiet/3, ns, all...)
	s.approve(ns, "baseline:"+s.version)
	s.awaitWritten(ns, append(all, all[2])...)
	s.await(ns, state(v1alpha1.ReasonComplete))
	for _, claim := range s.claims.all(claimKey(ns)) {
		for _, f := range claim.ManagedFields {
			if strings.HasPrefix(f.Manager, v1alpha1.FieldManager) && strings.Contains(f.FieldsV1.GetRawString(), "approvedEnforce") {
				t.Errorf("field manager %q owns spec.approvedEnforce: %s", f.Manager, f.FieldsV1.GetRawString())
			}
		}
	}
}

// TestTeamApproves has somebody approve who has the ClusterRole admin in one
// namespace and no other right.
func TestTeamApproves(t *testing.T) {
	s := commonScene(t)
	ns, other := s.namespace("shop"), s.namespace("bank")
	rollout := s.rollout(enforcing(manual))
	all := climb("baseline", s.version)
	for _, namespace := range []string{ns, other} {
		s.await(namespace, next(all[2]), state(v1alpha1.ReasonAwaitingApproval))
	}
	user := s.name + "-lead"
	s.create(&rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "lead"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "admin"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
	})
	lead, err := newClient(s.cluster.UserConfig(user, "system:authenticated"))
	if err != nil {
		t.Fatal(err)
	}
	// It is kube-controller-manager that puts the right into the ClusterRole admin,
	// and the API server hears of it through a watch of its own.
	await.Until(t, soon, func() error { return lead.Patch(t.Context(), claimOf(ns), approval("baseline:"+s.version)) })
	s.awaitWritten(ns, all...)

	granted := client.RawPatch(types.MergePatchType, []byte(`{"status":{"fleet":{"enforceTurn":"Granted","grantedFor":"baseline:`+s.version+`"}}}`))
	suspended := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"suspend":true}}`))
	labels := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"privileged"}}}`))
	for what, try := range map[string]error{
		"writing the status":                  lead.Status().Patch(t.Context(), claimOf(ns), granted),
		"approving in another namespace":      lead.Patch(t.Context(), claimOf(other), approval("baseline:"+s.version)),
		"reading another namespace's":         lead.Get(t.Context(), claimKey(other), claimOf(other)),
		"suspending the rollout":              lead.Patch(t.Context(), &v1alpha1.PodSecurityRollout{ObjectMeta: metav1.ObjectMeta{Name: rollout.Name}}, suspended),
		"deleting the NamespaceRollout":       lead.Delete(t.Context(), claimOf(ns)),
		"labelling the namespace":             lead.Patch(t.Context(), namespaceOf(ns), labels),
		"making a PodSecurityRollout":         lead.Create(t.Context(), &v1alpha1.PodSecurityRollout{ObjectMeta: metav1.ObjectMeta{Name: user}, Spec: rollout.Spec}),
		"making a NamespaceRollout elsewhere": lead.Create(t.Context(), claimOf(operatorNamespace)),
	} {
		if !apierrors.IsForbidden(try) {
			t.Errorf("%s answers %v, want that it is forbidden", what, try)
		}
	}
	s.staysAt(quiet, other, all[:2]...)
}
