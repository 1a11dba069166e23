// SPDX-License-Identifier: Apache-2.0

package term

import (
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

const (
	columnGap = 3
	// leastLast is the least that the last column is wrapped to; before it is less, others are wrapped, down to leastOther.
	leastLast, leastOther = 24, 10
)

// Cell is one cell of a table.
type Cell struct {
	Text  string
	Style Style
	// Right aligns it to the right, as numbers are.
	Right bool
}

// Table is rows under headers, in columns as wide as what is in them. On a terminal the last column is wrapped to what is left of the width.
type Table struct {
	terminal *Terminal
	headers  []string
	rows     [][]Cell
}

// Table begins a table.
func (t *Terminal) Table(headers ...string) *Table {
	return &Table{terminal: t, headers: headers}
}

// Row adds a row. A row of fewer cells than there are headers ends with empty ones.
func (tb *Table) Row(cells ...Cell) {
	tb.rows = append(tb.rows, cells)
}

// Write writes the table.
func (tb *Table) Write() {
	w := table.NewWriter()
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft, style.Box.PaddingRight = "", strings.Repeat(" ", columnGap)
	style.Format.Header = text.FormatDefault
	w.SetStyle(style)
	w.SuppressTrailingSpaces()
	w.SetOutputMirror(tb.terminal)
	widths := tb.widths()
	w.AppendHeader(tb.header())
	w.SetColumnConfigs(tb.columns())
	for _, row := range tb.rows {
		cells := make(table.Row, len(tb.headers))
		for i := range cells {
			cells[i] = ""
			if i < len(row) {
				cells[i] = tb.cell(row[i], i, widths)
			}
		}
		w.AppendRow(cells)
	}
	w.Render()
}

func (tb *Table) header() table.Row {
	row := make(table.Row, len(tb.headers))
	for i, h := range tb.headers {
		row[i] = tb.terminal.Paint(Strong, h)
	}
	return row
}

func (tb *Table) columns() []table.ColumnConfig {
	configs := make([]table.ColumnConfig, len(tb.headers))
	for i := range configs {
		configs[i] = table.ColumnConfig{Number: i + 1, Align: text.AlignLeft, AlignHeader: text.AlignLeft}
		if len(tb.rows) > 0 && i < len(tb.rows[0]) && tb.rows[0][i].Right {
			configs[i].Align, configs[i].AlignHeader = text.AlignRight, text.AlignRight
		}
	}
	return configs
}

// cell wraps and colours a cell: each of its lines by itself, since a terminal goes on with a colour into the next column.
func (tb *Table) cell(c Cell, column int, widths []int) string {
	lines := []string{c.Text}
	if strings.Contains(c.Text, "\n") || widths[column] > 0 {
		lines = tb.terminal.wrap(c.Text, widths[column])
	}
	for i := range lines {
		lines[i] = tb.terminal.Paint(c.Style, lines[i])
	}
	return strings.Join(lines, "\n")
}

// widths answers how wide each column may be, 0 where it is not bounded: the last one takes what the others leave, and when that is too little the widest of
// those give.
func (tb *Table) widths() []int {
	bounds := make([]int, len(tb.headers))
	if !tb.terminal.Interactive() {
		return bounds
	}
	last := len(bounds) - 1
	left := tb.terminal.Width
	for i := range last {
		bounds[i] = tb.widest(i)
		left -= bounds[i] + columnGap
	}
	for ; left < leastLast && last > 0; left++ {
		widest := 0
		for i := range last {
			if bounds[i] > bounds[widest] {
				widest = i
			}
		}
		if bounds[widest] <= leastOther {
			break
		}
		bounds[widest]--
	}
	bounds[last] = max(left, leastOther)
	return bounds
}

func (tb *Table) widest(column int) int {
	widest := text.StringWidthWithoutEscSequences(tb.headers[column])
	for _, row := range tb.rows {
		if column < len(row) {
			widest = max(widest, text.LongestLineLen(row[column].Text))
		}
	}
	return widest
}
