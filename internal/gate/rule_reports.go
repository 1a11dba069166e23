// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"fmt"
	"strings"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

// reports is the first half of rule 8: no report that the strategy names fails,
// and all of them could be read. What fails is said first: it holds whatever the
// others say.
func reports(in Input) *Decision {
	switch {
	case !in.enforcing():
		return nil
	case len(in.FailingReports) > 0:
		return held(v1alpha1.ReasonReportsFailing, fmt.Sprintf(
			"%s waits: reports fail: %s. Put right what they name, or delete reports of what is over and done with",
			in.Rung, strings.Join(in.FailingReports, "; ")))
	case in.UnreadReports != "":
		return held(v1alpha1.ReasonInconclusive, fmt.Sprintf("%s waits for what reports say: %s", in.Rung, in.UnreadReports))
	}
	return nil
}
