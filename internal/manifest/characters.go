// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"sort"
	"unicode/utf8"
)

// characters counts those of a text, which nodes and editors count columns in. A minified JSON may be one line of many megabytes, so every so often the count
// is noted.
type characters struct {
	text  []byte
	notes []int // how many begin before each multiple of interval
}

const interval = 1024

func newCharacters(text []byte) characters {
	c := characters{text: text, notes: make([]int, 0, len(text)/interval+1)}
	count := 0
	for at, b := range text {
		if at%interval == 0 {
			c.notes = append(c.notes, count)
		}
		if utf8.RuneStart(b) {
			count++
		}
	}
	return c
}

// before counts the characters that begin before an offset.
func (c characters) before(offset int) int {
	if len(c.notes) == 0 {
		return 0
	}
	note := min(offset/interval, len(c.notes)-1)
	count := c.notes[note]
	for _, b := range c.text[note*interval : offset] {
		if utf8.RuneStart(b) {
			count++
		}
	}
	return count
}

// offset is where the character begins that has so many before it, or the end.
func (c characters) offset(before int) int {
	note := max(sort.SearchInts(c.notes, before+1)-1, 0)
	if len(c.notes) == 0 {
		return 0
	}
	count := c.notes[note]
	for at := note * interval; at < len(c.text); at++ {
		if !utf8.RuneStart(c.text[at]) {
			continue
		}
		if count == before {
			return at
		}
		count++
	}
	return len(c.text)
}
