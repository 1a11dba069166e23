// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"sort"
	"strconv"
	"strings"

	goyaml "go.yaml.in/yaml/v3"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// document is one of an input: its text, its values and its nodes.
type document struct {
	chunk
	// value is as encoding/json decodes it, with integers as int64.
	value any
	// root is nil for JSON that is no YAML, of which there is little.
	root *goyaml.Node
	// lines are the offsets at which the lines begin that the nodes count by.
	lines      []int
	characters characters
}

// forget drops all but the text. A large input has many documents, and most are never asked about again.
func (d *document) forget() {
	*d = document{chunk: d.chunk}
}

// remember parses what was dropped, which has been parsed before.
func (d *document) remember() {
	if d.lines != nil {
		return
	}
	if again, err := parse(d.chunk); err == nil {
		*d = *again
	}
}

// parse decodes a document. Its errors are problems.
func parse(c chunk) (*document, error) {
	if len(c.text) > MaxDocument {
		return nil, &problem{message: fmt.Sprintf("a document of more than %d MiB: divide it, a List by its items", MaxDocument>>20)}
	}
	d := &document{chunk: c, lines: lineStarts(c.text), characters: newCharacters(c.text)}
	root, err := nodes(c)
	switch {
	case err == nil:
		d.root = root
	case !c.json:
		if _, err2 := yaml.YAMLToJSON(c.text); err2 != nil {
			err = err2 // it names the line at fault, where the other names that of what is around it
		}
		return nil, d.syntaxError(err)
	}
	if err := d.sound(d.root, 0); err != nil {
		return nil, err
	}
	return d, d.decode()
}

// decode reads the value, as kubectl does.
func (d *document) decode() error {
	encoded := d.text
	if !d.json {
		var err error
		// Not strictly: that takes what overrides a merge for a duplicate.
		if encoded, err = yaml.YAMLToJSON(d.text); err != nil {
			return d.syntaxError(err)
		}
	}
	strict, err := kjson.UnmarshalStrict(encoded, &d.value, kjson.DisallowDuplicateFields)
	if err == nil && len(strict) > 0 {
		err = strict[0]
	}
	if err != nil {
		return &problem{offset: firstContent(d.text), message: err.Error()}
	}
	return nil
}

// surrogates are the halves of characters that JSON escapes and YAML cannot.
var surrogates = regexp.MustCompile(`\\u[dD][89a-fA-F][0-9a-fA-F]{2}`)

// nodes parses a document into nodes. Where JSON differs from YAML it is made alike first, in the same length.
func nodes(c chunk) (*goyaml.Node, error) {
	text := c.text
	if c.json {
		text = surrogates.ReplaceAll(text, []byte(`\u0020`))
	}
	decoder := goyaml.NewDecoder(bytes.NewReader(text))
	var document, another goyaml.Node
	if err := decoder.Decode(&document); err != nil {
		return nil, err
	}
	switch err := decoder.Decode(&another); {
	case err == nil:
		return nil, fmt.Errorf("line %d: another document begins here without --- before it", another.Line)
	case !errors.Is(err, io.EOF):
		return nil, err // what follows would not be read
	}
	if len(document.Content) == 0 {
		return nil, errors.New("there is nothing in it")
	}
	return document.Content[0], nil
}

var (
	errorLine = regexp.MustCompile(`\bline (\d+): `)
	// lateError are those whose line is counted from 0.
	lateError = regexp.MustCompile(`^did not find expected (<|node content|key|'|the)`)
)

// syntaxError finds the line that a parser's error names.
func (d *document) syntaxError(err error) error {
	message := strings.TrimPrefix(err.Error(), "error converting YAML to JSON: ")
	message = strings.TrimPrefix(message, "yaml: ")
	at := firstContent(d.text)
	if found := errorLine.FindStringSubmatch(message); found != nil {
		message = strings.Replace(message, found[0], "", 1)
		line, err := strconv.Atoi(found[1])
		if lateError.MatchString(message) {
			line++
		}
		if err == nil && line >= 1 {
			at = min(d.lines[min(line, len(d.lines))-1], len(bytes.TrimRight(d.text, blanks)))
		}
	}
	if strings.HasPrefix(message, "invalid map key") {
		message = "a key that is no text"
	}
	// Further errors of the same document name lines of the document, not of the file.
	message, _, _ = strings.Cut(message, "\n")
	return &problem{offset: at, message: message}
}

// sound fails for a document that is nested too deep, or that says something twice: kubectl would take one of the two and say nothing. Aliases are not
// followed: the decoder bounds what they expand to.
func (d *document) sound(n *goyaml.Node, depth int) error {
	if n == nil {
		return nil
	}
	if depth > MaxDepth {
		return &problem{offset: d.offsetOf(n), message: fmt.Sprintf("nested more than %d deep", MaxDepth)}
	}
	seen := make(map[string]bool)
	for i, child := range n.Content {
		if isKey := n.Kind == goyaml.MappingNode && i%2 == 0; isKey && child.Kind == goyaml.ScalarNode {
			if seen[child.Value] {
				return &problem{offset: d.offsetOf(child), message: fmt.Sprintf("the field %q is there twice", child.Value)}
			}
			seen[child.Value] = child.Tag != mergeTag
		}
		if err := d.sound(child, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// lineStarts are the offsets at which lines begin, by all the breaks that YAML 1.1 knows.
func lineStarts(text []byte) []int {
	starts := []int{0}
	for at := 0; at < len(text); {
		width := breakWidth(text[at:])
		if width > 0 {
			starts = append(starts, at+width)
		}
		at += max(width, 1)
	}
	return starts
}

func breakWidth(text []byte) int {
	switch {
	case bytes.HasPrefix(text, []byte("\r\n")):
		return 2
	case text[0] == '\n', text[0] == '\r':
		return 1
	case bytes.HasPrefix(text, []byte("\u0085")):
		return 2
	case bytes.HasPrefix(text, []byte("\u2028")), bytes.HasPrefix(text, []byte("\u2029")):
		return 3
	}
	return 0
}

// offsetOf is where in the document a node begins.
func (d *document) offsetOf(n *goyaml.Node) int {
	if n.Line < 1 || n.Line > len(d.lines) {
		return len(d.text)
	}
	return d.characters.offset(d.characters.before(d.lines[n.Line-1]) + n.Column - 1)
}

// lineOf is where the line of an offset begins.
func (d *document) lineOf(offset int) int {
	return d.lines[sort.SearchInts(d.lines, offset+1)-1]
}
