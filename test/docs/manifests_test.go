// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/fleet"
)

// documents are what a block of YAML is split at.
var documents = regexp.MustCompile(`(?m)^---\s*$`)

// Every manifest of ours in the pages has no field that the API does not have,
// and a rollout's selectors, budgets and durations can be understood.
func TestManifests(t *testing.T) {
	all := pages(t)
	seen := 0
	for _, name := range slices.Sorted(maps.Keys(all)) {
		for _, f := range all[name].fences {
			for _, document := range manifests(f) {
				seen++
				if err := check(document); err != nil {
					t.Errorf("%s: %v, in\n%s", name, err, document)
				}
			}
		}
	}
	if seen == 0 {
		t.Error("no manifest of ours in any page")
	}
}

// ofOurs finds the manifests that are of our group.
var ofOurs = regexp.MustCompile(`(?m)^apiVersion: ` + regexp.QuoteMeta(v1alpha1.GroupVersion.Group) + `/`)

// manifests answers the documents of a fenced block that are of our group.
func manifests(f fence) []string {
	if f.language != "yaml" && f.language != "yml" {
		return nil
	}
	return slices.DeleteFunc(documents.Split(f.text, -1), func(document string) bool {
		return !ofOurs.MatchString(document)
	})
}

func check(document string) error {
	var kind struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
	}
	if err := yaml.Unmarshal([]byte(document), &kind); err != nil {
		return err
	}
	if kind.APIVersion != v1alpha1.GroupVersion.String() {
		return fmt.Errorf("apiVersion %q is not %s", kind.APIVersion, v1alpha1.GroupVersion)
	}
	switch kind.Kind {
	case "PodSecurityRollout":
		var rollout v1alpha1.PodSecurityRollout
		if err := yaml.UnmarshalStrict([]byte(document), &rollout); err != nil {
			return err
		}
		_, err := fleet.Compile(&rollout)
		return err
	case "NamespaceRollout":
		return yaml.UnmarshalStrict([]byte(document), &v1alpha1.NamespaceRollout{})
	default:
		return fmt.Errorf("%s has no kind %q", v1alpha1.GroupVersion, kind.Kind)
	}
}

func TestCheck(t *testing.T) {
	const ours = "apiVersion: rollout.podsecurity.dev/v1alpha1\n"
	for name, tc := range map[string]struct{ document, wantErr string }{
		"good":           {document: ours + "kind: PodSecurityRollout\nspec: {targets: [{name: all, namespaceSelector: {}, enforce: baseline}]}\n"},
		"a claim":        {document: ours + "kind: NamespaceRollout\nspec: {approvedEnforce: baseline:v1.37}\n"},
		"unknown field":  {document: ours + "kind: PodSecurityRollout\nspec: {target: []}\n", wantErr: `unknown field "target"`},
		"unknown kind":   {document: ours + "kind: Rollout\n", wantErr: `no kind "Rollout"`},
		"old version":    {document: "apiVersion: rollout.podsecurity.dev/v1\nkind: PodSecurityRollout\n", wantErr: "apiVersion"},
		"a bad schedule": {document: ours + "kind: PodSecurityRollout\nspec: {strategy: {budgets: [{namespaces: \"1\", schedule: whenever, duration: 1h}]}}\n", wantErr: "whenever"},
	} {
		t.Run(name, func(t *testing.T) {
			err := check(tc.document)
			if (err != nil) != (tc.wantErr != "") || err != nil && !strings.Contains(err.Error(), tc.wantErr) {
				t.Errorf("error %v, want one with %q", err, tc.wantErr)
			}
		})
	}
}
