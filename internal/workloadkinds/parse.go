// SPDX-License-Identifier: Apache-2.0

package workloadkinds

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation"
)

// syntax is what every error of Parse ends with.
const syntax = `write group/version/Kind=path, such as "argoproj.io/v1alpha1/Rollout=spec.template"`

// Parse reads a kind:
//
//	group/version/Kind[=path[:steps][+path[:steps]]...]
//
// A path leads to a PodTemplateSpec or a PodSpec, by the names of fields with dots between; [*] after one stands for all elements of a list or all values of a
// map. With :steps it leads to the spec of a Tekton Task. A kind without a path has no template and only owns what makes pods.
func Parse(value string) (Kind, error) {
	name, paths, hasPaths := strings.Cut(strings.TrimSpace(value), "=")
	gvk, err := parseName(name)
	if err != nil {
		return Kind{}, fmt.Errorf("%q is no workload kind, %w: %s", value, err, syntax)
	}
	kind := Kind{GroupVersionKind: gvk}
	if !hasPaths {
		return kind, nil
	}
	for part := range strings.SplitSeq(paths, "+") {
		template, err := parseTemplate(part)
		if err != nil {
			return Kind{}, fmt.Errorf("%q is no workload kind, %w: %s", value, err, syntax)
		}
		kind.Templates = append(kind.Templates, template)
	}
	return kind, nil
}

func parseName(name string) (schema.GroupVersionKind, error) {
	parts := strings.Split(name, "/")
	if len(parts) != 3 {
		return schema.GroupVersionKind{}, fmt.Errorf("%q does not have three parts", name)
	}
	gvk := schema.GroupVersionKind{Group: parts[0], Version: parts[1], Kind: parts[2]}
	switch {
	case !strings.Contains(gvk.Group, "."):
		return gvk, fmt.Errorf("%q is no group of custom resources, which has a dot in it; the built-in workloads are known already", gvk.Group)
	case len(validation.IsDNS1123Subdomain(gvk.Group)) > 0:
		return gvk, fmt.Errorf("%q is no API group", gvk.Group)
	case len(validation.IsDNS1035Label(gvk.Version)) > 0:
		return gvk, fmt.Errorf("%q is no version", gvk.Version)
	case len(validation.IsDNS1035Label(strings.ToLower(gvk.Kind))) > 0 || strings.ToLower(gvk.Kind[:1]) == gvk.Kind[:1]:
		return gvk, fmt.Errorf("%q is no kind", gvk.Kind)
	}
	return gvk, nil
}

// With answers the well-known kinds and others. Another kind of the same group and name takes the place of the well-known one, whatever its version.
func With(others []Kind) ([]Kind, error) {
	kinds := WellKnown()
	given := map[schema.GroupKind]Kind{}
	var errs []error
	for _, kind := range others {
		if before, twice := given[kind.GroupKind()]; twice {
			errs = append(errs, fmt.Errorf("%q and %q are of one kind: leave one out, or join their paths by +", before, kind))
			continue
		}
		given[kind.GroupKind()] = kind
		kinds = slices.DeleteFunc(kinds, func(known Kind) bool { return known.GroupKind() == kind.GroupKind() })
		kinds = append(kinds, kind)
	}
	return kinds, errors.Join(errs...)
}
