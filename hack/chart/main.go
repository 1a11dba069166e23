// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"
)

const (
	chart = "charts/podsecurity-rollout"
	head  = "{{- /* Written by `make chart` from config. */ -}}\n"
)

// object is what is looked at of a manifest.
type object struct {
	Kind     string `json:"kind"`
	Metadata struct {
		Name string `json:"name"`
	} `json:"metadata"`
}

// optionalRights are the values that roles and bindings depend on; the others are always there.
var optionalRights = map[string]string{
	"podsecurity-rollout-rollback":       ".Values.rollback.enabled",
	"podsecurity-rollout-openreports":    ".Values.reports.write",
	"podsecurity-rollout-reports-reader": ".Values.reports.read",
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "chart:", err)
		os.Exit(1)
	}
}

func run() error {
	var input bytes.Buffer
	if _, err := input.ReadFrom(os.Stdin); err != nil {
		return fmt.Errorf("reading what kustomize wrote: %w", err)
	}
	files := map[string]string{"templates/rbac.yaml": head, "templates/policies.yaml": head}
	for document := range strings.SplitSeq(input.String(), "\n---\n") {
		document = strings.TrimSpace(document) + "\n"
		var o object
		if err := yaml.Unmarshal([]byte(document), &o); err != nil {
			return fmt.Errorf("reading a manifest: %w", err)
		}
		if err := place(files, o, document); err != nil {
			return err
		}
	}
	readme, err := readme()
	if err != nil {
		return err
	}
	files["README.md"] = readme
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(chart, filepath.FromSlash(name)), []byte(text), 0o644); err != nil { //nolint:gosec // for everybody to read
			return fmt.Errorf("writing the chart: %w", err)
		}
	}
	return nil
}

// place adds a manifest to the file of the chart that it belongs in.
func place(files map[string]string, o object, document string) error {
	switch o.Kind {
	case "CustomResourceDefinition":
		files["files/crds/"+o.Metadata.Name+".yaml"] = document
	case "ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding":
		files["templates/rbac.yaml"] += conditional(optionalRights[o.Metadata.Name], template(document))
	case "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding":
		condition := ".Values.policies.enabled"
		if o.Metadata.Name == "podsecurity-rollout-protected-labels" {
			condition = ".Values.policies.protectLabels.enabled"
		}
		files["templates/policies.yaml"] += conditional(condition, template(document))
	case "Namespace", "Deployment", "PodDisruptionBudget", "NetworkPolicy": // written by hand: values change them
	default:
		return errors.New("no place in the chart for a " + o.Kind)
	}
	return nil
}

func conditional(condition, document string) string {
	if condition == "" {
		return "---\n" + document
	}
	return "{{- if " + condition + " }}\n---\n" + document + "{{- end }}\n"
}

// template puts the names that a release gives in the place of those of config.
func template(document string) string {
	return strings.NewReplacer(
		"    app.kubernetes.io/name: podsecurity-rollout\n", "    {{- include \"podsecurity-rollout.labels\" . | nindent 4 }}\n",
		"podsecurity-rollout-system", "{{ .Release.Namespace }}",
		"podsecurity-rollout-", "{{ include \"podsecurity-rollout.fullname\" . }}-",
		`'["system:masters"]'`, "{{ toJson .Values.policies.protectLabels.groups | squote }}",
	).Replace(document)
}
