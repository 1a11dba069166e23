// SPDX-License-Identifier: Apache-2.0

package constants

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
)

// Block is a block of constants.
type Block struct {
	// Title is the first sentence of its comment, and Note the rest; each is one line.
	Title, Note string
	Constants   []Constant
}

// Constant is a string constant.
type Constant struct {
	// Name is what Go calls it, such as ReasonClimbing.
	Name string
	// Value is what the API has, such as Climbing.
	Value string
	// Doc is its comment in one line, without the name that it begins with.
	Doc string
}

// Read answers the blocks of constants in a Go file, in its order. A constant that
// is no string or has no comment is an error.
func Read(path string) ([]Block, error) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	var blocks []Block
	for _, decl := range file.Decls {
		gen, ok := decl.(*ast.GenDecl)
		if !ok || gen.Tok != token.CONST {
			continue
		}
		block, err := read(gen)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", path, err)
		}
		blocks = append(blocks, block)
	}
	return blocks, nil
}

func read(decl *ast.GenDecl) (Block, error) {
	title, note, _ := strings.Cut(line(decl.Doc), ".")
	block := Block{Title: strings.TrimSpace(title), Note: strings.TrimSpace(note)}
	for _, spec := range decl.Specs {
		value, ok := spec.(*ast.ValueSpec)
		if !ok || len(value.Values) != 1 {
			return Block{}, fmt.Errorf("a constant is not of the form Name = \"value\"")
		}
		name := value.Names[0].Name
		literal, ok := value.Values[0].(*ast.BasicLit)
		if !ok || literal.Kind != token.STRING {
			return Block{}, fmt.Errorf("%s is no string", name)
		}
		text, err := strconv.Unquote(literal.Value)
		if err != nil {
			return Block{}, fmt.Errorf("unquoting %s: %w", name, err)
		}
		doc := strings.TrimPrefix(strings.TrimPrefix(line(value.Doc), name), ":")
		if doc == "" {
			return Block{}, fmt.Errorf("%s has no comment", name)
		}
		block.Constants = append(block.Constants, Constant{Name: name, Value: text, Doc: strings.TrimSpace(doc)})
	}
	return block, nil
}

// line is a comment as one line.
func line(doc *ast.CommentGroup) string {
	return strings.Join(strings.Fields(doc.Text()), " ")
}
