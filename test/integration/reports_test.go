// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	openreports "github.com/openreports/reports-api/apis/openreports.io/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/reports"
	"github.com/podsecurity-rollout/operator/test/e2e/await"
	"github.com/podsecurity-rollout/operator/test/e2e/witness"
	"github.com/podsecurity-rollout/operator/test/manifests"
)

// reportDefinitions answers the directory of the definitions of OpenReports.
func reportDefinitions(ctx context.Context) (string, error) {
	dir, err := manifests.ModuleDir(ctx, "github.com/openreports/reports-api", ".")
	return filepath.Join(dir, "config", "crd"), err
}

// installReportsRole creates a role of config/openreports. The controller that
// would make it a part of the operator's own role does not run here, so it is
// bound by itself.
func installReportsRole(ctx context.Context, c client.Client, file string) error {
	role := &unstructured.Unstructured{}
	if err := readYAML(filepath.Join("..", "..", "config", "openreports", file), &role.Object); err != nil {
		return err
	}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: role.GetName()},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.GetName()},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: operatorNamespace, Name: operatorServiceAccount}},
	}
	for _, object := range []client.Object{role, binding} {
		if err := c.Create(ctx, object); err != nil && !apierrors.IsAlreadyExists(err) {
			return fmt.Errorf("creating %s: %w", object.GetName(), err)
		}
	}
	return nil
}

// awaitReport waits until the namespace's report counts so many failures, and
// answers it as the Go type of OpenReports.
func (s *scene) awaitReport(namespace string, failures int) *openreports.Report {
	s.Helper()
	report := &openreports.Report{}
	await.Until(s.T, soon, func() error {
		u := &unstructured.Unstructured{}
		u.SetGroupVersionKind(reports.Kind)
		if err := s.Get(s.Context(), client.ObjectKey{Namespace: namespace, Name: reports.Name}, u); err != nil {
			return err
		}
		*report = openreports.Report{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(u.Object, report, true); err != nil {
			return err
		}
		if report.Summary.Fail != failures {
			return fmt.Errorf("the report counts %+v, want %d failures", report.Summary, failures)
		}
		return nil
	})
	return report
}

// TestReports has 500 pods violate: there is one report, bounded, owned by the
// claim, kept current, and left alone while nothing changes.
func TestReports(t *testing.T) {
	t.Parallel()
	runOperator(t)
	s := newScene(t)
	ns := s.namespace()
	const violating = 500
	var first *corev1.Pod
	for i := range violating {
		pod := s.pod(ns, fmt.Sprintf("web-%03d", i), v1alpha1.LevelPrivileged)
		if first == nil {
			first = pod
		}
	}
	s.rollout(levels{enforce: v1alpha1.LevelBaseline})
	claim := s.awaitHeld(ns, "audit=baseline", v1alpha1.ReasonViolations)
	report := s.awaitReport(ns, violating)
	if owners := report.OwnerReferences; len(owners) != 1 || owners[0].UID != claim.UID {
		t.Errorf("the report is owned by %v, want the NamespaceRollout %s", owners, claim.UID)
	}
	wantResults(t, report, first.Name)
	s.remove(first)
	wantResults(t, s.awaitReport(ns, violating-1), "web-001")
	s.awaitQuietReports(ns)
}

// wantResults wants as many results as there may be, the first of a privileged pod.
func wantResults(t *testing.T, report *openreports.Report, pod string) {
	t.Helper()
	if len(report.Results) != 256 {
		t.Fatalf("the report has %d results, want 256", len(report.Results))
	}
	if first := report.Results[0]; first.Policy != "baseline" || first.Rule != "privileged" || first.Subjects[0].Name != pod || first.Properties["fix"] == "" {
		t.Errorf("its first result is %+v, want privileged of pod %s", first, pod)
	}
}

// awaitQuietReports waits until the report of a namespace was written twice, and
// fails the test when it is written again while tests watch for quiet.
func (s *scene) awaitQuietReports(namespace string) {
	s.Helper()
	written := func() (int, error) {
		requests, err := s.Requests(func(r witness.Request) bool {
			return r.User == operatorUser && r.Resource == "reports" && r.Namespace == namespace && r.Writes()
		})
		return len(requests), err
	}
	var before int
	await.Until(s.T, soon, func() (err error) {
		if before, err = written(); err == nil && before < 2 {
			err = fmt.Errorf("the audit log has %d writes of the report, want two at least", before)
		}
		return err
	})
	await.Throughout(s.T, quiet, func() error {
		now, err := written()
		if err == nil && now != before {
			err = fmt.Errorf("the report was written %d times though nothing has changed", now-before)
		}
		return err
	})
}
