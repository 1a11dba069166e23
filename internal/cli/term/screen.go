// SPDX-License-Identifier: Apache-2.0

package term

import (
	"bytes"
	"fmt"
	"strings"
)

// Screen is a part of a terminal that is drawn over and over in the same place. Where there is no terminal each drawing follows the one before.
type Screen struct {
	terminal *Terminal
	lines    int
	last     string
}

// Screen begins one where the terminal is.
func (t *Terminal) Screen() *Screen { return &Screen{terminal: t} }

// Draw draws what a function writes. What is as it was is not drawn again, and what does not fit on the terminal is cut off and said to be.
func (s *Screen) Draw(write func(*Terminal)) {
	var buffer bytes.Buffer
	page := *s.terminal
	page.Writer = &buffer
	write(&page)
	drawing := buffer.String()
	if drawing == s.last {
		return
	}
	s.last = drawing
	if !s.terminal.Interactive() {
		fmt.Fprint(s.terminal, drawing)
		return
	}
	lines := strings.Split(strings.TrimRight(drawing, "\n"), "\n")
	if room := s.terminal.Height - 1; room > 1 && len(lines) > room {
		hidden := len(lines) - room + 1
		lines = append(lines[:room-1], s.terminal.Paint(Muted, fmt.Sprintf("… and %d more lines", hidden)))
	}
	if s.lines > 0 {
		fmt.Fprintf(s.terminal, "\x1b[%dA", s.lines)
	}
	for _, line := range lines {
		fmt.Fprint(s.terminal, line, "\x1b[K\n")
	}
	fmt.Fprint(s.terminal, "\x1b[J")
	s.lines = len(lines)
}
