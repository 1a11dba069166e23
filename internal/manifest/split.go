// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// chunk is the text of one document, and where in the input it begins.
type chunk struct {
	text   []byte
	offset int
	json   bool
}

// split takes the text of an input apart into its documents, without those that hold nothing.
func split(text []byte) []chunk {
	if chunks := splitJSON(text); chunks != nil {
		return chunks
	}
	return splitYAML(text)
}

// splitJSON answers nil for what is not a stream of JSON objects from start to end. YAML may begin with a brace, too.
func splitJSON(text []byte) []chunk {
	if trimmed := bytes.TrimLeft(text, " \t\r\n"); len(trimmed) == 0 || trimmed[0] != '{' {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	var chunks []chunk
	for {
		var value json.RawMessage
		err := decoder.Decode(&value)
		if errors.Is(err, io.EOF) {
			return chunks
		}
		if err != nil {
			return nil
		}
		start := int(decoder.InputOffset()) - len(value)
		chunks = append(chunks, chunk{text: text[start : start+len(value)], offset: start, json: true})
	}
}

// splitYAML cuts before each line that begins with `---` and after each that begins with `...`. Nothing in a document can look like them.
func splitYAML(text []byte) []chunk {
	var chunks []chunk
	start := 0
	cut := func(end int) {
		if c := (chunk{text: text[start:end], offset: start}); !c.blank() {
			chunks = append(chunks, c)
		}
		start = end
	}
	for at := 0; at < len(text); {
		next := lineEnd(text, at)
		switch line := text[at:next]; {
		case marks(line, "---"):
			cut(at)
		case marks(line, "..."):
			cut(next)
		}
		at = next
	}
	cut(len(text))
	return chunks
}

// marks says whether a line is a marker of documents.
func marks(line []byte, marker string) bool {
	rest, found := bytes.CutPrefix(line, []byte(marker))
	return found && (len(rest) == 0 || bytes.IndexByte([]byte(" \t\r\n"), rest[0]) >= 0)
}

// lineEnd is where the line after the one at an offset begins.
func lineEnd(text []byte, at int) int {
	if i := bytes.IndexByte(text[at:], '\n'); i >= 0 {
		return at + i + 1
	}
	return len(text)
}

// blank says whether there is nothing in a chunk but comments, directives and markers.
func (c chunk) blank() bool {
	for at := 0; at < len(c.text); {
		next := lineEnd(c.text, at)
		line := c.text[at:next]
		at = next
		if marks(line, "---") {
			line = line[len("---"):]
		}
		content := bytes.TrimSpace(line)
		if len(content) > 0 && content[0] != '#' && line[0] != '%' && !marks(line, "...") {
			return false
		}
	}
	return true
}
