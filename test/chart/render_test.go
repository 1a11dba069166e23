// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"bytes"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// all are the values that install everything.
var all = values{"policies": values{"protectLabels": values{"enabled": true}}, "reports": values{"read": true, "write": true}}

// TestSameObjects compares what the chart renders with what kustomize does.
func TestSameObjects(t *testing.T) {
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), filepath.Join(root, "config", "chart"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := built.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	want := objects(t, string(text))
	delete(want, "Namespace/"+releaseNamespace) // made by --create-namespace
	if len(want) < 20 {
		t.Fatalf("kustomize renders %d objects only", len(want))
	}
	for name, h := range helms {
		t.Run(name, func(t *testing.T) {
			rendered, err := h.render(all)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, objects(t, rendered)); diff != "" {
				t.Errorf("kustomize (-) and the chart (+) differ:\n%s", diff)
			}
		})
	}
}

// objects reads manifests by kind and name, without what Helm alone puts on them.
func objects(t *testing.T, text string) map[string]map[string]any {
	t.Helper()
	found := map[string]map[string]any{}
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader([]byte(text)), 4096)
	for {
		var o unstructured.Unstructured
		err := decoder.Decode(&o.Object)
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(o.Object) == 0 {
			continue
		}
		labels, annotations := o.GetLabels(), o.GetAnnotations()
		for _, key := range []string{"app.kubernetes.io/instance", "app.kubernetes.io/managed-by", "helm.sh/chart"} {
			delete(labels, key)
		}
		o.SetLabels(labels)
		delete(annotations, "helm.sh/resource-policy")
		o.SetAnnotations(annotations)
		key := o.GetKind() + "/" + o.GetName()
		if found[key] != nil {
			t.Errorf("%s is rendered twice", key)
		}
		found[key] = o.Object
	}
}

// TestLint has both versions of Helm look at the chart.
func TestLint(t *testing.T) {
	for name, h := range helms {
		t.Run(name, func(t *testing.T) {
			if err := h.lint(all); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestValues renders with values other than the defaults, and with those that the
// schema refuses.
func TestValues(t *testing.T) {
	for name, test := range map[string]struct {
		values   values
		has, not []string
		refused  string
	}{
		"defaults":          {has: []string{"replicas: 2", "operator:v0.1.0", "kind: PodDisruptionBudget", "helm.sh/resource-policy: keep"}, not: []string{"protected-labels", "openreports", "policyreports"}},
		"a digest":          {values: values{"image": values{"digest": "sha256:" + strings.Repeat("a", 64)}}, has: []string{"operator@sha256:aaaa"}, not: []string{"operator:v"}},
		"a flag":            {values: values{"extraArgs": []any{"--owner-labels=team"}}, has: []string{`- "--owner-labels=team"`}},
		"no CRDs":           {values: values{"crds": values{"enabled": false}}, not: []string{"kind: CustomResourceDefinition"}},
		"CRDs that go":      {values: values{"crds": values{"keep": false}}, has: []string{"kind: CustomResourceDefinition"}, not: []string{"resource-policy"}},
		"no rollback":       {values: values{"rollback": values{"enabled": false}}, not: []string{"podsecurity-rollout-rollback"}},
		"reports are read":  {values: values{"reports": values{"read": true}}, has: []string{"podsecurity-rollout-reports-reader", "policyreports"}, not: []string{"podsecurity-rollout-openreports"}},
		"no policies":       {values: values{"policies": values{"enabled": false}}, not: []string{"ValidatingAdmissionPolicy"}},
		"groups":            {values: values{"policies": values{"protectLabels": values{"enabled": true, "groups": []any{"sre", "sec"}}}}, has: []string{`'["sre","sec"]'`}},
		"a name":            {values: values{"fullnameOverride": "psr"}, has: []string{"name: psr-manager", "system:serviceaccount:podsecurity-rollout-system:psr-manager:"}},
		"no budget":         {values: values{"podDisruptionBudget": values{"enabled": false}}, not: []string{"PodDisruptionBudget"}},
		"another port":      {values: values{"networkPolicy": values{"apiServerPorts": []any{8443}}}, has: []string{"port: 8443"}, not: []string{"port: 6443"}},
		"an unknown value":  {values: values{"replica": 3}, refused: "replica"},
		"no replica":        {values: values{"replicas": 0}, refused: "replicas"},
		"no flag":           {values: values{"extraArgs": []any{"suspend"}}, refused: "extraArgs"},
		"a wrong digest":    {values: values{"image": values{"digest": "abc"}}, refused: "digest"},
		"a quote in groups": {values: values{"policies": values{"protectLabels": values{"groups": []any{`a"]`}}}}, refused: "groups"},
	} {
		for version, h := range helms {
			t.Run(name+" with "+version, func(t *testing.T) {
				rendered, err := h.render(test.values)
				if test.refused != "" {
					if err == nil || !strings.Contains(err.Error(), test.refused) {
						t.Errorf("want an error of %q, got %v", test.refused, err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				for _, word := range test.has {
					if !strings.Contains(rendered, word) {
						t.Errorf("%q is not rendered", word)
					}
				}
				for _, word := range test.not {
					if strings.Contains(rendered, word) {
						t.Errorf("%q is rendered", word)
					}
				}
			})
		}
	}
}
