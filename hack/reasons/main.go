// SPDX-License-Identifier: Apache-2.0

// Command reasons writes docs/conditions.md: every condition type and reason of
// the API, from the comments of their constants.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"strings"
)

const head = `# Conditions and reasons

<!-- Generated from api/v1alpha1/conditions.go by ` + "`make generate`" + `. Change the Go comments there. -->

Both kinds set ` + "`observedGeneration`" + ` on every condition. The reason of ` + "`Progressing`" + ` is the state that ` + "`kubectl get`" + ` shows.
`

func main() {
	from := flag.String("from", "api/v1alpha1/conditions.go", "Go file with the constants")
	to := flag.String("to", "docs/conditions.md", "Markdown file to write")
	flag.Parse()
	if err := run(*from, *to); err != nil {
		fmt.Fprintln(os.Stderr, "reasons:", err)
		os.Exit(1)
	}
}

func run(from, to string) error {
	file, err := parser.ParseFile(token.NewFileSet(), from, nil, parser.ParseComments)
	if err != nil {
		return err
	}
	out := bytes.NewBufferString(head)
	for _, decl := range file.Decls {
		block, ok := decl.(*ast.GenDecl)
		if !ok || block.Tok != token.CONST {
			continue
		}
		if err := writeBlock(out, block); err != nil {
			return err
		}
	}
	return os.WriteFile(to, out.Bytes(), 0o600)
}

func writeBlock(out *bytes.Buffer, block *ast.GenDecl) error {
	title, rest, _ := strings.Cut(line(block.Doc), ".")
	fmt.Fprintf(out, "\n## %s\n\n", strings.TrimSpace(title))
	if rest = strings.TrimSpace(rest); rest != "" {
		fmt.Fprintf(out, "%s\n\n", rest)
	}
	fmt.Fprint(out, "| name | meaning |\n| --- | --- |\n")
	for _, spec := range block.Specs {
		value, ok := spec.(*ast.ValueSpec)
		if !ok || len(value.Values) != 1 {
			return fmt.Errorf("a constant is not of the form Name = \"value\"")
		}
		literal, ok := value.Values[0].(*ast.BasicLit)
		if !ok {
			return fmt.Errorf("%s is no literal", value.Names[0].Name)
		}
		name, err := strconv.Unquote(literal.Value)
		if err != nil {
			return fmt.Errorf("reading %s: %w", value.Names[0].Name, err)
		}
		doc := strings.TrimPrefix(line(value.Doc), value.Names[0].Name)
		if doc == "" {
			return fmt.Errorf("%s has no comment", value.Names[0].Name)
		}
		fmt.Fprintf(out, "| `%s` | %s |\n", name, strings.TrimSpace(strings.TrimPrefix(doc, ":")))
	}
	return nil
}

// line is a comment as one line of Markdown.
func line(doc *ast.CommentGroup) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(doc.Text()), " "), "|", `\|`)
}
