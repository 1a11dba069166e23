// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	gmtext "github.com/yuin/goldmark/text"
)

// root is the repository.
const root = "../.."

// page is what the tests ask of a Markdown file.
type page struct {
	// path is relative to the repository, with slashes.
	path     string
	headings []heading
	links    []link
	images   []string
	// fences are the fenced code blocks.
	fences []fence
}

type heading struct {
	level int
	text  string
	// code is whether the whole heading is one code span.
	code bool
	// empty is whether nothing stands between it and the next of its level or above.
	empty bool
}

type link struct{ to, text string }

type fence struct {
	language, text string
}

// pages answers README.md and every Markdown file below docs, by path.
func pages(t *testing.T) map[string]*page {
	t.Helper()
	paths := []string{"README.md"}
	err := fs.WalkDir(os.DirFS(root), "docs", func(name string, _ fs.DirEntry, err error) error {
		if path.Ext(name) == ".md" {
			paths = append(paths, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]*page{}
	for _, name := range paths {
		all[name] = read(t, name)
	}
	return all
}

func read(t *testing.T, name string) *page {
	t.Helper()
	return parse(name, []byte(text(t, name)))
}

// text is a file of the repository.
func text(t *testing.T, name string) string {
	t.Helper()
	source, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(source)
}

func parse(name string, source []byte) *page {
	p := &page{path: name}
	tree := goldmark.New(goldmark.WithExtensions(extension.GFM)).Parser().Parse(gmtext.NewReader(source))
	_ = ast.Walk(tree, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if entering {
			p.take(n, source)
		}
		return ast.WalkContinue, nil
	})
	return p
}

func (p *page) take(n ast.Node, source []byte) {
	switch n := n.(type) {
	case *ast.Heading:
		code := n.ChildCount() == 1 && n.FirstChild().Kind() == ast.KindCodeSpan
		next, isHeading := n.NextSibling().(*ast.Heading)
		empty := n.NextSibling() == nil || isHeading && next.Level <= n.Level
		p.headings = append(p.headings, heading{level: n.Level, text: written(n, source), code: code, empty: empty})
	case *ast.Link:
		p.links = append(p.links, link{to: string(n.Destination), text: written(n, source)})
	case *ast.Image:
		p.images = append(p.images, string(n.Destination))
	case *ast.FencedCodeBlock:
		p.fences = append(p.fences, fence{language: string(n.Language(source)), text: string(n.Lines().Value(source))})
	}
}

// written is the text inside a node, without the marks.
func written(n ast.Node, source []byte) string {
	var b strings.Builder
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		if t, ok := c.(*ast.Text); ok {
			b.Write(t.Value(source))
			continue
		}
		b.WriteString(written(c, source))
	}
	return b.String()
}

// anchors answers what GitHub calls the headings of the page.
func (p *page) anchors() map[string]bool {
	seen := map[string]bool{}
	for _, h := range p.headings {
		slug := slugOf(h.text)
		name := slug
		for i := 1; seen[name]; i++ {
			name = fmt.Sprintf("%s-%d", slug, i)
		}
		seen[name] = true
	}
	return seen
}

// slugOf is lower case, letters, digits, hyphens and underscores, with hyphens for spaces.
func slugOf(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, heading)
}

func TestAnchors(t *testing.T) {
	for name, tc := range map[string]struct {
		source string
		want   []string
	}{
		"words":        {"# One two\n", []string{"one-two"}},
		"punctuation":  {"## Soak: clean, for `long` enough?\n", []string{"soak-clean-for-long-enough"}},
		"the same":     {"## A\n\n### A\n\n## A\n", []string{"a", "a-1", "a-2"}},
		"code":         {"### `WriteRefused`\n", []string{"writerefused"}},
		"not in a box": {"```sh\n# none\n```\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := slices.Sorted(maps.Keys(parse("x.md", []byte(tc.source)).anchors()))
			if !slices.Equal(got, tc.want) {
				t.Errorf("anchors %q, want %q", got, tc.want)
			}
		})
	}
}
