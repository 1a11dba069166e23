// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// defaultWidth is that of a terminal nobody widened, and of output that is none.
const defaultWidth = 80

// screen is where the demo shows things: a terminal, or a file or pipe that gets plain lines.
type screen struct {
	out io.Writer
	style
	began time.Time
	// size answers the terminal's width and height; nil when out is none.
	size func() (width, height int)
	// drawn is how many lines of the live table stand above the cursor.
	drawn int
	step  int
}

func newScreen(file *os.File) *screen {
	s := &screen{out: file, began: time.Now()}
	fd := int(file.Fd())
	if !term.IsTerminal(fd) || os.Getenv("TERM") == "dumb" {
		return s
	}
	s.colour = os.Getenv("NO_COLOR") == ""
	s.size = func() (int, int) {
		width, height, err := term.GetSize(fd)
		if err != nil || width <= 0 || height <= 0 {
			return defaultWidth, 24
		}
		return width, height
	}
	return s
}

// live tells whether what was drawn can be drawn over.
func (s *screen) live() bool { return s.size != nil }

func (s *screen) width() int {
	if s.size == nil {
		return defaultWidth
	}
	width, _ := s.size()
	return width
}

func (s *screen) since() string {
	return fmt.Sprintf("%.1fs", time.Since(s.began).Seconds())
}

// print prints. There is nobody to tell when it cannot: a pipe that is closed ends the demo by its signal.
func (s *screen) print(format string, args ...any) {
	_, _ = fmt.Fprintf(s.out, format, args...)
}

// heading begins a part of the demo, and tells when.
func (s *screen) heading(text string) {
	s.step++
	s.print("\n%s  %s\n", s.paint(strong, fmt.Sprintf("%d. %s", s.step, text)), s.paint(faint, s.since()))
}

// say prints a paragraph, indented and wrapped.
func (s *screen) say(format string, args ...any) {
	for _, line := range wrap(fmt.Sprintf(format, args...), s.width()-2) {
		s.print("  %s\n", line)
	}
}

// quote prints text as it is, indented.
func (s *screen) quote(text string, t tone) {
	for line := range strings.Lines(text) {
		s.print("    %s\n", s.paint(t, strings.TrimRight(line, "\n")))
	}
}

// item prints "name   text", wrapped beside the name.
func (s *screen) item(name, text string) {
	for _, line := range labelled("  "+shorten(name, nameColumn), nameColumn+2, text, s.width()) {
		s.print("%s\n", line)
	}
}

// tell prints changes, with the time since the beginning. Output that is none of a terminal gets them
// in full: nobody can widen it afterwards.
func (s *screen) tell(notes []note) {
	if s.live() {
		return
	}
	for _, n := range notes {
		line := fmt.Sprintf("%7s  %s %s", s.since(), pad(shorten(n.namespace, nameColumn), nameColumn), n.text)
		for _, part := range hang(line, len("1234567  12"), defaultWidth) {
			s.print("%s\n", part)
		}
	}
}

// draw draws the board over the one before. What holds each namespace is left out while it does not fit.
func (s *screen) draw(b *board) {
	if !s.live() {
		return
	}
	width, height := s.size()
	lines := s.frame(b, width, true)
	if len(lines) >= height {
		lines = s.frame(b, width, false)
	}
	s.replace(lines[:min(len(lines), height-1)])
}

// settle draws the board for the last time, in full: what is above may scroll now.
func (s *screen) settle(b *board) {
	if !s.live() {
		s.print("%7s  %s\n", s.since(), b.counts())
		return
	}
	s.replace(s.frame(b, s.width(), true))
	s.release()
}

func (s *screen) frame(b *board, width int, details bool) []string {
	lines := table(b.sorted(), width, details, s.style)
	return append(lines, shorten(fmt.Sprintf("  %s  %s", s.since(), b.counts()), width))
}

// replace writes lines over those drawn before, with the cursor hidden meanwhile.
func (s *screen) replace(lines []string) {
	var out strings.Builder
	out.WriteString("\x1b[?25l")
	if s.drawn > 0 {
		fmt.Fprintf(&out, "\x1b[%dA\r", s.drawn)
	}
	for _, line := range lines {
		out.WriteString(line + "\x1b[K\n")
	}
	out.WriteString("\x1b[J")
	s.drawn = len(lines)
	s.print("%s", out.String())
}

// release leaves what is drawn where it is and gives the cursor back.
func (s *screen) release() {
	if s.live() {
		s.print("\x1b[?25h")
	}
	s.drawn = 0
}
