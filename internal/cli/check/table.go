// SPDX-License-Identifier: Apache-2.0

package check

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// The colours of a terminal that takes them.
const (
	bold  = "\x1b[1m"
	red   = "\x1b[31m"
	faint = "\x1b[2m"
	reset = "\x1b[0m"
)

// String is the kind and the name, with the namespace where there is one.
func (o Object) String() string {
	if o.Namespace != "" {
		return o.Kind + " " + o.Namespace + "/" + o.Name
	}
	return o.Kind + " " + o.Name
}

// painter colours text, or not.
type painter bool

func (p painter) paint(colour, text string) string {
	if !p {
		return text
	}
	return colour + text + reset
}

// writeTable writes findings by file and object, and then what to do about them.
func writeTable(w io.Writer, r *Report, p painter) error {
	findings := slices.Clone(r.Findings)
	// The findings of an object stand together, objects in the order of their first finding.
	first := map[string]int{}
	for i, f := range findings {
		if _, seen := first[f.group()]; !seen {
			first[f.group()] = i
		}
	}
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(first[a.group()], first[b.group()]))
	})
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	var file, group string
	for _, f := range findings {
		if f.File != file {
			flush(table, &group)
			fmt.Fprintln(table, p.paint(bold, f.File))
			file = f.File
		}
		if f.group() != group {
			flush(table, &group)
			fmt.Fprintf(table, "  %s violates %s:%s\n", f.Object, f.Level, f.Version)
			group = f.group()
		}
		fmt.Fprintf(table, "    %s\t%s\t%s\n", p.paint(faint, fmt.Sprintf("%d:%d", f.Line, f.Column)), p.paint(red, f.Check), f.Message)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	return writeRemedies(w, findings, p)
}

func (f Finding) group() string {
	return strings.Join([]string{f.File, f.Object.String(), f.Level, f.Version}, "\x00")
}

// flush ends the columns of a group. What cannot be written is told by the last flush.
func flush(table *tabwriter.Writer, group *string) {
	_ = table.Flush()
	*group = ""
}

func writeRemedies(w io.Writer, findings []Finding, p painter) error {
	texts := map[string]string{}
	for _, f := range findings {
		texts[f.Check] = f.Remedy
	}
	if len(texts) == 0 {
		return nil
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\n"+p.paint(bold, "To comply:"))
	for _, f := range findings {
		if text, unsaid := texts[f.Check]; unsaid {
			fmt.Fprintf(table, "  %s\t%s\n", p.paint(red, f.Check), text)
			delete(texts, f.Check)
		}
	}
	return table.Flush()
}
