// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kjson "sigs.k8s.io/json"

	"github.com/podsecurity-rollout/operator/internal/remedy"
)

// Object is what a document, or an item of a List, declares. A document that is no object of Kubernetes has no kind.
type Object struct {
	APIVersion, Kind, Namespace, Name string
	// Line is where it begins.
	Line int
	// Unchecked is set when its kind is not known here, and it has what looks like a pod template all the same.
	Unchecked bool
}

// String is the kind and the name, with the namespace where there is one.
func (o Object) String() string {
	switch {
	case o.Kind == "":
		return "a document without kind"
	case o.Namespace != "":
		return o.Kind + " " + o.Namespace + "/" + o.Name
	}
	return strings.TrimSpace(o.Kind + " " + o.Name)
}

// Pod is a pod, or the template of pods, of an object.
type Pod struct {
	Object
	// Template is what checks look at. A volume that names no source is the emptyDir that the API server makes of it.
	Template *corev1.PodTemplateSpec
	// Unknown are the fields that the API does not have, which kubectl apply refuses. It is empty for custom kinds, whose templates may have fields of
	// their own.
	Unknown []string

	file     *File
	document *document
	path     remedy.Path // of the template in the document
	object   remedy.Path // of the object in the document
}

// Namespace is a namespace that the input declares, with its labels.
type Namespace struct {
	Object
	Labels map[string]string
}

// collect takes the objects of a document.
func (f *File) collect(d *document) error {
	switch d.value.(type) {
	case map[string]any:
		return f.take(d, found{value: d.value}, "", "")
	case []any, nil:
		f.Others = append(f.Others, Object{Line: f.lineOf(d.offset + firstContent(d.text))}) // a patch, a playbook: not ours to mind
		return nil
	}
	return &problem{offset: firstContent(d.text), message: "text, where an object with apiVersion and kind should be"}
}

// take takes an object, and the items of a List. Items of a typed list may leave out what the list's kind says.
func (f *File) take(d *document, at found, apiVersion, kind string) error {
	object, isObject := at.value.(map[string]any)
	if !isObject {
		return d.problemAt(at.path, "an item that is no object")
	}
	o := f.describe(d, at)
	if o.Kind == "" {
		o.APIVersion, o.Kind = apiVersion, kind
	}
	if items, isList := object["items"].([]any); isList && strings.HasSuffix(o.Kind, "List") && len(items) > 0 {
		return f.takeAll(d, at.path, "items", items, o.APIVersion, strings.TrimSuffix(o.Kind, "List"))
	}
	if objects, isList := object["objects"].([]any); isList && o.Kind == "Template" {
		return f.takeAll(d, at.path, "objects", objects, "", "") // of OpenShift
	}
	if labels := find(at, "metadata.labels"); o.APIVersion == "v1" && o.Kind == "Namespace" && len(labels) == 1 {
		return f.takeNamespace(d, labels[0], o)
	}
	return f.takePods(d, at, o)
}

func (f *File) takeAll(d *document, path remedy.Path, list string, items []any, apiVersion, kind string) error {
	var errs []error
	for i, item := range items {
		at := join(path, remedy.Path{{Name: list}, {Index: i}})
		errs = append(errs, f.take(d, found{path: at, value: item}, apiVersion, kind))
	}
	return errors.Join(errs...)
}

func (f *File) takeNamespace(d *document, labels found, o Object) error {
	namespace := Namespace{Object: o}
	if _, err := decode(labels.value, &namespace.Labels); err != nil {
		return d.problemAt(labels.path, fmt.Sprintf("%s: reading its labels: %v", o, err))
	}
	f.Namespaces = append(f.Namespaces, namespace)
	f.Others = append(f.Others, o)
	return nil
}

// describe reads what an object is called.
func (f *File) describe(d *document, at found) Object {
	text := func(path string) string {
		for _, found := range find(at, path) {
			if s, isText := found.value.(string); isText {
				return s
			}
		}
		return ""
	}
	o := Object{
		APIVersion: text("apiVersion"), Kind: text("kind"), Namespace: text("metadata.namespace"), Name: text("metadata.name"),
		Line: f.lineOf(d.offset + d.locate(at.path)),
	}
	if o.Name == "" {
		o.Name = text("metadata.generateName")
	}
	return o
}

// ofPatches is why an object may be only a part of one.
const ofPatches = "if this is a patch, check what `kustomize build` puts out"

// takePods takes the pods of an object: none of most kinds, one of those of Kubernetes, any number of custom ones.
func (f *File) takePods(d *document, at found, o Object) error {
	gk := groupKind(o.APIVersion, o.Kind)
	paths, ours := builtIn[gk]
	if !ours {
		paths = custom[gk]
	}
	var errs []error
	taken := 0
	for _, path := range paths {
		for _, template := range find(at, path) {
			taken++
			errs = append(errs, f.takePod(d, template, Pod{Object: o, file: f, document: d, path: template.path, object: at.path}, ours))
		}
	}
	if taken > 0 {
		return errors.Join(errs...)
	}
	switch {
	case ours:
		return d.problemAt(at.path, fmt.Sprintf("%s has no pod template at %s; %s", o, paths[0], ofPatches))
	case misnamed(gk):
		return d.problemAt(at.path, fmt.Sprintf("%s: there is no kind %q of apiVersion %q", o, o.Kind, o.APIVersion))
	}
	// What looks like a pod of a kind that is not known, and the steps of a Tekton Task, which become a pod with what its TaskRun adds.
	o.Unchecked = len(find(at, "spec.template.spec.containers."+each)) > 0 || gk.Group == "tekton.dev" && len(find(at, "spec.steps."+each)) > 0
	f.Others = append(f.Others, o)
	return nil
}

func (f *File) takePod(d *document, template found, pod Pod, ours bool) error {
	unknown, err := pod.decode(template.value)
	if err != nil {
		return d.problemAt(template.path, fmt.Sprintf("%s: reading its pod: %v", pod.Object, err))
	}
	if len(pod.Template.Spec.Containers) == 0 {
		return d.problemAt(template.path, fmt.Sprintf("%s has a pod without containers; %s", pod.Object, ofPatches))
	}
	if ours {
		pod.Unknown = unknown
	}
	setDefaults(&pod.Template.Spec)
	f.Pods = append(f.Pods, pod)
	return nil
}

// decode reads the template, and answers its unknown fields. A Pod has a status beside metadata and spec.
func (p *Pod) decode(value any) ([]string, error) {
	if len(p.path) > len(p.object) {
		p.Template = &corev1.PodTemplateSpec{}
		return decode(value, p.Template)
	}
	var whole struct {
		metav1.TypeMeta   `json:",inline"`
		metav1.ObjectMeta `json:"metadata"`
		Spec              corev1.PodSpec `json:"spec"`
		Status            any            `json:"status"`
	}
	unknown, err := decode(value, &whole)
	p.Template = &corev1.PodTemplateSpec{ObjectMeta: whole.ObjectMeta, Spec: whole.Spec}
	return unknown, err
}

// decode reads a value as the API server reads JSON, and answers the fields that are unknown.
func decode(value, into any) ([]string, error) {
	encoded, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	strict, err := kjson.UnmarshalStrict(encoded, into)
	if err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "json: "))
	}
	var unknown []string
	for _, s := range strict {
		unknown = append(unknown, s.Error())
	}
	slices.Sort(unknown)
	return unknown, nil
}

// setDefaults does the one thing that the API server does to a pod before its checks see it and that they mind (SetDefaults_Volume in Kubernetes'
// pkg/apis/core/v1).
func setDefaults(spec *corev1.PodSpec) {
	for i := range spec.Volumes {
		if source := &spec.Volumes[i].VolumeSource; *source == (corev1.VolumeSource{}) {
			source.EmptyDir = &corev1.EmptyDirVolumeSource{}
		}
	}
}

// problemAt is a problem where a path leads.
func (d *document) problemAt(path remedy.Path, message string) error {
	return &problem{offset: d.locate(path), message: message}
}
