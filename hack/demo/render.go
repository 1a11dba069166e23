// SPDX-License-Identifier: Apache-2.0

package main

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

// The columns of the table: "privileged" and "restricted" fit a level's.
const (
	nameColumn  = 16
	levelColumn = 10
)

// detailIndent is how far a line that goes with the one above is indented.
const detailIndent = "      "

// style paints text, or leaves it alone.
type style struct {
	colour bool
}

func (s style) paint(t tone, text string) string {
	code := map[tone]string{good: "32", moving: "36", bad: "33", faint: "2", strong: "1"}[t]
	if !s.colour || code == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// cell is one column of a line: its text cut and padded to its width, then painted.
type cell struct {
	text  string
	width int
	tone  tone
}

// line renders the cells, as many as fit in width columns. The last one is not padded: a terminal whose
// last column is written to may break the line.
func (s style) line(width int, cells ...cell) string {
	var line strings.Builder
	left := width - len(" ")
	for i, c := range cells {
		c.width = min(c.width, left-len(" "))
		if c.width <= 0 {
			break
		}
		text := shorten(c.text, c.width)
		if i < len(cells)-1 {
			text = pad(text, c.width)
		}
		line.WriteString(" " + s.paint(c.tone, text))
		left -= len(" ") + c.width
	}
	return " " + line.String()
}

// levelCells are the columns of the three modes.
func levelCells(labels map[string]string) []cell {
	var cells []cell
	for _, mode := range []v1alpha1.Mode{v1alpha1.ModeEnforce, v1alpha1.ModeWarn, v1alpha1.ModeAudit} {
		level, t := labels[labelKeys[mode][0]], plain
		if level == "" {
			level, t = "-", faint
		}
		cells = append(cells, cell{level, levelColumn, t})
	}
	return cells
}

// table renders the rows in at most width columns, with what holds each below it when details is set.
func table(rows []row, width int, details bool, s style) []string {
	head := []cell{{"NAMESPACE", nameColumn, faint}}
	for _, title := range []string{"ENFORCE", "WARN", "AUDIT"} {
		head = append(head, cell{title, levelColumn, faint})
	}
	lines := []string{s.line(width, append(head, cell{"STATE", width, faint})...)}
	for _, r := range rows {
		cells := append([]cell{{r.name, nameColumn, plain}}, levelCells(r.labels)...)
		lines = append(lines, s.line(width, append(cells, cell{r.state(), width, r.tone()})...))
		if why := r.why(); details && why != "" {
			lines = append(lines, detailIndent+s.paint(faint, shorten(why, width-len(detailIndent))))
		}
	}
	return lines
}

// counted is the end of a message that counts the workloads it does not name.
var counted = regexp.MustCompile(`, and \d+ more workloads?$`)

// shorten cuts text to width characters. What is counted at the end outlives what is told in the middle.
func shorten(text string, width int) string {
	if utf8.RuneCountInString(text) <= width {
		return text
	}
	end := counted.FindString(text)
	room := width - 1 - utf8.RuneCountInString(end)
	if room < width/3 {
		end, room = "", width-1
	}
	if room < 0 {
		return ""
	}
	runes := []rune(strings.TrimSuffix(text, end))
	return strings.TrimRight(string(runes[:min(room, len(runes))]), " ,") + "…" + end
}

func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text)))
}

// wrap breaks text at spaces into lines of at most width characters. A word that is longer stays whole.
func wrap(text string, width int) []string {
	return hang(text, 0, width)
}

// hang is wrap with every line but the first indented. Spaces at the breaks go, others stay.
func hang(text string, indent, width int) []string {
	var lines []string
	margin := ""
	for {
		end := breakAt(text, width-len(margin))
		lines = append(lines, margin+text[:end])
		text = strings.TrimLeft(text[end:], " ")
		if text == "" {
			return lines
		}
		margin = strings.Repeat(" ", indent)
	}
}

// breakAt answers where to break text for a line of at most width characters: at the last space that
// comes after a word, or else after the first word.
func breakAt(text string, width int) int {
	if utf8.RuneCountInString(text) <= width {
		return len(text)
	}
	best, seen := 0, 0
	for i, r := range text {
		if r == ' ' && (seen <= width || best == 0) && strings.TrimLeft(text[:i], " ") != "" {
			best = i
		}
		seen++
	}
	if best == 0 {
		return len(text)
	}
	return len(strings.TrimRight(text[:best], " "))
}

// labelled renders "name   text" with the text wrapped beside the name.
func labelled(name string, column int, text string, width int) []string {
	return hang(pad(name, column)+" "+text, column+1, width)
}
