// SPDX-License-Identifier: Apache-2.0

package remedy

import (
	"encoding/json"
	"fmt"

	jsonpatch "github.com/evanphx/json-patch/v5"
	corev1 "k8s.io/api/core/v1"
)

// Apply answers the template with the edits done, in their order. It fails when an edit removes what is not there, so when the edits are those of another
// template. The template given stays as it is.
func Apply(edits []Edit, template *corev1.PodTemplateSpec) (*corev1.PodTemplateSpec, error) {
	if len(edits) == 0 {
		return template.DeepCopy(), nil
	}
	before, err := json.Marshal(template)
	if err != nil {
		return nil, fmt.Errorf("encoding the pod template: %w", err)
	}
	patch, err := patchOf(edits)
	if err != nil {
		return nil, err
	}
	options := jsonpatch.NewApplyOptions()
	options.EnsurePathExistsOnAdd = true
	after, err := patch.ApplyWithOptions(before, options)
	if err != nil {
		return nil, fmt.Errorf("editing the pod template: %w", err)
	}
	edited := &corev1.PodTemplateSpec{}
	if err := json.Unmarshal(after, edited); err != nil {
		return nil, fmt.Errorf("decoding the edited pod template: %w", err)
	}
	return edited, nil
}

// patchOf writes edits as a JSON patch (RFC 6902).
func patchOf(edits []Edit) (jsonpatch.Patch, error) {
	type operation struct {
		Op    string `json:"op"`
		Path  string `json:"path"`
		Value any    `json:"value,omitempty"`
	}
	operations := make([]operation, 0, len(edits))
	for _, e := range edits {
		op := "remove"
		if e.Op == Set {
			op = "add"
		}
		operations = append(operations, operation{Op: op, Path: e.Path.Pointer(), Value: e.Value})
	}
	encoded, err := json.Marshal(operations)
	if err != nil {
		return nil, fmt.Errorf("encoding edits: %w", err)
	}
	patch, err := jsonpatch.DecodePatch(encoded)
	if err != nil {
		return nil, fmt.Errorf("decoding edits: %w", err)
	}
	return patch, nil
}
