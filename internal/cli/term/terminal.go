// SPDX-License-Identifier: Apache-2.0

package term

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"
	xterm "golang.org/x/term"
)

// The values of --color.
const (
	ColourAuto   = "auto"
	ColourAlways = "always"
	ColourNever  = "never"
)

// leastWidth is what a narrower terminal is taken for: below it nothing can be laid out.
const leastWidth = 40

// Style is what a text means; its colour follows.
type Style int

// The styles.
const (
	Plain  Style = iota
	Strong       // what to look at first
	Muted        // what is there for completeness
	Good         // complies, done
	Warn         // waits, moves by itself
	Bad          // violates, waits for a person
)

var colours = map[Style]text.Colors{
	Strong: {text.Bold},
	Muted:  {text.FgHiBlack},
	Good:   {text.FgGreen},
	Warn:   {text.FgYellow},
	Bad:    {text.FgRed},
}

// Options are the flags that say how to write.
type Options struct {
	Colour string
}

// AddFlags adds --color.
func (o *Options) AddFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.Colour, "color", ColourAuto, "Colour the output: auto (on a terminal, unless NO_COLOR is set), always or never")
	_ = cmd.RegisterFlagCompletionFunc("color", cobra.FixedCompletions([]cobra.Completion{ColourAuto, ColourAlways, ColourNever}, cobra.ShellCompDirectiveNoFileComp))
}

// Terminal is where a command writes.
type Terminal struct {
	io.Writer
	// Colour is whether colours are written.
	Colour bool
	// Width and Height are those of the terminal, 0 where there is none: nothing is wrapped then.
	Width, Height int
}

// Open finds out what the output takes. It errs on a colour that is none.
func (o Options) Open(out io.Writer) (*Terminal, error) {
	t := &Terminal{Writer: out}
	if width, height, ok := size(out); ok {
		t.Width, t.Height = max(width, leastWidth), height
	}
	switch o.Colour {
	case ColourAlways:
		t.Colour = true
	case ColourNever:
	case ColourAuto, "":
		t.Colour = t.Interactive() && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	default:
		return nil, fmt.Errorf("--color %q is none of %s, %s and %s", o.Colour, ColourAuto, ColourAlways, ColourNever)
	}
	return t, nil
}

// Interactive is whether somebody looks at it as it is written.
func (t *Terminal) Interactive() bool { return t.Width > 0 }

// size answers the size of a terminal, and false where there is none. COLUMNS stands in for a width that the terminal does not tell.
func size(out io.Writer) (width, height int, ok bool) {
	file, isFile := out.(*os.File)
	if !isFile || !xterm.IsTerminal(int(file.Fd())) {
		return 0, 0, false
	}
	width, height, err := xterm.GetSize(int(file.Fd()))
	if err != nil || width <= 0 {
		const usual = 80
		if width, err = strconv.Atoi(os.Getenv("COLUMNS")); err != nil || width <= 0 {
			width = usual
		}
	}
	return width, height, true
}

// Paint colours a text.
func (t *Terminal) Paint(style Style, s string) string {
	colour, has := colours[style]
	if !t.Colour || !has || s == "" {
		return s
	}
	return colour.EscapeSeq() + s + text.Reset.EscapeSeq()
}

// Line writes a line.
func (t *Terminal) Line(s string) { fmt.Fprintln(t, s) }

// Linef writes a line by a format.
func (t *Terminal) Linef(format string, args ...any) { fmt.Fprintf(t, format+"\n", args...) }

// Text writes a paragraph in one style, each of its lines indented, wrapped to the width.
func (t *Terminal) Text(style Style, indent int, s string) {
	margin := strings.Repeat(" ", indent)
	for _, line := range t.wrap(s, t.Width-indent) {
		t.Line(margin + t.Paint(style, line))
	}
}

// labelWidth is what labels of fields are padded to.
const labelWidth = 12

// Field writes a label, and a text in one style beside it, wrapped to the width.
func (t *Terminal) Field(label string, style Style, s string) {
	const margin = "  "
	indent := max(labelWidth, len(label)) + len(margin) + 1
	for i, line := range t.wrap(s, t.Width-indent) {
		start := strings.Repeat(" ", indent)
		if i == 0 {
			start = fmt.Sprintf("%s%-*s ", margin, labelWidth, label)
		}
		t.Line(start + t.Paint(style, line))
	}
}

// wrap breaks a text at spaces into lines of at most a width, and within words that are longer. Without a terminal only its own newlines break it.
func (t *Terminal) wrap(s string, width int) []string {
	if t.Interactive() && text.LongestLineLen(s) > width {
		s = text.WrapSoft(s, width)
	}
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return lines
}

// Bar is a bar of so many cells that is done by a part of a total, with the percentage. A total of nothing is all done.
func (t *Terminal) Bar(done, total, cells int) string {
	percent, filled := 100, cells
	if total > 0 {
		percent, filled = done*100/total, done*cells/total
	}
	style := Warn
	if done >= total {
		style = Good
	}
	return t.Paint(style, strings.Repeat("█", filled)) + t.Paint(Muted, strings.Repeat("░", cells-filled)) + fmt.Sprintf(" %3d%%", percent)
}

// Count is a number of things: "1 pod", "2 pods".
func Count(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}
