// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/podsecurity-rollout/operator/hack/reasons/constants"
)

const (
	troubleshooting = "docs/troubleshooting.md"
	// typesChapter has the entries of the condition types; those of reasons are in
	// the other chapters.
	typesChapter = "Condition types"
)

// Every condition type, and every reason of a condition or an Event, has one entry
// that says what to do; and no entry is of something that is not there.
func TestEveryReasonHasAnEntry(t *testing.T) {
	wantTypes, wantReasons := declared(t)
	p := read(t, troubleshooting)
	types, reasons := entries(p)
	if diff := cmp.Diff(wantTypes, types); diff != "" {
		t.Errorf("%s, entries of condition types (-declared +written):\n%s", troubleshooting, diff)
	}
	if diff := cmp.Diff(wantReasons, reasons); diff != "" {
		t.Errorf("%s, entries of reasons (-declared +written):\n%s", troubleshooting, diff)
	}
	for _, h := range p.headings {
		if h.empty {
			t.Errorf("%s: nothing stands below %s. Say what is seen, why, how to look closer and what to do", troubleshooting, h.text)
		}
	}
}

// declared answers the condition types and the reasons of the API, sorted.
func declared(t *testing.T) (types, reasons []string) {
	t.Helper()
	for _, file := range []string{"conditions.go", "events.go"} {
		blocks, err := constants.Read(filepath.Join(root, "api", "v1alpha1", file))
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range blocks {
			for _, c := range block.Constants {
				if strings.HasPrefix(c.Name, "Condition") {
					types = append(types, c.Value)
				} else {
					reasons = append(reasons, c.Value)
				}
			}
		}
	}
	slices.Sort(types)
	slices.Sort(reasons)
	return types, reasons
}

// entries answers the headings of a page that are names in code, sorted.
func entries(p *page) (types, reasons []string) {
	chapter := ""
	for _, h := range p.headings {
		switch {
		case h.level <= 2:
			chapter = h.text
		case !h.code:
		case chapter == typesChapter:
			types = append(types, h.text)
		default:
			reasons = append(reasons, h.text)
		}
	}
	slices.Sort(types)
	slices.Sort(reasons)
	return types, reasons
}
