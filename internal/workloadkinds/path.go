// SPDX-License-Identifier: Apache-2.0

package workloadkinds

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// each is the step of a path into all elements of a list, or all values of a map in the order of their keys.
const each = "[*]"

// path leads to values inside an object: names of fields, and each.
type path []string

// segment is what is between two dots: a field, and each as often as lists are nested in it.
var segment = regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_-]*)((?:\[\*\])*)$`)

func parsePath(s string) (path, error) {
	var p path
	for part := range strings.SplitSeq(s, ".") {
		match := segment.FindStringSubmatch(part)
		if match == nil {
			return nil, fmt.Errorf("%q is no field name, which may be followed by %s, in the path %q", part, each, s)
		}
		p = append(p, match[1])
		for range len(match[2]) / len(each) {
			p = append(p, each)
		}
	}
	return p, nil
}

// String writes the path as parsePath reads it.
func (p path) String() string {
	return strings.ReplaceAll(strings.Join(p, "."), "."+each, each)
}

// find answers the values at the end of the path. There are none where a field is not there, is null, or is of another type than the path takes it for.
func (p path) find(object map[string]any) []any {
	found := []any{object}
	for _, step := range p {
		var next []any
		for _, value := range found {
			next = append(next, follow(value, step)...)
		}
		found = next
	}
	return found
}

func follow(value any, step string) []any {
	switch value := value.(type) {
	case map[string]any:
		if step == each {
			return present(sortedValues(value))
		}
		return present([]any{value[step]})
	case []any:
		if step == each {
			return present(value)
		}
	}
	return nil
}

func sortedValues(m map[string]any) []any {
	values := make([]any, 0, len(m))
	for _, key := range slices.Sorted(maps.Keys(m)) {
		values = append(values, m[key])
	}
	return values
}

// present leaves out what is null. The values are not changed.
func present(values []any) []any {
	return slices.DeleteFunc(slices.Clone(values), func(v any) bool { return v == nil })
}
