// SPDX-License-Identifier: Apache-2.0

package preview

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

const head = "apiVersion: rollout.podsecurity.dev/v1alpha1\nkind: PodSecurityRollout\nmetadata: {name: platform}\n"

func TestDecode(t *testing.T) {
	tests := map[string]struct {
		yaml    string
		wantErr string
	}{
		"a rollout":        {yaml: head + "spec: {targets: [{name: all, namespaceSelector: {}, enforce: baseline}]}"},
		"an unknown field": {yaml: head + "spec: {target: []}", wantErr: `unknown field "spec.target"`},
		"a field twice":    {yaml: head + "spec: {mode: Apply, mode: Observe}", wantErr: "already set"},
		"no target":        {yaml: head + "spec: {}", wantErr: "names no target"},
		"another kind":     {yaml: "apiVersion: v1\nkind: Namespace", wantErr: "it holds a Namespace, not one"},
		"two documents":    {yaml: head + "---\n" + head, wantErr: "more than one document"},
		"no YAML":          {yaml: "\t", wantErr: "'Kind' is missing"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := decode([]byte(test.yaml))
			switch {
			case test.wantErr == "" && err != nil:
				t.Fatal(err)
			case test.wantErr != "" && (err == nil || !strings.Contains(err.Error(), test.wantErr)):
				t.Fatalf("error %v, want %q", err, test.wantErr)
			}
		})
	}
}

// TestDefaultsAreTheSchemas holds the defaults against those that the API server takes from the CRD.
func TestDefaultsAreTheSchemas(t *testing.T) {
	target := "targets: [{name: all, namespaceSelector: {}, enforce: baseline}]"
	tests := map[string]string{
		"nothing said":       "spec: {" + target + "}",
		"nothing excluded":   "spec: {" + target + ", excludedNamespaces: []}",
		"a wave":             "spec: {" + target + ", strategy: {waves: [{name: canary, namespaceSelector: {}}]}}",
		"an empty strategy":  "spec: {" + target + ", strategy: {audit: {}, warn: {}, enforce: {}}}",
		"everything said":    "spec: {" + target + ", mode: Observe, suspend: true, labelConflicts: TakeOver, strategy: {audit: {require: None, soak: 1h}, enforce: {bake: 1m, approval: Manual}, budgets: [{namespaces: '3'}]}}",
		"no budget":          "spec: {" + target + ", strategy: {budgets: []}}",
		"an explicit target": "spec: {targets: [{name: all, namespaceSelector: {}, enforce: baseline, version: v1.30}]}",
	}
	structural := schemaOf(t)
	for name, spec := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := decode([]byte(head + spec))
			if err != nil {
				t.Fatal(err)
			}
			var object map[string]any
			if err := yaml.Unmarshal([]byte(head+spec), &object); err != nil {
				t.Fatal(err)
			}
			defaulting.Default(object, structural)
			want := &v1alpha1.PodSecurityRollout{}
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object, want); err != nil {
				t.Fatal(err)
			}
			want.Status = v1alpha1.PodSecurityRolloutStatus{} // what its default says is for kstatus
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("the rollout (-schema +ours):\n%s", diff)
			}
		})
	}
}

func schemaOf(t *testing.T) *schema.Structural {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "..", "config", "crd", "bases", "rollout.podsecurity.dev_podsecurityrollouts.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	crd := &apiextensionsv1.CustomResourceDefinition{}
	if err := yaml.Unmarshal(data, crd); err != nil {
		t.Fatal(err)
	}
	internal := &apiextensions.CustomResourceValidation{}
	if err := apiextensionsv1.Convert_v1_CustomResourceValidation_To_apiextensions_CustomResourceValidation(crd.Spec.Versions[0].Schema, internal, nil); err != nil {
		t.Fatal(err)
	}
	structural, err := schema.NewStructural(internal.OpenAPIV3Schema)
	if err != nil {
		t.Fatal(err)
	}
	return structural
}
