// SPDX-License-Identifier: Apache-2.0

package gitops

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

var update = flag.Bool("update", false, "write config/gitops/argocd/argocd-cm.yaml")

// actions are a kind's resource actions, as Argo CD reads them.
type actions struct {
	Discovery   string       `json:"discovery.lua"`
	Definitions []definition `json:"definitions"`
}

type definition struct {
	Name   string `json:"name"`
	Action string `json:"action.lua"`
}

// TestConfigMap holds argocd-cm.yaml against the scripts beside it.
func TestConfigMap(t *testing.T) {
	path := filepath.Join(argocd, "argocd-cm.yaml")
	want := configMap(t)
	if *update {
		data, err := yaml.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		head := "# The scripts of this directory for Argo CD: merge data into its ConfigMap argocd-cm.\n" +
			"# Written by `go test ./test/gitops -run TestConfigMap -update`.\n"
		if err := os.WriteFile(path, append([]byte(head), data...), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var got map[string]any
	if err := yaml.UnmarshalStrict([]byte(read(t, path)), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("argocd-cm.yaml is not what the scripts are; run with -update (-want +got):\n%s", diff)
	}
}

// configMap has the health of both kinds and the actions of the one that has a
// spec to change, under the keys that Argo CD looks for.
func configMap(t *testing.T) map[string]any {
	t.Helper()
	health := read(t, filepath.Join(argocd, "health.lua"))
	of := func(what, kind string) string {
		return "resource.customizations." + what + "." + v1alpha1.GroupVersion.Group + "_" + kind
	}
	can := actions{Discovery: read(t, filepath.Join(argocd, "actions", "discovery.lua"))}
	for _, name := range []string{"suspend", "resume"} {
		can.Definitions = append(can.Definitions, definition{name, read(t, filepath.Join(argocd, "actions", name+".lua"))})
	}
	listed, err := yaml.Marshal(can)
	if err != nil {
		t.Fatal(err)
	}
	data, err := yaml.Marshal(corev1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: metav1.ObjectMeta{Name: "argocd-cm", Namespace: "argocd", Labels: map[string]string{"app.kubernetes.io/name": "argocd-cm", "app.kubernetes.io/part-of": "argocd"}},
		Data: map[string]string{
			of("health", "PodSecurityRollout"):  health,
			of("health", "NamespaceRollout"):    health,
			of("actions", "PodSecurityRollout"): string(listed),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := yaml.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	return out
}
