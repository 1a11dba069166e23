// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"fmt"
	"strings"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

// validLabels belongs to rule 3: no label that the API server cannot parse
// stays on the namespace after the rung. The policy in force would not be the
// one the labels name, and the API server may refuse the write.
func validLabels(in Input) *Decision {
	if len(in.InvalidLabels) == 0 {
		return nil
	}
	return held(v1alpha1.ReasonInvalidLabels, fmt.Sprintf(
		"%s waits: the namespace has labels that Pod Security cannot parse: %s. Correct or remove them",
		in.Rung, strings.Join(in.InvalidLabels, ", ")))
}
