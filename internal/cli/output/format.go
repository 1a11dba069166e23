// SPDX-License-Identifier: Apache-2.0

package output

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"
)

// APIVersion is that of the JSON and YAML documents: fields are added to it, and none is renamed or taken away.
const APIVersion = "cli.podsecurity.dev/v1alpha1"

// The formats.
const (
	Table = "table"
	Wide  = "wide"
	JSON  = "json"
	YAML  = "yaml"
	CSV   = "csv"
	HTML  = "html"
)

// Format is the -o flag.
type Format struct {
	Name    string
	allowed []string
}

// AddFlag adds -o with the formats that a command has, the first by default.
func (f *Format) AddFlag(cmd *cobra.Command, allowed ...string) {
	f.allowed = allowed
	cmd.Flags().StringVarP(&f.Name, "output", "o", allowed[0], "How to write it: "+strings.Join(allowed, ", "))
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(allowed, cobra.ShellCompDirectiveNoFileComp))
}

// Validate errs on a format that the command does not have.
func (f *Format) Validate() error {
	if !slices.Contains(f.allowed, f.Name) {
		return fmt.Errorf("-o %q is none of %s", f.Name, strings.Join(f.allowed, ", "))
	}
	return nil
}

// Machine is whether the format is a document for machines that Write writes.
func (f *Format) Machine() bool { return f.Name == JSON || f.Name == YAML }

// Write writes a document in the format.
func (f *Format) Write(out io.Writer, document any) error {
	encode := func(v any) ([]byte, error) { return json.MarshalIndent(v, "", "  ") }
	if f.Name == YAML {
		encode = yaml.Marshal
	}
	data, err := encode(document)
	if err != nil {
		return fmt.Errorf("encoding the output: %w", err)
	}
	fmt.Fprintln(out, strings.TrimRight(string(data), "\n"))
	return nil
}

// Header begins each document.
type Header struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
}

// NewHeader answers the header of a kind of document.
func NewHeader(kind string) Header { return Header{APIVersion: APIVersion, Kind: kind} }
