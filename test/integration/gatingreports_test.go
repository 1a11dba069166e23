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
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/reportgate"
	"github.com/podsecurity-rollout/operator/test/e2e/await"
)

var openReport, policyReport = reportgate.Kinds[0], reportgate.Kinds[1]

// gatedBy has enforce rungs held by reports.
func gatedBy(gates ...v1alpha1.ReportGate) func(*v1alpha1.PodSecurityRolloutSpec) {
	return func(spec *v1alpha1.PodSecurityRolloutSpec) { spec.Strategy.Enforce.Reports = gates }
}

// removeDefinition has the API server no longer serve a kind.
func (s *scene) removeDefinition(k reportgate.Kind) {
	s.Helper()
	crd := &unstructured.Unstructured{}
	crd.SetGroupVersionKind(apiextensionsv1.SchemeGroupVersion.WithKind("CustomResourceDefinition"))
	crd.SetName(k.Definition())
	if err := s.Delete(s.Context(), crd); client.IgnoreNotFound(err) != nil {
		s.Fatalf("deleting the definition of %s: %v", k.Definition(), err)
	}
	await.Until(s.T, soon, func() error {
		if err := s.Get(s.Context(), client.ObjectKeyFromObject(crd), crd); !apierrors.IsNotFound(err) {
			return fmt.Errorf("the definition of %s is still there: %w", k.Definition(), err)
		}
		return nil
	})
}

// installDefinitions has the API server serve both kinds of reports.
func installDefinitions(ctx context.Context) error {
	openReports, err := reportDefinitions(ctx)
	if err != nil {
		return err
	}
	_, err = envtest.InstallCRDs(cluster.Config(), envtest.CRDInstallOptions{
		Paths: []string{openReports, filepath.Join("testdata", "policyreports.yaml")}, ErrorIfPathMissing: true,
	})
	return err
}

// falcoReport is as falcosidekick writes it, with one event.
func falcoReport(namespace string, severity openreports.ResultSeverity, result openreports.Result) *openreports.Report {
	return &openreports.Report{
		ObjectMeta: metav1.ObjectMeta{Name: "falco-report", Namespace: namespace, Labels: map[string]string{"app.kubernetes.io/managed-by": "falcosidekick"}},
		Results: []openreports.ReportResult{{
			Source: "Falco", Policy: "syscall", Rule: "Terminal shell in container", Severity: severity, Result: result,
			Subjects: []corev1.ObjectReference{{APIVersion: "v1", Kind: "Pod", Namespace: namespace, Name: "web"}},
		}},
	}
}

// kyvernoReport is as Kyverno writes it, its name the UID of what it is about.
func kyvernoReport(namespace, result string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"metadata": map[string]any{"name": "0b1e6f8e-1c1e-4e0e-9a8e-2f0d5a6b7c8d", "namespace": namespace},
		"scope":    map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "namespace": namespace, "name": "api"},
		"results": []any{map[string]any{
			"source": "kyverno", "policy": "require-team", "rule": "check-team", "result": result, "scored": true,
		}},
	}}
}

// put creates or replaces a report, whatever Go type it has.
func (s *scene) put(k reportgate.Kind, report any) *unstructured.Unstructured {
	s.Helper()
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(report)
	if err != nil {
		s.Fatal(err)
	}
	u := &unstructured.Unstructured{Object: content}
	u.SetGroupVersionKind(k.GroupVersionKind)
	u.SetCreationTimestamp(metav1.Time{})
	err = s.Apply(s.Context(), client.ApplyConfigurationFromUnstructured(u), client.FieldOwner("reporter"), client.ForceOwnership)
	if err != nil {
		s.Fatalf("writing %s %s: %v", k.Kind, u.GetName(), err)
	}
	return u
}

// mayReadReports gives the operator the right to, until the test is over.
func (s *scene) mayReadReports() {
	s.Helper()
	if err := installReportsRole(s.Context(), s, "reader_role.yaml"); err != nil {
		s.Fatal(err)
	}
	cleanup(s.T, func(ctx context.Context) error {
		binding := &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "podsecurity-rollout-reports-reader"}}
		return s.Delete(ctx, binding)
	})
}

// TestGatingReports begins without definitions and without the right to read
// reports, neither of which passes for reports without failures; then Falco and
// Kyverno report, and have no more to report. No other test runs meanwhile.
func TestGatingReports(t *testing.T) {
	runOperator(t)
	s := newScene(t)
	s.removeDefinition(openReport)
	s.removeDefinition(policyReport)
	cleanup(t, installDefinitions)
	quietOne, loud := s.namespace(), s.namespace()
	rollout := s.rollout(levels{enforce: v1alpha1.LevelBaseline},
		gatedBy(v1alpha1.ReportGate{Source: "falco", MinSeverity: "high"}, v1alpha1.ReportGate{Source: "kyverno", MinSeverity: "medium"}))
	before := []string{"audit=baseline", "warn=baseline"}
	for _, ns := range s.namespaces {
		s.awaitHeld(ns, "enforce=baseline", v1alpha1.ReasonInconclusive, "serves neither reports.openreports.io nor policyreports.wgpolicyk8s.io")
	}

	if err := installDefinitions(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.put(openReport, falcoReport(loud, "critical", "fail"))
	kyverno := s.put(policyReport, kyvernoReport(loud, "fail"))
	for _, ns := range s.namespaces {
		s.awaitHeld(ns, "enforce=baseline", v1alpha1.ReasonInconclusive, "may not list and watch reports.openreports.io and policyreports.wgpolicyk8s.io")
		s.wantWrites(ns, before...)
	}

	s.mayReadReports()
	s.awaitState(quietOne, v1alpha1.ReasonComplete)
	s.awaitHeld(loud, "enforce=baseline", v1alpha1.ReasonReportsFailing, "falco (high or worse): Report falco-report has 1 failing result, such as "+
		"syscall/Terminal shell in container (Pod web); kyverno (medium or worse): PolicyReport "+kyverno.GetName(), "require-team/check-team (Deployment api)")
	s.awaitCounts(rollout.Name, v1alpha1.NamespaceCounts{Selected: 2, Complete: 1, Blocked: 1})

	s.put(openReport, falcoReport(loud, "medium", "fail"))
	s.awaitHeld(loud, "enforce=baseline", v1alpha1.ReasonReportsFailing, "reports fail: kyverno (medium or worse)")
	s.put(policyReport, kyvernoReport(loud, "error"))
	s.staysAt(loud, before...)
	s.remove(kyverno)
	s.awaitState(loud, v1alpha1.ReasonComplete)
	s.wantWrites(loud, append(before, "enforce=baseline")...)
}
