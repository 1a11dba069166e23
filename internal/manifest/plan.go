// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"bytes"
	"cmp"
	"errors"
	"slices"

	goyaml "go.yaml.in/yaml/v3"

	"github.com/podsecurity-rollout/operator/internal/remedy"
)

// splice puts text in the place of a range of the document.
type splice struct {
	start, end int
	text       string
	// indent orders what is inserted at the same place: what belongs further in comes first.
	indent int
}

// plan gathers what edits mean for the text, by the nodes as they were parsed.
type plan struct {
	*document
	splices []splice
	// inserts are the fields to add to mappings, and to the entries of nothing (`securityContext:`) that have to become one.
	inserts map[*goyaml.Node]*insertion
	// removed are the indexes of entries and items to remove.
	removed map[*goyaml.Node]map[int]bool
	// next is where what follows each node begins.
	next map[*goyaml.Node]int
}

// insertion is what a mapping is given.
type insertion struct {
	entry
	fields map[string]any
}

func newPlan(d *document) *plan {
	p := &plan{document: d, inserts: map[*goyaml.Node]*insertion{}, removed: map[*goyaml.Node]map[int]bool{}, next: map[*goyaml.Node]int{}}
	if d.root != nil {
		p.index(d.root, d.end())
	}
	return p
}

// end is where the content of the document cannot go beyond: the marker of its end.
func (d *document) end() int {
	at := len(d.text)
	if start := d.lineOf(max(at-1, 0)); marks(d.text[start:], "...") {
		return start
	}
	return at
}

func (p *plan) index(n *goyaml.Node, next int) {
	p.next[n] = next
	for i, child := range n.Content {
		after := next
		if i+1 < len(n.Content) {
			after = p.beginning(n, i+1)
		}
		p.index(child, after)
	}
}

// beginning is where a child of a node begins: an item of a block sequence with its dash.
func (p *plan) beginning(n *goyaml.Node, i int) int {
	at := p.offsetOf(n.Content[i])
	if n.Kind == goyaml.SequenceNode && n.Style&goyaml.FlowStyle == 0 {
		if dash := p.dashBefore(at); dash >= 0 {
			return dash
		}
	}
	return at
}

// dashBefore finds the dash before an item, over blanks and comments. It answers -1 when something else is there.
func (d *document) dashBefore(at int) int {
	for {
		end := d.skipBack(at)
		if end == 0 {
			return -1
		}
		if d.text[end-1] == '-' {
			return end - 1
		}
		line := d.lineOf(end - 1)
		content := bytes.TrimLeft(d.text[line:end], blanks)
		start := end - len(content)
		switch afterDash := bytes.TrimLeft(bytes.TrimPrefix(content, []byte("-")), blanks); {
		case content[0] == '#':
			at = line
		case content[0] == '-' && afterDash[0] == '#':
			return start
		default:
			return -1
		}
	}
}

var (
	errUnknownForm = errors.New("it is written in a way that is not known here")
	errOverlap     = errors.New("two edits change the same text")
)

// add takes an edit into the plan.
func (p *plan) add(path remedy.Path, e remedy.Edit) error {
	trail := p.walk(path)
	if len(trail) == 0 {
		return errUnknownForm
	}
	last, rest := trail[len(trail)-1], path[len(trail)-1:]
	switch {
	case e.Op == remedy.Set && len(rest) == 0:
		return p.replace(last, e.Value)
	case e.Op == remedy.Set:
		return p.insert(last, rest, e.Value)
	case len(rest) > 0:
		return errNoSuchPlace
	}
	p.remove(last.parent, last.index)
	return nil
}

func (p *plan) remove(parent *goyaml.Node, index int) {
	if p.removed[parent] == nil {
		p.removed[parent] = map[int]bool{}
	}
	p.removed[parent][index] = true
}

// insert gives a mapping the fields that lead to a value.
func (p *plan) insert(e entry, rest remedy.Path, value any) error {
	n := target(e.value)
	if n.Kind != goyaml.MappingNode && !isNull(n) {
		return errUnknownForm
	}
	into := p.inserts[n]
	if into == nil {
		into = &insertion{entry: e, fields: map[string]any{}}
		p.inserts[n] = into
	}
	_, err := change(into.fields, rest, remedy.Edit{Op: remedy.Set, Value: value})
	return err
}

func isNull(n *goyaml.Node) bool {
	return n.Kind == goyaml.ScalarNode && n.Tag == "!!null"
}

// replace gives an entry or item another value, and leaves as it is what of it is the same.
func (p *plan) replace(e entry, value any) error {
	switch value := value.(type) {
	case map[string]any:
		if e.value.Kind == goyaml.MappingNode && len(e.value.Content) > 0 {
			return p.replaceFields(e, value)
		}
	case []any:
		if e.value.Kind == goyaml.SequenceNode && len(e.value.Content) >= len(value) && len(value) > 0 {
			return p.replaceItems(e.value, value)
		}
	}
	if isNull(e.value) && e.value.Value == "" {
		colon, err := p.colon(e)
		p.splices = append(p.splices, splice{start: colon, end: colon, text: " " + flow(value, p.quotes(e.parent))})
		return err
	}
	end, err := p.endOf(e.value)
	if err != nil {
		return err
	}
	p.splices = append(p.splices, splice{start: p.offsetOf(e.value), end: end, text: flow(value, p.quotes(e.parent))})
	return nil
}

func (p *plan) replaceFields(e entry, fields map[string]any) error {
	n := e.value
	given := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name := n.Content[i].Value
		value, wanted := fields[name]
		given[name] = true
		if !wanted {
			p.remove(n, i/2)
			continue
		}
		if err := p.replace(entry{parent: n, index: i / 2, key: n.Content[i], value: n.Content[i+1]}, value); err != nil {
			return err
		}
	}
	for name, value := range fields {
		if given[name] {
			continue
		}
		if err := p.insert(e, remedy.Path{{Name: name}}, value); err != nil {
			return err
		}
	}
	return nil
}

func (p *plan) replaceItems(n *goyaml.Node, items []any) error {
	for i := range n.Content {
		if i >= len(items) {
			p.remove(n, i)
			continue
		}
		if err := p.replace(entry{parent: n, index: i, value: n.Content[i]}, items[i]); err != nil {
			return err
		}
	}
	return nil
}

// text carries the plan out.
func (p *plan) text() ([]byte, error) {
	for n, into := range p.inserts {
		if err := p.insertFields(n, into); err != nil {
			return nil, err
		}
	}
	for n, indexes := range p.removed {
		if err := p.removeEntries(n, indexes); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(p.splices, func(a, b splice) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(b.indent, a.indent), cmp.Compare(a.end, b.end), cmp.Compare(a.text, b.text))
	})
	var text []byte
	done := 0
	for i, s := range p.splices {
		if i > 0 && s == p.splices[i-1] {
			continue // asked for by two pods that share it
		}
		if s.start < done {
			return nil, errOverlap
		}
		text = append(text, p.document.text[done:s.start]...)
		text = append(text, s.text...)
		done = s.end
	}
	return append(text, p.document.text[done:]...), nil
}
