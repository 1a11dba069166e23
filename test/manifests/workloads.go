// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// templates says where each kind that carries a pod keeps it; a Pod is one.
var templates = map[string][]string{
	"CronJob":               {"spec", "jobTemplate", "spec", "template"},
	"DaemonSet":             {"spec", "template"},
	"Deployment":            {"spec", "template"},
	"Job":                   {"spec", "template"},
	"Pod":                   {},
	"PodTemplate":           {"template"},
	"ReplicaSet":            {"spec", "template"},
	"ReplicationController": {"spec", "template"},
	"StatefulSet":           {"spec", "template"},
}

// placeholder is what the scripts of Kubernetes replace in its manifests: an
// image, a version, a name. A word will do for most of them.
var placeholder = regexp.MustCompile(`\{\{[^{}]*\}\}`)

// Workload is an object that carries a pod.
type Workload struct {
	*unstructured.Unstructured
}

// String is the kind and the name.
func (w Workload) String() string { return w.GetKind() + " " + w.GetName() }

// Template answers the pod that the workload carries, or of which it makes more.
func (w Workload) Template() (*corev1.PodTemplateSpec, error) {
	fields, found, err := unstructured.NestedMap(w.Object, templates[w.GetKind()]...)
	if err != nil || !found {
		return nil, fmt.Errorf("%s carries no pod: %w", w, err)
	}
	template := &corev1.PodTemplateSpec{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(fields, template); err != nil {
		return nil, fmt.Errorf("reading the pod of %s: %w", w, err)
	}
	return template, nil
}

// WantsPods is whether pods are made of it, by the controllers, now.
func (w Workload) WantsPods() bool {
	switch w.GetKind() {
	case "CronJob", "PodTemplate":
		return false
	}
	replicas, found, _ := unstructured.NestedInt64(w.Object, "spec", "replicas")
	return !found || replicas > 0
}

// Parse answers the workloads of a file, with placeholders filled in.
func Parse(data []byte) ([]Workload, error) {
	var list []Workload
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(placeholder.ReplaceAll(data, []byte("placeholder")))))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return nil, err
		}
		object := &unstructured.Unstructured{}
		if document, err = yaml.YAMLToJSON(document); err != nil {
			return nil, err
		}
		if err := utiljson.Unmarshal(document, &object.Object); err != nil { // which tells integers from fractions
			return nil, err
		}
		path, carries := templates[object.GetKind()]
		if _, found, _ := unstructured.NestedMap(object.Object, append(slices.Clone(path), "spec")...); carries && found {
			list = append(list, Workload{object})
		}
	}
}

// Under answers the workloads of all manifests under a directory, by the path of
// the file from there. What cannot be understood before a script has filled it
// in is left out.
func Under(dir string) (map[string][]Workload, error) {
	files := map[string][]Workload{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !isManifest(path) {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if list := understood(data); len(list) > 0 {
			files[name] = list
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading manifests: %w", err)
	}
	return files, nil
}

// understood answers the workloads whose pods can be read.
func understood(data []byte) []Workload {
	list, err := Parse(data)
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(list, func(w Workload) bool {
		_, err := w.Template()
		return err != nil
	})
}

func isManifest(path string) bool {
	return slices.Contains([]string{".yaml", ".yml"}, filepath.Ext(strings.TrimSuffix(path, ".in")))
}
