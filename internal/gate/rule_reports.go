// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"fmt"
	"strings"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

// reports is the first half of rule 8: no report that the strategy names fails.
func reports(in Input) *Decision {
	if !in.enforcing() || len(in.FailingReports) == 0 {
		return nil
	}
	return held(v1alpha1.ReasonReportsFailing,
		fmt.Sprintf("%s waits: reports fail: %s", in.Rung, strings.Join(in.FailingReports, "; ")))
}
