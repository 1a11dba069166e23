// SPDX-License-Identifier: Apache-2.0

package constants_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/podsecurity-rollout/operator/hack/reasons/constants"
)

func TestRead(t *testing.T) {
	type block = constants.Block
	for name, tc := range map[string]struct {
		source  string
		want    []block
		wantErr string
	}{
		"two blocks": {
			source: "// Types. They are\n// few.\nconst (\n\t// A is\n\t// one.\n\tA = \"Aa\"\n)\n\nvar v = 1\n\n// Reasons.\nconst (\n\t// B: why | not.\n\tB = `Bb`\n)\n",
			want: []block{
				{Title: "Types", Note: "They are few.", Constants: []constants.Constant{{Name: "A", Value: "Aa", Doc: "is one."}}},
				{Title: "Reasons", Constants: []constants.Constant{{Name: "B", Value: "Bb", Doc: "why | not."}}},
			},
		},
		"no constants": {source: "var v = 1\n"},
		"no comment":   {source: "const (\n\tA = \"Aa\"\n)\n", wantErr: "A has no comment"},
		"a number":     {source: "const (\n\t// A counts.\n\tA = 1\n)\n", wantErr: "A is no string"},
		"an iota":      {source: "const (\n\t// A counts.\n\tA = iota\n\tB\n)\n", wantErr: "A is no string"},
		"no Go":        {source: "constant", wantErr: "expected declaration"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "conditions.go")
			if err := os.WriteFile(path, []byte("package v1alpha1\n\n"+tc.source), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := constants.Read(path)
			if tc.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), tc.wantErr) {
					t.Fatalf("error %v, want one with %q", err, tc.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("blocks (-want +got):\n%s", diff)
			}
		})
	}
}
