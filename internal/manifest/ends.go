// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"bytes"

	goyaml "go.yaml.in/yaml/v3"
)

// Nodes say where they begin; this file finds where they end.

const blanks = " \t\r\n"

// skipBack is the end of what stands before an offset, without blanks.
func (d *document) skipBack(at int) int {
	return len(bytes.TrimRight(d.text[:at], blanks))
}

// blockEnd is the end of the last line that belongs to a node which ends with its line. Comments after it are left to what follows.
func (p *plan) blockEnd(n *goyaml.Node) int {
	leaf := n
	for len(leaf.Content) > 0 && leaf.Style&goyaml.FlowStyle == 0 {
		leaf = leaf.Content[len(leaf.Content)-1]
	}
	start, limit := p.offsetOf(leaf), p.next[n]
	if leaf.Style&(goyaml.LiteralStyle|goyaml.FoldedStyle) != 0 {
		return p.textEnd(start, limit)
	}
	first := lineEnd(p.document.text, start)
	end := first
	for at := first; at < limit; {
		next := lineEnd(p.document.text, at)
		if next > limit {
			break // the line on which the next one begins
		}
		if line := bytes.TrimSpace(p.document.text[at:next]); len(line) > 0 && line[0] != '#' {
			end = next
		}
		at = next
	}
	return end
}

// textEnd is where a text in lines (`|` or `>`) ends that begins at an offset. What looks like a comment in it is text, and so are blank lines after `|+`.
func (p *plan) textEnd(start, limit int) int {
	header := lineEnd(p.document.text, start)
	keep := bytes.IndexByte(p.document.text[start:header], '+') >= 0
	end, indent := header, -1
	for at := header; at < limit; {
		next := lineEnd(p.document.text, at)
		line := p.document.text[at:next]
		content := bytes.TrimLeft(line, " ")
		if blank := len(bytes.TrimSpace(line)) == 0; blank {
			if keep {
				end = next
			}
			at = next
			continue
		}
		if indent < 0 {
			indent = len(line) - len(content)
		}
		if indent == 0 || len(line)-len(content) < indent {
			break
		}
		at, end = next, next
	}
	return end
}

// endOf is the end of a node in one piece: a scalar, an alias, or what is in brackets.
func (p *plan) endOf(n *goyaml.Node) (int, error) {
	start := p.offsetOf(n)
	switch {
	case n.Anchor != "" || n.Style&goyaml.TaggedStyle != 0:
		return start, errUnknownForm
	case n.Kind == goyaml.AliasNode:
		return endOfWord(p.document.text, start, "*"+n.Value)
	case n.Kind == goyaml.ScalarNode:
		return endOfScalar(p.document.text, start, n)
	case n.Style&goyaml.FlowStyle != 0:
		return p.endOfBrackets(n, start)
	}
	return start, errUnknownForm
}

func endOfScalar(text []byte, start int, n *goyaml.Node) (int, error) {
	switch {
	case n.Style&goyaml.DoubleQuotedStyle != 0:
		return endOfQuoted(text, start, '"')
	case n.Style&goyaml.SingleQuotedStyle != 0:
		return endOfQuoted(text, start, '\'')
	case n.Style == 0 && n.Value != "":
		return endOfWord(text, start, n.Value)
	}
	return start, errUnknownForm
}

func endOfWord(text []byte, start int, word string) (int, error) {
	if !bytes.HasPrefix(text[start:], []byte(word)) {
		return start, errUnknownForm
	}
	return start + len(word), nil
}

func endOfQuoted(text []byte, start int, quote byte) (int, error) {
	for at := start + 1; at < len(text); at++ {
		switch {
		case quote == '"' && text[at] == '\\':
			at++
		case text[at] != quote:
		case quote == '\'' && at+1 < len(text) && text[at+1] == quote:
			at++
		default:
			return at + 1, nil
		}
	}
	return start, errUnknownForm
}

// endOfBrackets goes from the end of what is in them over commas and comments.
func (p *plan) endOfBrackets(n *goyaml.Node, start int) (int, error) {
	text, at := p.document.text, start+1
	if len(n.Content) > 0 {
		end, err := p.endOf(n.Content[len(n.Content)-1])
		if err != nil {
			return start, err
		}
		at = end
	}
	for ; at < len(text); at++ {
		switch text[at] {
		case ' ', '\t', '\r', '\n', ',':
		case '#':
			at = lineEnd(text, at) - 1
		case '}', ']':
			return at + 1, nil
		default:
			return start, errUnknownForm
		}
	}
	return start, errUnknownForm
}

// colon is the end of the colon after the key of an entry.
func (p *plan) colon(e entry) (int, error) {
	if e.key == nil {
		return 0, errUnknownForm
	}
	end, err := p.endOf(e.key)
	if err != nil {
		return end, err
	}
	text := p.document.text
	for end < len(text) && (text[end] == ' ' || text[end] == '\t') {
		end++
	}
	return endOfWord(text, end, ":")
}
