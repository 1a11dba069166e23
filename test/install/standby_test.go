// SPDX-License-Identifier: Apache-2.0

package install

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

// TestStandby has somebody else hold the lease: the operator watches everything
// that it would need to lead, and writes nothing. It leads when the lease is free.
func TestStandby(t *testing.T) {
	need(t)
	now := metav1.NowMicro()
	lease := &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Namespace: operatorNamespace, Name: "podsecurity-rollout"},
		Spec: coordinationv1.LeaseSpec{
			HolderIdentity: ptr.To("somebody else"), LeaseDurationSeconds: ptr.To(int32(3600)), AcquireTime: &now, RenewTime: &now,
		},
	}
	mustCreate(t, lease)
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "standby"}}
	mustCreate(t, ns)
	rollout := &v1alpha1.PodSecurityRollout{ObjectMeta: metav1.ObjectMeta{Name: "standby"}}
	rollout.Spec.Targets = []v1alpha1.Target{{
		Name: "all", Enforce: v1alpha1.LevelBaseline,
		NamespaceSelector: &v1alpha1.NamespaceSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: ns.Name}},
	}}
	mustCreate(t, rollout)

	before := len(audited(t))
	o := runOperator(t, "--leader-elect", "--leader-election-namespace="+operatorNamespace)
	warm := []string{"namespaces", "namespacerollouts", "podsecurityrollouts", "pods", "deployments"}
	eventually(t, func(context.Context) error {
		seen := requests(t, before)
		for _, resource := range warm {
			if !seen["watch "+resource] {
				return fmt.Errorf("%s is not watched; the log:\n%s", resource, o.logged(t))
			}
		}
		return nil
	})
	wantNoWrites(t, before)

	began := time.Now()
	if err := admin.Delete(t.Context(), lease); err != nil {
		t.Fatal(err)
	}
	eventually(t, func(ctx context.Context) error {
		if err := admin.Get(ctx, client.ObjectKeyFromObject(ns), ns); err != nil {
			return err
		}
		if ns.Labels["pod-security.kubernetes.io/enforce"] != "baseline" {
			return errors.New("it has not climbed")
		}
		return nil
	})
	t.Logf("from the lease being free to enforce in force: %s", time.Since(began).Round(100*time.Millisecond))
}

func mustCreate(t *testing.T, object client.Object) {
	t.Helper()
	if err := admin.Create(t.Context(), object); err != nil {
		t.Fatal(err)
	}
}

// wantNoWrites fails the test when the operator has written anything but a lease.
func wantNoWrites(t *testing.T, since int) {
	t.Helper()
	for request := range requests(t, since) {
		verb, resource, _ := strings.Cut(request, " ")
		if verb != "watch" && verb != "list" && verb != "get" && resource != "leases" {
			t.Errorf("it writes while it stands by: %s", request)
		}
	}
}

// audited answers what the API server's audit log has so far.
func audited(t *testing.T) []byte {
	t.Helper()
	data, err := os.ReadFile(cluster.AuditLog())
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// requests answers "verb resource" of all that the operator asked for since the
// audit log was that long.
func requests(t *testing.T, since int) map[string]bool {
	t.Helper()
	seen := map[string]bool{}
	for line := range bytes.Lines(audited(t)[since:]) {
		var e auditv1.Event
		if json.Unmarshal(line, &e) != nil || e.User.Username != operatorUser || e.ObjectRef == nil {
			continue // the last line may be half written
		}
		seen[e.Verb+" "+e.ObjectRef.Resource] = true
	}
	return seen
}
