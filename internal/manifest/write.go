// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"bytes"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"

	goyaml "go.yaml.in/yaml/v3"
)

// insertFields writes the fields that a node is given, in the way the node is written.
func (p *plan) insertFields(n *goyaml.Node, into *insertion) error {
	switch {
	case isNull(n) && n.Value == "":
		return p.fillNothing(into)
	case isNull(n):
		return p.replace(into.entry, into.fields)
	case n.Style&goyaml.FlowStyle != 0:
		return p.insertFlow(n, into.fields)
	case len(n.Content) == 0:
		return errUnknownForm
	}
	p.insertBlock(p.blockEnd(n), n.Content[0].Column-1, p.step(n), into.fields)
	return nil
}

// fillNothing writes fields below a key without a value.
func (p *plan) fillNothing(into *insertion) error {
	colon, err := p.colon(into.entry)
	if err != nil || into.parent.Style&goyaml.FlowStyle != 0 {
		return errUnknownForm
	}
	step := p.step(into.parent)
	p.insertBlock(lineEnd(p.document.text, colon), into.key.Column-1+step, step, into.fields)
	return nil
}

// insertBlock writes fields as lines of their own, before the line that begins at an offset.
func (p *plan) insertBlock(at, indent, step int, fields map[string]any) {
	eol := p.eol(at)
	text := block(fields, indent, step, eol)
	if at > 0 && p.document.text[at-1] != '\n' { // the last line has no end
		text = eol + strings.TrimSuffix(text, eol)
	}
	p.splices = append(p.splices, splice{start: at, end: at, text: text, indent: indent})
}

// eol is how the line before an offset ends, or, where it has no end, the first line.
func (p *plan) eol(at int) string {
	text := p.document.text
	if at == 0 || text[at-1] != '\n' {
		at = bytes.IndexByte(text, '\n') + 1
	}
	if bytes.HasSuffix(text[:at], []byte("\r\n")) {
		return "\r\n"
	}
	return "\n"
}

// block writes fields in lines.
func block(fields map[string]any, indent, step int, eol string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		b.WriteString(strings.Repeat(" ", indent) + name + ":")
		if below, isMap := fields[name].(map[string]any); isMap {
			b.WriteString(eol + block(below, indent+step, step, eol))
			continue
		}
		b.WriteString(" " + flow(fields[name], false) + eol)
	}
	return b.String()
}

// insertFlow writes fields after the last one in braces, each on a line of its own where that one is.
func (p *plan) insertFlow(n *goyaml.Node, fields map[string]any) error {
	quoted := p.quotes(n)
	between := ", "
	if len(n.Content) == 0 {
		end, err := p.endOf(n)
		text := flow(fields, quoted)
		p.splices = append(p.splices, splice{start: end - 1, end: end - 1, text: text[1 : len(text)-1]})
		return err
	}
	key, value := n.Content[len(n.Content)-2], n.Content[len(n.Content)-1]
	end, err := p.endOf(value)
	if start := p.lineOf(p.offsetOf(key)); len(bytes.TrimSpace(p.document.text[start:p.offsetOf(key)])) == 0 {
		between = "," + p.eol(start) + string(p.document.text[start:p.offsetOf(key)])
	}
	var text string
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		one := flow(map[string]any{name: fields[name]}, quoted)
		text += between + one[1:len(one)-1]
	}
	p.splices = append(p.splices, splice{start: end, end: end, text: text, indent: key.Column})
	return err
}

// quotes says whether names and texts in a node are to be quoted, as in JSON.
func (p *plan) quotes(n *goyaml.Node) bool {
	if n == nil || n.Kind != goyaml.MappingNode || len(n.Content) == 0 {
		return p.json
	}
	return n.Content[0].Style&goyaml.DoubleQuotedStyle != 0
}

// plainWord is a text that is never anything else to YAML.
var plainWord = regexp.MustCompile(`^(ALL|[A-Z][a-z]+[A-Z][A-Za-z]+)$`)

// flow writes a value in one line.
func flow(value any, quoted bool) string {
	switch value := value.(type) {
	case map[string]any:
		entries := make([]string, 0, len(value))
		for _, name := range slices.Sorted(maps.Keys(value)) {
			key := name
			if quoted {
				key = scalar(name)
			}
			entries = append(entries, key+": "+flow(value[name], quoted))
		}
		return "{" + strings.Join(entries, ", ") + "}"
	case []any:
		items := make([]string, 0, len(value))
		for _, item := range value {
			items = append(items, flow(item, true))
		}
		return "[" + strings.Join(items, ", ") + "]"
	case string:
		if !quoted && plainWord.MatchString(value) {
			return value
		}
	}
	return scalar(value)
}

func scalar(value any) string {
	encoded, err := json.Marshal(value)
	if err != nil {
		return "null" // which is then not what was asked for
	}
	return string(encoded)
}

// step is by how much fields are indented below a node, as they are elsewhere.
func (p *plan) step(n *goyaml.Node) int {
	for _, from := range []*goyaml.Node{n, p.root} {
		if step := stepOf(from); step > 0 {
			return step
		}
	}
	return 2
}

func stepOf(n *goyaml.Node) int {
	for i := 0; n.Kind == goyaml.MappingNode && i+1 < len(n.Content); i += 2 {
		value := n.Content[i+1]
		if value.Kind == goyaml.MappingNode && value.Style&goyaml.FlowStyle == 0 && len(value.Content) > 0 {
			return value.Content[0].Column - n.Content[0].Column
		}
	}
	return 0
}
