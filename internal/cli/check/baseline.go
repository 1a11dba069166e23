// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"io"
	"os"

	"sigs.k8s.io/yaml"

	"github.com/podsecurity-rollout/operator/internal/cli/offline"
)

// readBaseline reads a report that was written before.
func readBaseline(name string) (*Report, error) {
	content, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("reading the baseline: %w", err)
	}
	r := &Report{}
	if err := yaml.UnmarshalStrict(content, r); err != nil {
		return nil, fmt.Errorf("reading the baseline %s: %w", name, err)
	}
	if r.APIVersion != APIVersion || r.Kind != Kind {
		return nil, fmt.Errorf("the baseline %s is no %s of %s: write one with `check -o json`", name, Kind, APIVersion)
	}
	for i, f := range r.Findings {
		if f.Fingerprint == "" {
			return nil, fmt.Errorf("the baseline %s has no fingerprint in its finding %d", name, i+1)
		}
	}
	return r, nil
}

// accept leaves out what the baseline has, as often as it has it: those of the same file first, then any. It answers what the baseline has and the
// report has not.
func (r *Report) accept(baseline *Report) []Finding {
	left := map[string][]Finding{}
	for _, f := range baseline.Findings {
		left[f.Fingerprint] = append(left[f.Fingerprint], f)
	}
	for _, sameFile := range []bool{true, false} {
		for i := range r.pods {
			r.Summary.Accepted += r.pods[i].accept(left, sameFile)
		}
	}
	r.sum()
	var gone []Finding
	for _, f := range baseline.Findings {
		if list := left[f.Fingerprint]; len(list) > 0 {
			gone, left[f.Fingerprint] = append(gone, list[0]), list[1:]
		}
	}
	return gone
}

func (p *podResult) accept(left map[string][]Finding, sameFile bool) int {
	var kept []Finding
	for _, f := range p.findings {
		if !take(left, f, sameFile) {
			kept = append(kept, f)
		}
	}
	accepted := len(p.findings) - len(kept)
	p.findings = kept
	return accepted
}

// take takes one finding like f from what is left.
func take(left map[string][]Finding, f Finding, sameFile bool) bool {
	list := left[f.Fingerprint]
	for i := range list {
		if !sameFile || list[i].File == f.File {
			left[f.Fingerprint] = append(list[:i:i], list[i+1:]...)
			return true
		}
	}
	return false
}

// mention says what the baseline could do without.
func mention(errOut io.Writer, name string, gone []Finding) {
	if len(gone) == 0 {
		return
	}
	fmt.Fprintf(errOut, "%s of %s no longer occur, it can be written anew:\n", offline.Count(len(gone), "finding"), name)
	for _, f := range gone {
		fmt.Fprintf(errOut, "  %s: %s: %s: %s\n", f.File, f.Object, f.Check, f.Field)
	}
}
