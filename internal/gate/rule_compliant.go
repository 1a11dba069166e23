// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"fmt"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

// compliant is rule 5: every pod and template complies with the rung's level,
// unless the strategy of the mode requires nothing.
func compliant(in Input) *Decision {
	if !in.requiresCompliance() || in.Evidence.Workloads == 0 {
		return nil
	}
	return held(v1alpha1.ReasonViolations, in.Evidence.Message())
}

// Message says who violates: the first workload in full, the rest counted.
func (e Evidence) Message() string {
	switch e.Workloads {
	case 0:
		return "Everything complies"
	case 1:
		return e.Worst
	case 2:
		return e.Worst + ", and 1 more workload"
	default:
		return fmt.Sprintf("%s, and %d more workloads", e.Worst, e.Workloads-1)
	}
}
