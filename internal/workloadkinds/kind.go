// SPDX-License-Identifier: Apache-2.0

package workloadkinds

import (
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Kind is a kind of namespaced custom resources that make pods.
type Kind struct {
	schema.GroupVersionKind
	// Templates say where its objects have pod templates: nowhere, when the kind only owns what makes pods.
	Templates []Template
}

// String writes the kind as Parse reads it.
func (k Kind) String() string {
	name := k.Group + "/" + k.Version + "/" + k.Kind
	if len(k.Templates) == 0 {
		return name
	}
	templates := make([]string, 0, len(k.Templates))
	for _, t := range k.Templates {
		templates = append(templates, t.String())
	}
	return name + "=" + strings.Join(templates, "+")
}

// PodTemplates answers the pod templates of an object, as it is decoded from JSON: none when there is nothing where they would be. The error is of those that
// are no pod templates; the others are answered all the same. The object is not changed.
func (k Kind) PodTemplates(object map[string]any) ([]*corev1.PodTemplateSpec, error) {
	var templates []*corev1.PodTemplateSpec
	var errs []error
	for _, t := range k.Templates {
		for _, found := range t.path.find(object) {
			template, err := t.form.podTemplate(found)
			if err != nil {
				errs = append(errs, fmt.Errorf("reading a pod template at %s: %w", t.path, err))
			}
			if template != nil {
				templates = append(templates, template)
			}
		}
	}
	return templates, errors.Join(errs...)
}
