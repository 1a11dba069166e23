// SPDX-License-Identifier: Apache-2.0

package term

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jedib0t/go-pretty/v6/text"
)

func TestColourOfNoTerminal(t *testing.T) {
	tests := map[string]struct {
		colour  string
		want    bool
		wantErr bool
	}{
		"auto":   {colour: ColourAuto},
		"always": {colour: ColourAlways, want: true},
		"never":  {colour: ColourNever},
		"none":   {colour: "sometimes", wantErr: true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := Options{Colour: test.colour}.Open(&bytes.Buffer{})
			if (err != nil) != test.wantErr {
				t.Fatalf("error %v, want one: %v", err, test.wantErr)
			}
			if err == nil && got.Colour != test.want {
				t.Errorf("coloured: %v, want %v", got.Colour, test.want)
			}
		})
	}
}

func TestTable(t *testing.T) {
	const long = "DaemonSet node-exporter: hostNamespaces, hostPathVolumes, hostPorts, hostProbesAndHostLifecycle"
	tests := map[string]struct {
		width int
		want  string
	}{
		"without a terminal": {want: "" +
			"NAMESPACE    PODS   HELD BY\n" +
			"monitoring     12   DaemonSet node-exporter: hostNamespaces, hostPathVolumes, hostPorts, hostProbesAndHostLifecycle\n" +
			"shop            3\n"},
		"60 columns": {width: 60, want: "" +
			"NAMESPACE    PODS   HELD BY\n" +
			"monitoring     12   DaemonSet node-exporter: hostNamespaces,\n" +
			"                    hostPathVolumes, hostPorts,\n" +
			"                    hostProbesAndHostLifecycle\n" +
			"shop            3\n"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			table := (&Terminal{Writer: &out, Width: test.width}).Table("NAMESPACE", "PODS", "HELD BY")
			table.Row(Cell{Text: "monitoring"}, Cell{Text: "12", Right: true}, Cell{Text: long})
			table.Row(Cell{Text: "shop"}, Cell{Text: "3", Right: true})
			table.Write()
			if diff := cmp.Diff(test.want, out.String()); diff != "" {
				t.Errorf("the table (-want +got):\n%s", diff)
			}
		})
	}
}

// TestTableFits holds for every width that a terminal may have, names as long as they get, and colour.
func TestTableFits(t *testing.T) {
	for width := leastWidth; width <= 200; width += 7 {
		var out bytes.Buffer
		table := (&Terminal{Writer: &out, Width: width, Colour: true}).Table("NAMESPACE", "MEETS", "HELD BY")
		table.Row(Cell{Text: strings.Repeat("namespace", 7)}, Cell{Text: "baseline", Style: Warn}, Cell{Text: strings.Repeat("hostNamespaces ", 9), Style: Bad})
		table.Write()
		for line := range strings.Lines(out.String()) {
			if got := text.StringWidthWithoutEscSequences(strings.TrimRight(line, "\n")); got > width {
				t.Errorf("at %d columns a line takes %d: %q", width, got, line)
			}
			if strings.Count(line, "\x1b[")%2 != 0 {
				t.Errorf("a colour is not ended on its line: %q", line)
			}
		}
	}
}

func TestBar(t *testing.T) {
	tests := map[string]struct {
		done, total int
		want        string
	}{
		"none":       {0, 4, "░░░░░░░░   0%"},
		"some":       {1, 3, "██░░░░░░  33%"},
		"all":        {4, 4, "████████ 100%"},
		"of nothing": {0, 0, "████████ 100%"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, (&Terminal{}).Bar(test.done, test.total, 8)); diff != "" {
				t.Errorf("the bar (-want +got):\n%s", diff)
			}
		})
	}
}

func TestScreen(t *testing.T) {
	var out bytes.Buffer
	screen := (&Terminal{Writer: &out, Width: 80, Height: 4}).Screen()
	draw := func(lines string) string {
		out.Reset()
		screen.Draw(func(page *Terminal) { page.Line(lines) })
		return out.String()
	}
	tests := []struct{ lines, want string }{
		{"a\nb", "a\x1b[K\nb\x1b[K\n\x1b[J"},
		{"a\nb", ""},
		{"c", "\x1b[2Ac\x1b[K\n\x1b[J"},
		{"1\n2\n3\n4", "\x1b[1A1\x1b[K\n2\x1b[K\n… and 2 more lines\x1b[K\n\x1b[J"},
	}
	for _, test := range tests {
		if diff := cmp.Diff(test.want, draw(test.lines)); diff != "" {
			t.Errorf("drawing %q (-want +got):\n%s", test.lines, diff)
		}
	}
}
