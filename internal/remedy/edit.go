// SPDX-License-Identifier: Apache-2.0

package remedy

import (
	"encoding/json"
	"fmt"
	"slices"
)

// Class says what an edit may cost the workload.
type Class string

const (
	// Safe edits set a field that nobody has set, or drop more capabilities than before. They take nothing away that was given on purpose, and most
	// workloads run on. They can be applied without the Invasive ones.
	Safe Class = "Safe"
	// Invasive edits change or remove what somebody wrote, such as a hostPath volume, a host port, `privileged: true` or `runAsUser: 0`, or set a field that
	// contradicts it. Whether the workload can do without is for its owner to say.
	Invasive Class = "Invasive"
)

// Op is what an edit does to the field or list item at its path.
type Op string

const (
	// Set gives a field its value. Missing fields on the way to it are made.
	Set Op = "Set"
	// Remove takes a field or an item of a list away.
	Remove Op = "Remove"
)

// Edit is one change of a pod template.
type Edit struct {
	// Check is the upstream ID of the violated check that asks for it.
	Check string
	Class Class
	Op    Op
	// Path into the template as it is once all edits before this one, or some of them, are done: of a list's items the last is removed first.
	Path Path
	// Value is what Set sets: a bool, or a []any or map[string]any of strings, as encoding/json decodes them. Nil for Remove.
	Value any
}

// String is the edit in words, e.g. `set spec.containers[0].securityContext.capabilities.drop: ["ALL"]` or `remove spec.volumes[1]`.
func (e Edit) String() string {
	if e.Op == Remove {
		return "remove " + e.Path.String()
	}
	value, err := json.Marshal(e.Value)
	if err != nil {
		return fmt.Sprintf("set %s: %v", e.Path, e.Value)
	}
	return fmt.Sprintf("set %s: %s", e.Path, value)
}

// Unfixable is why no edit makes a template comply with a check.
type Unfixable struct {
	// Check is the upstream check ID.
	Check string
	// Reason is a clause for people, such as `volume "data" has no source known here`.
	Reason string
}

// OfClass picks the edits of a class, in their order.
func OfClass(class Class, edits []Edit) []Edit {
	return slices.DeleteFunc(slices.Clone(edits), func(e Edit) bool { return e.Class != class })
}

// add sets what nobody has set.
func add(p Path, value any) Edit {
	return Edit{Class: Safe, Op: Set, Path: p, Value: value}
}

// change sets what somebody has set otherwise.
func change(p Path, value any) Edit {
	return Edit{Class: Invasive, Op: Set, Path: p, Value: value}
}

// remove takes away what somebody has set.
func remove(p Path) Edit {
	return Edit{Class: Invasive, Op: Remove, Path: p}
}

// removeItems removes the unwanted items of a list of n, the last first so that the others keep their index; the whole list when none would be left.
func removeItems(list Path, n int, unwanted func(int) bool) []Edit {
	var edits []Edit
	for i := range n {
		if unwanted(i) {
			edits = append(edits, remove(list.item(i)))
		}
	}
	if len(edits) == n && n > 0 {
		return []Edit{remove(list)}
	}
	slices.Reverse(edits)
	return edits
}
