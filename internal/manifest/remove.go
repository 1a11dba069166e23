// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"bytes"

	goyaml "go.yaml.in/yaml/v3"
)

// children are the entries of a mapping or the items of a sequence: where each begins, and its last node.
type children struct {
	starts []int
	values []*goyaml.Node
}

func (p *plan) childrenOf(n *goyaml.Node) children {
	var c children
	step := 1
	if n.Kind == goyaml.MappingNode {
		step = 2
	}
	for i := 0; i+step <= len(n.Content); i += step {
		c.starts = append(c.starts, p.beginning(n, i))
		c.values = append(c.values, n.Content[i+step-1])
	}
	return c
}

// removeEntries removes entries of a mapping or items of a sequence.
func (p *plan) removeEntries(n *goyaml.Node, indexes map[int]bool) error {
	c := p.childrenOf(n)
	switch {
	case n.Style&goyaml.FlowStyle != 0:
		return p.removeFlow(c, indexes)
	case len(indexes) == len(c.starts):
		return p.empty(n, c)
	}
	last := len(c.starts) - 1
	for i := 0; i <= last; i++ {
		if !indexes[i] {
			continue
		}
		if line := p.lineOf(c.starts[i]); len(bytes.TrimSpace(p.document.text[line:c.starts[i]])) == 0 {
			p.splices = append(p.splices, splice{start: line, end: p.blockEnd(c.values[i])})
			continue
		}
		// It shares its line with a dash. The next one that stays moves up.
		start := c.starts[i]
		for i < last && indexes[i+1] {
			i++
		}
		if i == last {
			return errUnknownForm
		}
		p.splices = append(p.splices, splice{start: start, end: c.starts[i+1]})
	}
	return nil
}

// removeFlow removes each with the comma after it, and the last ones with the comma before them.
func (p *plan) removeFlow(c children, indexes map[int]bool) error {
	last := len(c.starts) - 1
	kept := last
	for kept >= 0 && indexes[kept] {
		kept--
	}
	for i := range kept {
		if indexes[i] {
			p.splices = append(p.splices, splice{start: c.starts[i], end: c.starts[i+1]})
		}
	}
	if kept == last {
		return nil
	}
	start := c.starts[0]
	if kept >= 0 {
		end, err := p.endOf(c.values[kept])
		if err != nil {
			return err
		}
		start = end
	}
	end, err := p.endOf(c.values[last])
	p.splices = append(p.splices, splice{start: start, end: end})
	return err
}

// empty writes braces in the place of a block of which nothing is left.
func (p *plan) empty(n *goyaml.Node, c children) error {
	braces := "{}"
	if n.Kind == goyaml.SequenceNode {
		braces = "[]"
	}
	start, end := c.starts[0], p.blockEnd(n)
	end -= len(p.document.text[:end]) - len(bytes.TrimRight(p.document.text[:end], "\r\n"))
	if before := p.skipBack(start); before > 0 && p.document.text[before-1] == ':' {
		start, braces = before, " "+braces
	}
	p.splices = append(p.splices, splice{start: start, end: end, text: braces})
	return nil
}
