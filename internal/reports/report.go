// SPDX-License-Identifier: Apache-2.0

package reports

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/remedy"
	"github.com/podsecurity-rollout/operator/internal/summary"
)

// Kind is that of the reports.
var Kind = schema.GroupVersionKind{Group: "openreports.io", Version: "v1alpha1", Kind: "Report"}

// Name is that of the one report of a namespace.
const Name = v1alpha1.NamespaceRolloutName

// Source names the operator in its reports.
const Source = "podsecurity-rollout"

const (
	// category is what the reports are about.
	category = "Pod Security Standards"
	// maxResults bounds the results of a report, the worst first; its summary counts
	// all there are.
	maxResults = 256
)

// Report answers the report of a claimed namespace: one result a workload and
// check that fails, and the workloads that pass counted. It goes with the claim.
func Report(claim *v1alpha1.NamespaceRollout, evidence []summary.Evidence) *unstructured.Unstructured {
	all := summary.Violations(evidence)
	results := make([]any, 0, min(len(all), maxResults))
	for _, v := range all[:min(len(all), maxResults)] {
		results = append(results, result(claim.Namespace, v))
	}
	report := &unstructured.Unstructured{Object: map[string]any{
		"source":        Source,
		"scope":         map[string]any{"apiVersion": "v1", "kind": "Namespace", "name": claim.Namespace},
		"configuration": map[string]any{"limits": map[string]any{"maxResults": int64(maxResults)}},
		"summary": map[string]any{
			"pass": passed(evidence), "fail": int64(len(all)), "warn": int64(0), "error": int64(0), "skip": int64(0),
		},
		"results": results,
	}}
	report.SetGroupVersionKind(Kind)
	report.SetNamespace(claim.Namespace)
	report.SetName(Name)
	report.SetOwnerReferences([]metav1.OwnerReference{{
		APIVersion: v1alpha1.GroupVersion.String(), Kind: "NamespaceRollout", Name: claim.Name, UID: claim.UID,
	}})
	return report
}

// Complete is whether the evidence is: a report says nothing before.
func Complete(evidence []summary.Evidence) bool {
	for _, e := range evidence {
		if !e.Known {
			return false
		}
	}
	return len(evidence) > 0
}

// passed counts the workloads that comply, at each level.
func passed(evidence []summary.Evidence) int64 {
	var n int64
	for _, e := range evidence {
		n += int64(e.Workloads - e.ViolatingWorkloads)
	}
	return n
}

func result(namespace string, v v1alpha1.Violation) map[string]any {
	return map[string]any{
		"source":   Source,
		"policy":   string(v.Level),
		"rule":     v.Check,
		"category": category,
		"severity": severity(v.Level),
		"result":   "fail",
		"scored":   true,
		"message":  v.Message,
		"resources": []any{map[string]any{
			"apiVersion": v.Workload.APIVersion, "kind": v.Workload.Kind, "namespace": namespace, "name": v.Workload.Name,
		}},
		"properties": properties(v),
	}
}

// severity follows upstream's levels: what baseline forbids is a known way to
// more rights, what restricted asks for is hardening.
func severity(level v1alpha1.Level) string {
	if level == v1alpha1.LevelBaseline {
		return "high"
	}
	return "medium"
}

// properties are what a result has no field for; empty ones are left out.
func properties(v v1alpha1.Violation) map[string]any {
	out := map[string]any{}
	set := func(key, value string) {
		if value != "" {
			out[key] = value
		}
	}
	set("seenIn", string(v.Source))
	set("examplePod", v.Example)
	set("owner", v.Owner)
	set("apart", v.Apart)
	if v.Pods > 0 {
		set("pods", fmt.Sprint(v.Pods))
	}
	if fix, ok := remedy.For(v.Check); ok {
		set("fix", fix.Text)
		set("url", fix.URL())
	}
	return out
}
