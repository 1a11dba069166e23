// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"strconv"
	"strings"

	goyaml "go.yaml.in/yaml/v3"

	"github.com/podsecurity-rollout/operator/internal/remedy"
)

// entry is a step of a path that is there: an entry of a mapping, or an item of a list, which has no key.
type entry struct {
	parent *goyaml.Node // nil for the root
	index  int          // of the entry or item in its parent
	key    *goyaml.Node
	value  *goyaml.Node
}

// walk follows a path as far as it is there, beginning with the root. Aliases and merged mappings are followed on the way.
func (d *document) walk(path remedy.Path) []entry {
	if d.root == nil {
		return nil
	}
	trail := []entry{{value: d.root}}
	for _, element := range path {
		next, there := child(trail[len(trail)-1].value, element, 0)
		if !there {
			break
		}
		trail = append(trail, next)
	}
	return trail
}

// child is the entry of a node that an element names.
func child(n *goyaml.Node, element remedy.Element, merges int) (entry, bool) {
	n = target(n)
	switch {
	case n.Kind == goyaml.SequenceNode && element.Name == "" && element.Index < len(n.Content):
		return entry{parent: n, index: element.Index, value: n.Content[element.Index]}, true
	case n.Kind != goyaml.MappingNode:
		return entry{}, false
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == element.Name && n.Content[i].Tag != mergeTag {
			return entry{parent: n, index: i / 2, key: n.Content[i], value: n.Content[i+1]}, true
		}
	}
	return merged(n, element, merges)
}

const mergeTag = "!!merge"

// merged looks an element up in what a mapping merges (`<<: *defaults`). Merges of merges are followed as deep as anybody writes them.
func merged(n *goyaml.Node, element remedy.Element, merges int) (entry, bool) {
	const most = 20
	for i := 0; i+1 < len(n.Content) && merges < most; i += 2 {
		if n.Content[i].Tag != mergeTag {
			continue
		}
		sources := []*goyaml.Node{n.Content[i+1]}
		if list := target(n.Content[i+1]); list.Kind == goyaml.SequenceNode {
			sources = list.Content
		}
		for _, source := range sources {
			if e, there := child(source, element, merges+1); there {
				return e, true
			}
		}
	}
	return entry{}, false
}

// target is what an alias stands for, or the node itself.
func target(n *goyaml.Node) *goyaml.Node {
	if n.Kind == goyaml.AliasNode && n.Alias != nil {
		return n.Alias
	}
	return n
}

// locate is the offset of what a path leads to, or of the nearest thing on the way to it: of a field its name, of an item its first character.
func (d *document) locate(path remedy.Path) int {
	trail := d.walk(path)
	if len(trail) <= 1 {
		return firstContent(d.text)
	}
	last := trail[len(trail)-1]
	if last.key != nil {
		return d.offsetOf(last.key)
	}
	return d.offsetOf(last.value)
}

// Locate is where a path of the template leads: to the field or item, or, when it is missing, to the nearest thing around it that is there.
func (p Pod) Locate(path remedy.Path) Position {
	p.file.reopen(p.document)
	return p.file.position(p.document.offset + p.document.locate(join(p.path, path)))
}

// Whole is the path of the object that a path of the template is, such as `spec.template.spec.containers[0]`.
func (p Pod) Whole(path remedy.Path) remedy.Path {
	return join(p.path[len(p.object):], path)
}

// Identity is Whole in text, with names for items of lists where they have some, such as `spec.template.spec.containers[name=web]`: what stays the same when
// a list is put in another order.
func (p Pod) Identity(path remedy.Path) string {
	p.file.reopen(p.document)
	full := join(p.path, path)
	trail := p.document.walk(full)
	var b strings.Builder
	for i, element := range full {
		if i < len(p.object) {
			continue
		}
		switch {
		case element.Name != "":
			b.WriteString("." + element.Name)
		case i+1 < len(trail):
			b.WriteString("[" + itemIdentity(trail[i+1]) + "]")
		default:
			b.WriteString("[" + strconv.Itoa(element.Index) + "]")
		}
	}
	return strings.TrimPrefix(b.String(), ".")
}

func itemIdentity(item entry) string {
	value := target(item.value)
	if value.Kind == goyaml.ScalarNode {
		return value.Value
	}
	if name, there := child(value, remedy.Element{Name: "name"}, 0); there && name.value.Kind == goyaml.ScalarNode {
		return "name=" + name.value.Value
	}
	return strconv.Itoa(item.index)
}

// Items counts the items of the list at a path of the template: 0 when there is no list.
func (p Pod) Items(path remedy.Path) int {
	if n := p.at(path); n != nil && n.Kind == goyaml.SequenceNode {
		return len(n.Content)
	}
	return 0
}

// Fields are the names of the fields of the object at a path of the template, in the order in which they stand.
func (p Pod) Fields(path remedy.Path) []string {
	n := p.at(path)
	if n == nil || n.Kind != goyaml.MappingNode {
		return nil
	}
	var names []string
	for i := 0; i+1 < len(n.Content); i += 2 {
		names = append(names, n.Content[i].Value)
	}
	return names
}

// at is the node at a path of the template, nil when it is missing.
func (p Pod) at(path remedy.Path) *goyaml.Node {
	p.file.reopen(p.document)
	path = join(p.path, path)
	trail := p.document.walk(path)
	if len(trail) <= len(path) {
		return nil
	}
	return target(trail[len(trail)-1].value)
}
