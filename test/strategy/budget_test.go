// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"fmt"
	"testing"
	"time"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

// TestBudgetWindow has a budget of nothing, in the window of a schedule that has
// begun: everything waits for as long as it is there.
func TestBudgetWindow(t *testing.T) {
	s := commonScene(t)
	ns := s.namespace("shop")
	began := time.Now().UTC().Add(-10 * time.Minute)
	schedule := fmt.Sprintf("%d %d * * *", began.Minute(), began.Hour())
	rollout := s.rollout(func(spec *v1alpha1.PodSecurityRolloutSpec) {
		spec.Strategy.Budgets = []v1alpha1.Budget{
			{Namespaces: "100%"},
			{Namespaces: "0", Schedule: schedule, Duration: lasting(time.Hour)},
		}
	})
	all := climb("baseline", s.version)
	until := began.Truncate(time.Minute).Add(time.Hour).Format(time.RFC3339)
	s.await(ns, next(all[2]), state(v1alpha1.ReasonAwaitingTurn, `budget 0 (schedule "`+schedule+`", until `+until+`)`))
	s.staysAt(quiet, ns, all[:2]...)

	s.edit(rollout, budget("100%"))
	s.awaitWritten(ns, all...)
	s.await(ns, state(v1alpha1.ReasonComplete))
}
