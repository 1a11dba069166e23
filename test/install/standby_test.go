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
)

// TestStandby has somebody else hold the lease: the operator watches everything
// that it would need to lead, and writes nothing. It leads when the lease is free.
func TestStandby(t *testing.T) {
	need(t)
	lease := hold(t)
	begin(t, "standby")
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "standby"}}

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
	for request := range requests(t, before) {
		verb, resource, _ := strings.Cut(request, " ")
		if verb != "watch" && verb != "list" && verb != "get" && resource != "leases" {
			t.Errorf("it writes while it stands by: %s", request)
		}
	}

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

// hold has somebody else hold the lease, for an hour.
func hold(t *testing.T) *coordinationv1.Lease {
	t.Helper()
	now := metav1.NowMicro()
	lease := &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Namespace: operatorNamespace, Name: "podsecurity-rollout"},
		Spec: coordinationv1.LeaseSpec{
			HolderIdentity: ptr.To("somebody else"), LeaseDurationSeconds: ptr.To(int32(3600)), AcquireTime: &now, RenewTime: &now,
		},
	}
	if err := admin.Create(t.Context(), lease); err != nil {
		t.Fatal(err)
	}
	return lease
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
