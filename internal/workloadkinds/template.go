// SPDX-License-Identifier: Apache-2.0

package workloadkinds

import (
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Template says where objects of a kind have pod templates, and in which form.
type Template struct {
	path path
	form form
}

// form is what is found at the end of a path.
type form string

const (
	// podForm is a PodTemplateSpec, which has spec.containers, or a bare PodSpec, which has containers. Which it is shows in each object.
	podForm form = ""
	// stepsForm is the spec of a Tekton Task: steps, stepTemplate, sidecars and volumes.
	stepsForm form = "steps"
)

// parseTemplate reads path[:form].
func parseTemplate(s string) (Template, error) {
	at, suffix, explicit := strings.Cut(s, ":")
	if explicit && form(suffix) != stepsForm {
		return Template{}, fmt.Errorf("%q is no form of a pod template: leave it out for a PodTemplateSpec or a PodSpec, or write :%s for the spec of a Tekton Task",
			suffix, stepsForm)
	}
	p, err := parsePath(at)
	return Template{path: p, form: form(suffix)}, err
}

// String writes the template as parseTemplate reads it.
func (t Template) String() string {
	if t.form == podForm {
		return t.path.String()
	}
	return t.path.String() + ":" + string(t.form)
}

// podTemplate converts what was found at the end of a path; nil when it has no containers (yet).
func (f form) podTemplate(found any) (*corev1.PodTemplateSpec, error) {
	object, ok := found.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("there is a %T where an object should be", found)
	}
	if f == stepsForm {
		object = podOfSteps(object)
	} else if _, bare := object["containers"]; bare {
		object = map[string]any{"spec": object}
	}
	spec, ok := object["spec"].(map[string]any)
	if !ok {
		return nil, errNoContainers
	}
	containers, ok := spec["containers"]
	if !ok {
		return nil, errNoContainers
	}
	if list, ok := containers.([]any); containers == nil || ok && len(list) == 0 {
		return nil, nil
	}
	template := &corev1.PodTemplateSpec{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object, template); err != nil {
		return nil, fmt.Errorf("converting it: %w", err)
	}
	return template, nil
}

// errNoContainers is of an object that was taken for a pod template. Without this a wrong path would find pods without containers everywhere, against which no
// level holds anything.
var errNoContainers = errors.New("it has neither containers nor spec.containers")
