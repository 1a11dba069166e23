// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

// readme answers the chart's README: an introduction, and a table of the values
// with the comments that values.yaml has of them.
func readme() (string, error) {
	data, err := os.ReadFile(filepath.Join(chart, "values.yaml"))
	if err != nil {
		return "", fmt.Errorf("reading the values: %w", err)
	}
	var document yaml.Node
	if err := yaml.Unmarshal(data, &document); err != nil {
		return "", fmt.Errorf("reading the values: %w", err)
	}
	var out strings.Builder
	out.WriteString("# podsecurity-rollout\n\nThe operator, its CRDs, roles and policies: the same objects as `config/default`. How to install, upgrade and remove it is in\n" +
		"[docs/install.md](../../docs/install.md).\n\n<!-- Written by `make chart` from values.yaml. -->\n\n| value | default | what it is |\n|---|---|---|\n")
	if err := rows(&out, "", document.Content[0]); err != nil {
		return "", err
	}
	return out.String(), nil
}

// rows writes a row for every value that has a comment, and looks into those that
// have none.
func rows(out *strings.Builder, prefix string, mapping *yaml.Node) error {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		key, value := mapping.Content[i], mapping.Content[i+1]
		if key.HeadComment == "" {
			if value.Kind != yaml.MappingNode {
				return fmt.Errorf("no comment says what the value %s%s is", prefix, key.Value)
			}
			if err := rows(out, prefix+key.Value+".", value); err != nil {
				return err
			}
			continue
		}
		var decoded any
		if err := value.Decode(&decoded); err != nil {
			return fmt.Errorf("reading the value %s%s: %w", prefix, key.Value, err)
		}
		text, err := flow(decoded)
		if err != nil {
			return err
		}
		comment := strings.Join(strings.Fields(strings.ReplaceAll(key.HeadComment, "#", " ")), " ")
		fmt.Fprintf(out, "| `%s%s` | `%s` | %s |\n", prefix, key.Value, text, comment)
	}
	return nil
}

// flow is a value on one line.
func flow(value any) (string, error) {
	data, err := json.Marshal(value)
	if err != nil {
		return "", fmt.Errorf("writing a default: %w", err)
	}
	return string(data), nil
}
