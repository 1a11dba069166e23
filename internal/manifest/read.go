// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sort"
	"unicode/utf8"
)

// The most that is read. A cluster's API server refuses an object of more than 3 MiB; these leave room for Lists of many.
const (
	// MaxBytes is the size of one input, MaxDocument that of one document in it.
	MaxBytes    = 64 << 20
	MaxDocument = 16 << 20
	// MaxDepth is how deep lists and objects may be nested in one document.
	MaxDepth = 1000
)

// File is one input, taken apart.
type File struct {
	// Name is what the input is called in messages.
	Name string
	// Pods are all pods and pod templates, in the order in which they stand.
	Pods []Pod
	// Namespaces are those that the input declares.
	Namespaces []Namespace
	// Others are the objects, and the documents that are no objects, that hold no pod.
	Others []Object

	text       []byte
	lines      []int // where lines begin, by what editors take for a line
	characters characters
	documents  []*document
	open       *document // the one whose nodes are at hand
}

// Text is what was read. It is not to be changed.
func (f *File) Text() []byte {
	return f.text
}

// Error is something in an input that cannot be understood.
type Error struct {
	File string
	// Line counts from 1; it is 0 for what is wrong with the whole input.
	Line int
	// Message says what is wrong and, where it is known, what to do about it.
	Message string
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Message
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Message)
}

// Read takes an input apart. The error joins an *Error for each document or object that cannot be understood, in their order; the file holds the others. It
// holds nothing when the input itself cannot be read.
func Read(name string, r io.Reader) (*File, error) {
	f := &File{Name: name}
	text, err := io.ReadAll(io.LimitReader(r, MaxBytes+1))
	if err != nil {
		return f, fmt.Errorf("reading %s: %w", name, err)
	}
	if reason := unreadable(text); reason != "" {
		return f, &Error{File: name, Message: reason}
	}
	f.text, f.characters, f.lines = text, newCharacters(text), []int{0}
	for at := lineEnd(text, 0); at < len(text); at = lineEnd(text, at) {
		f.lines = append(f.lines, at)
	}
	var errs []error
	for _, c := range split(withoutMark(text)) {
		c.offset += len(text) - len(withoutMark(text))
		d, err := parse(c)
		if err == nil {
			f.documents = append(f.documents, d)
			err = f.collect(d)
			d.forget()
		}
		errs = append(errs, f.placed(c, err)...)
	}
	return f, errors.Join(errs...)
}

func unreadable(text []byte) string {
	switch {
	case len(text) > MaxBytes:
		return fmt.Sprintf("more than %d MiB: give its documents in several files", MaxBytes>>20)
	case bytes.IndexByte(text, 0) >= 0:
		return "binary, or not in UTF-8: neither YAML nor JSON"
	case !utf8.Valid(text):
		return "not in UTF-8"
	}
	return ""
}

// withoutMark leaves out the byte order mark that some editors put first.
func withoutMark(text []byte) []byte {
	return bytes.TrimPrefix(text, []byte("\ufeff"))
}

// problem is what is wrong at an offset of a document.
type problem struct {
	offset  int
	message string
}

func (p *problem) Error() string { return p.message }

// placed says in which file and line the problems of a document are.
func (f *File) placed(c chunk, err error) []error {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var errs []error
		for _, one := range joined.Unwrap() {
			errs = append(errs, f.placed(c, one)...)
		}
		return errs
	}
	at, message := firstContent(c.text), err.Error()
	if p := (*problem)(nil); errors.As(err, &p) {
		at, message = p.offset, p.message
	}
	if bytes.Contains(c.text, []byte("{{")) {
		message += "; there are placeholders ({{ }}) in it: check what `helm template`, or whatever fills them in, puts out"
	}
	return []error{&Error{File: f.Name, Line: f.lineOf(c.offset + at), Message: message}}
}

// firstContent is the offset of the first line that is no marker and no comment.
func firstContent(text []byte) int {
	for at := 0; at < len(text); {
		next := lineEnd(text, at)
		if line := bytes.TrimSpace(text[at:next]); len(line) > 0 && line[0] != '#' && !marks(line, "---") {
			return at + bytes.Index(text[at:next], line)
		}
		at = next
	}
	return 0
}

// Position is a place in an input. Both count from 1, columns in characters.
type Position struct {
	Line, Column int
}

// lineOf counts the line of an offset of the input.
func (f *File) lineOf(offset int) int {
	return sort.SearchInts(f.lines, offset+1)
}

// position of an offset of the input.
func (f *File) position(offset int) Position {
	line := f.lineOf(offset)
	return Position{Line: line, Column: f.characters.before(offset) - f.characters.before(f.lines[line-1]) + 1}
}

// reopen has the nodes of a document at hand, and of no other.
func (f *File) reopen(d *document) {
	if f.open != nil && f.open != d {
		f.open.forget()
	}
	d.remember()
	f.open = d
}
