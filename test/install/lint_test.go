// SPDX-License-Identifier: Apache-2.0

package install

import (
	"path/filepath"
	"testing"
)

// TestLint has the API server check what is installed, and the samples, strictly:
// an unknown field, a deprecated version or a Pod Security warning is an error.
// `make lint` has kube-score look at the same; test/chart shows that the chart
// renders the same objects, and has Helm lint it.
func TestLint(t *testing.T) {
	s := need(t)
	for _, dir := range []string{"default", "high-availability", "samples"} {
		t.Run(dir, func(t *testing.T) {
			s.kubectl(t, "apply", "--server-side", "--dry-run=server", "--validate=strict", "--warnings-as-errors",
				"-k", filepath.Join(root, "config", dir))
		})
	}
}
