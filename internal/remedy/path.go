// SPDX-License-Identifier: Apache-2.0

package remedy

import (
	"fmt"
	"strconv"
	"strings"
)

// Element is one step of a Path: the field, or the map key, of that name, or the item of a list when Name is empty.
type Element struct {
	Name string
	// Index counts from 0.
	Index int
}

// Path leads from a pod template, so from an object with metadata and spec, to a field or an item of a list.
type Path []Element

// path is the path of nested fields.
func path(names ...string) Path {
	return Path(nil).child(names...)
}

// child is the path of fields below p, which stays as it is.
func (p Path) child(names ...string) Path {
	below := make(Path, len(p), len(p)+len(names))
	copy(below, p)
	for _, name := range names {
		below = append(below, Element{Name: name})
	}
	return below
}

// item is the path of an item of the list at p.
func (p Path) item(index int) Path {
	below := p.child("")
	below[len(p)].Index = index
	return below
}

// String writes the path as the API server's messages do, e.g. `spec.containers[0].securityContext.privileged` or
// `metadata.annotations[example.com/key]`.
func (p Path) String() string {
	var b strings.Builder
	for i, e := range p {
		switch {
		case e.Name == "":
			fmt.Fprintf(&b, "[%d]", e.Index)
		case strings.ContainsAny(e.Name, "./"):
			fmt.Fprintf(&b, "[%s]", e.Name)
		case i == 0:
			b.WriteString(e.Name)
		default:
			b.WriteString("." + e.Name)
		}
	}
	return b.String()
}

var pointerEscapes = strings.NewReplacer("~", "~0", "/", "~1")

// Pointer writes the path as a JSON pointer (RFC 6901), which JSON patches use.
func (p Path) Pointer() string {
	var b strings.Builder
	for _, e := range p {
		step := strconv.Itoa(e.Index)
		if e.Name != "" {
			step = pointerEscapes.Replace(e.Name)
		}
		b.WriteString("/" + step)
	}
	return b.String()
}
