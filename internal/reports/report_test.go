// SPDX-License-Identifier: Apache-2.0

package reports

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	psaapi "k8s.io/pod-security-admission/api"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/summary"
)

var shop = &v1alpha1.NamespaceRollout{ObjectMeta: metav1.ObjectMeta{Name: v1alpha1.NamespaceRolloutName, Namespace: "shop", UID: "1234"}}

// evidence is of three workloads, of which so many violate a level.
func evidence(level psaapi.Level, violating ...v1alpha1.Violation) summary.Evidence {
	return summary.Evidence{
		Level: psaapi.LevelVersion{Level: level, Version: psaapi.MajorMinorVersion(1, 37)}, Known: true,
		Workloads: 3, ViolatingWorkloads: len(violating), Violations: violating,
	}
}

func violation(name, check string) v1alpha1.Violation {
	return v1alpha1.Violation{
		Workload: v1alpha1.WorkloadReference{APIVersion: "apps/v1", Kind: "Deployment", Name: name},
		Check:    check, Message: check + " must not be", Source: v1alpha1.SourcePod, Pods: 3, Example: name + "-0",
	}
}

func TestReport(t *testing.T) {
	got := Report(shop, []summary.Evidence{evidence(psaapi.LevelBaseline, violation("web", "hostPorts")), evidence(psaapi.LevelRestricted, violation("api", "unheard"))})
	failing := func(name, level, severity, check string, more map[string]any) map[string]any {
		properties := map[string]any{"seenIn": "Pod", "examplePod": name + "-0", "pods": "3"}
		for key, value := range more {
			properties[key] = value
		}
		return map[string]any{
			"source": "podsecurity-rollout", "policy": level, "rule": check, "category": "Pod Security Standards", "severity": severity,
			"result": "fail", "scored": true, "message": check + " must not be", "properties": properties,
			"resources": []any{map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "shop", "name": name}},
		}
	}
	want := map[string]any{
		"apiVersion": "openreports.io/v1alpha1", "kind": "Report",
		"metadata": map[string]any{"name": "pod-security", "namespace": "shop", "ownerReferences": []any{map[string]any{
			"apiVersion": "rollout.podsecurity.dev/v1alpha1", "kind": "NamespaceRollout", "name": "pod-security", "uid": "1234",
		}}},
		"source":        "podsecurity-rollout",
		"scope":         map[string]any{"apiVersion": "v1", "kind": "Namespace", "name": "shop"},
		"configuration": map[string]any{"limits": map[string]any{"maxResults": int64(256)}},
		"summary":       map[string]any{"pass": int64(4), "fail": int64(2), "warn": int64(0), "error": int64(0), "skip": int64(0)},
		"results": []any{
			failing("web", "baseline", "high", "hostPorts", map[string]any{
				"fix": "remove ports[*].hostPort in every container; a Service reaches the pod without it",
				"url": "https://kubernetes.io/docs/concepts/security/pod-security-standards/#baseline",
			}),
			failing("api", "restricted", "medium", "unheard", nil),
		},
	}
	if diff := cmp.Diff(want, got.Object); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
}

func TestReportIsBounded(t *testing.T) {
	var all []v1alpha1.Violation
	for i := range 500 {
		all = append(all, violation(fmt.Sprintf("web-%03d", i), "hostPorts"))
	}
	report := Report(shop, []summary.Evidence{evidence(psaapi.LevelBaseline, all...)})
	results, _, err := unstructured.NestedSlice(report.Object, "results")
	if err != nil || len(results) != 256 {
		t.Errorf("%d results (%v), want 256", len(results), err)
	}
	if failed, _, err := unstructured.NestedInt64(report.Object, "summary", "fail"); err != nil || failed != 500 {
		t.Errorf("its summary counts %d (%v), want 500", failed, err)
	}
}

func TestComplete(t *testing.T) {
	known := evidence(psaapi.LevelBaseline)
	for name, tc := range map[string]struct {
		evidence []summary.Evidence
		want     bool
	}{
		"none":    {nil, false},
		"known":   {[]summary.Evidence{known, known}, true},
		"not yet": {[]summary.Evidence{known, {}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Complete(tc.evidence); got != tc.want {
				t.Errorf("complete is %v, want %v", got, tc.want)
			}
		})
	}
}
