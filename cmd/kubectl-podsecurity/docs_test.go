// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/podsecurity-rollout/operator/internal/cli"
)

var (
	update = flag.Bool("update", false, "write docs/cli")
	pages  = filepath.Join("..", "..", "docs", "cli")
)

// TestDocs holds docs/cli against the commands; `make generate` writes it.
func TestDocs(t *testing.T) {
	want := generated(t)
	if *update {
		write(t, want)
	}
	files, err := filepath.Glob(filepath.Join(pages, "*"))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		got[filepath.Base(file)] = string(data)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/cli is not what `make generate` writes (-generated +there):\n%s", diff)
	}
}

// generated answers a page for each command, by the name of its file.
func generated(t *testing.T) map[string]string {
	t.Helper()
	dir := t.TempDir()
	command := root(cli.NewFactory(genericiooptions.IOStreams{In: os.Stdin, Out: &bytes.Buffer{}, ErrOut: &bytes.Buffer{}}))
	command.InitDefaultCompletionCmd()
	command.DisableAutoGenTag = true
	if err := doc.GenMarkdownTree(command, dir); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	by := map[string]string{}
	for _, file := range files {
		data, err := os.ReadFile(filepath.Join(dir, file.Name()))
		if err != nil {
			t.Fatal(err)
		}
		by[file.Name()] = string(data)
	}
	return by
}

func write(t *testing.T, by map[string]string) {
	t.Helper()
	if err := os.RemoveAll(pages); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(pages, 0o750); err != nil {
		t.Fatal(err)
	}
	for name, text := range by {
		if err := os.WriteFile(filepath.Join(pages, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestHelp wants of each command what its help is for: a line, a text, and an example that begins with the plugin's own name.
func TestHelp(t *testing.T) {
	command := root(cli.NewFactory(genericiooptions.IOStreams{In: os.Stdin, Out: &bytes.Buffer{}, ErrOut: &bytes.Buffer{}}))
	for _, c := range command.Commands() {
		if slices.Contains([]string{"help", "completion"}, c.Name()) {
			continue
		}
		t.Run(c.Name(), func(t *testing.T) { wantHelp(t, c) })
	}
}

func wantHelp(t *testing.T, c *cobra.Command) {
	t.Helper()
	if c.Short == "" || strings.HasSuffix(c.Short, ".") || len(c.Short) > 90 {
		t.Errorf("in one line it is %q", c.Short)
	}
	if len(c.Long) <= len(c.Short) {
		t.Errorf("there is no longer text than %q", c.Long)
	}
	if !strings.Contains(c.Example, "kubectl podsecurity "+c.Name()) {
		t.Errorf("there is no example: %q", c.Example)
	}
	for line := range strings.Lines(c.Long) {
		if len(line) > 140 {
			t.Errorf("a line of the text has %d characters: %q", len(line), line)
		}
	}
}
