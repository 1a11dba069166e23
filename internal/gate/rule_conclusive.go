// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"fmt"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

// conclusive is rule 4: the evidence is complete. Every watch has synced, and
// both the library and the API server know the rung's version.
func conclusive(in Input) *Decision {
	v := in.Rung.To.Version
	if v.Latest() {
		v = in.Server
	}
	switch {
	case !in.Synced:
		return heldUntil(v1alpha1.ReasonInconclusive,
			fmt.Sprintf("%s waits: not every watch of pods and workloads has synced yet", in.Rung), Soon)
	case in.Server.Older(v):
		return held(v1alpha1.ReasonInconclusive,
			fmt.Sprintf("%s waits: the API server is at %s and cannot judge %s", in.Rung, in.Server.String(), v.String()))
	case in.Library.Older(v):
		return held(v1alpha1.ReasonInconclusive, fmt.Sprintf(
			"%s waits: this operator knows the standards up to %s. Upgrade the operator to one that knows %s",
			in.Rung, in.Library.String(), v.String()))
	}
	return nil
}
