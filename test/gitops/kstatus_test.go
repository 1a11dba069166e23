// SPDX-License-Identifier: Apache-2.0

package gitops

import (
	"testing"

	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

// TestKstatus has the library that Flux waits by judge every state.
func TestKstatus(t *testing.T) {
	for name, s := range states() {
		t.Run(name, func(t *testing.T) {
			object := asServed(t, s.object)
			got, err := status.Compute(object)
			if err != nil {
				t.Fatal(err)
			}
			if got.Status != s.kstatus {
				t.Errorf("%s (%s), want %s of\n%v", got.Status, got.Message, s.kstatus, object.Object["status"])
			}
		})
	}
}
