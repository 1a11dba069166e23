// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"io/fs"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	// testNamed is a test's name as the pages write it.
	testNamed = regexp.MustCompile("`(Test[A-Z][A-Za-z0-9]*)`")
	// testDeclared is a test's declaration.
	testDeclared = regexp.MustCompile(`(?m)^func (Test[A-Z][A-Za-z0-9]*)\(`)
)

// A test that a page names as its witness is there.
func TestNamedTestsExist(t *testing.T) {
	there := declaredTests(t)
	for _, name := range slices.Sorted(maps.Keys(pages(t))) {
		for _, found := range testNamed.FindAllStringSubmatch(text(t, name), -1) {
			if !there[found[1]] {
				t.Errorf("%s names %s, and no test has that name", name, found[1])
			}
		}
	}
}

// Every threat has a control, and a test that shows it.
func TestEveryThreatHasATest(t *testing.T) {
	rows := threats(text(t, "docs/security.md"))
	if len(rows) == 0 {
		t.Fatal("docs/security.md has no table of threats")
	}
	for _, cells := range rows {
		if len(cells) != 3 || cells[1] == "" || !testNamed.MatchString(cells[2]) {
			t.Errorf("docs/security.md: want a threat, its control, and at least one test: %q", cells)
		}
	}
}

// threats answers the cells of the rows of the table below the heading Threats.
func threats(page string) [][]string {
	_, chapter, _ := strings.Cut(page, "\n## Threats\n")
	chapter, _, _ = strings.Cut(chapter, "\n## ")
	var rows [][]string
	for line := range strings.Lines(chapter) {
		if !strings.HasPrefix(line, "| **") {
			continue
		}
		var cells []string
		for cell := range strings.SplitSeq(strings.Trim(strings.TrimSpace(line), "|"), "|") {
			cells = append(cells, strings.TrimSpace(cell))
		}
		rows = append(rows, cells)
	}
	return rows
}

func TestThreats(t *testing.T) {
	const page = "# X\n\n## Threats\n\n| threat | control | tests |\n|---|---|---|\n| **A** | b | `TestC` |\n| **D** | e | none |\n\n## Other\n\n| **F** | g | h |\n"
	rows := threats(page)
	if len(rows) != 2 || !slices.Equal(rows[0], []string{"**A**", "b", "`TestC`"}) || testNamed.MatchString(rows[1][2]) {
		t.Errorf("rows %q", rows)
	}
}

// declaredTests answers the names of all tests of the repository.
func declaredTests(t *testing.T) map[string]bool {
	t.Helper()
	there := map[string]bool{}
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (name == "bin" || name == "dist" || strings.HasPrefix(path.Base(name), ".") && name != "."):
			return fs.SkipDir
		case !strings.HasSuffix(name, "_test.go"):
			return nil
		}
		for _, found := range testDeclared.FindAllStringSubmatch(text(t, name), -1) {
			there[found[1]] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return there
}
