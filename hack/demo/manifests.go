// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// templateOf answers where each kind that carries a pod keeps it; of a Pod it is the object itself.
var templateOf = map[string][]string{
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

// placeholder is what the scripts of Kubernetes replace in its manifests: an image, a version, a name.
var placeholder = regexp.MustCompile(`\{\{[^{}]*\}\}`)

// workload is an object that carries a pod, ready to be created.
type workload struct {
	*unstructured.Unstructured
	from manifest
}

func (w workload) String() string { return w.GetKind() + " " + w.GetName() }

// podSpec answers the pod spec inside; nil when there is none.
func (w workload) podSpec() map[string]any {
	spec, _, _ := unstructured.NestedMap(w.Object, append(slices.Clone(templateOf[w.GetKind()]), "spec")...)
	return spec
}

// sources finds the directories that manifests are read from.
type sources struct {
	dirs map[string]string
}

// findSources asks go where the modules are, and downloads one that is not there.
func findSources(ctx context.Context) (sources, error) {
	s := sources{dirs: map[string]string{fromHere: fromHere}}
	for module, in := range map[string]string{fromKubernetes: "hack/controlplane", fromPodSecurity: "."} {
		dir, err := moduleDir(ctx, module, in)
		if err != nil {
			return s, err
		}
		s.dirs[module] = dir
	}
	return s, nil
}

func moduleDir(ctx context.Context, module, in string) (string, error) {
	dir, err := goOutput(ctx, in, "list", "-m", "-f", "{{.Dir}}", module)
	if err != nil || dir != "" {
		return dir, err
	}
	// The version is pinned, but its sources are not in the module cache: the binaries were built elsewhere.
	if _, err := goOutput(ctx, in, "mod", "download", module); err != nil {
		return "", err
	}
	dir, err = goOutput(ctx, in, "list", "-m", "-f", "{{.Dir}}", module)
	if err == nil && dir == "" {
		err = fmt.Errorf("the sources of %s are not in the module cache: run `go mod download %s` in %s", module, module, in)
	}
	return dir, err
}

func goOutput(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := command(ctx, "go", args...)
	cmd.Dir = dir
	// A workspace of whoever runs this would hide the pinned versions.
	cmd.Env = append(os.Environ(), "GOWORK=off")
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w: %s", err, bytes.TrimSpace(exit.Stderr))
		}
		return "", fmt.Errorf("running go %s in %s: %w", strings.Join(args, " "), dir, err)
	}
	return strings.TrimSpace(string(out)), nil
}

// load reads the workloads of a namespace.
func (s sources) load(ns namespaceSpec) ([]workload, error) {
	var list []workload
	for _, m := range ns.manifests {
		data, err := os.ReadFile(filepath.Join(s.dirs[m.from], filepath.FromSlash(m.path)))
		if err != nil {
			return nil, fmt.Errorf("reading a manifest of namespace %s: %w (has it moved? adapt hack/demo/catalog.go)", ns.name, err)
		}
		found, err := parse(data, ns.name, m)
		if err != nil {
			return nil, fmt.Errorf("reading %s of %s: %w", m.path, m.from, err)
		}
		list = append(list, found...)
	}
	return list, nil
}

// parse answers the workloads of one file, moved to the namespace.
func parse(data []byte, namespace string, from manifest) ([]workload, error) {
	var list []workload
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(placeholder.ReplaceAll(data, []byte("demo")))))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		object := &unstructured.Unstructured{}
		if err := yaml.Unmarshal(document, &object.Object); err != nil {
			return nil, err
		}
		w := workload{Unstructured: object, from: from}
		if _, carries := templateOf[object.GetKind()]; !carries || w.podSpec() == nil {
			continue
		}
		object.SetNamespace(namespace)
		if from.replicas != nil {
			if err := unstructured.SetNestedField(object.Object, *from.replicas, "spec", "replicas"); err != nil {
				return nil, err
			}
		}
		list = append(list, w)
	}
	if len(list) == 0 {
		return nil, errors.New("no workload in it: adapt hack/demo/catalog.go")
	}
	return list, nil
}
