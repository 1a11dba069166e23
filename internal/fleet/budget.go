// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

// budget bounds the namespaces with an enforce rung in flight.
type budget struct {
	namespaces string // as in the spec, for messages
	count      int
	percent    bool
	schedule   cron.Schedule // nil: always
	spec       string
	duration   time.Duration
}

// compileBudget parses a budget. Schedules are the five fields of cron, or a
// descriptor, in UTC.
func compileBudget(b v1alpha1.Budget) (budget, error) {
	out := budget{namespaces: b.Namespaces, spec: b.Schedule}
	number, percent := strings.CutSuffix(b.Namespaces, "%")
	n, err := strconv.Atoi(number)
	if err != nil || n < 0 || percent && n > 100 {
		return out, fmt.Errorf("namespaces %q must be a count such as \"5\" or a percentage from \"0%%\" to \"100%%\"", b.Namespaces)
	}
	out.count, out.percent = n, percent
	if b.Schedule == "" {
		return out, nil
	}
	if b.Duration == nil || b.Duration.Duration <= 0 {
		return out, fmt.Errorf("schedule %q needs a duration: how long the budget applies from each time of the schedule", b.Schedule)
	}
	out.duration = b.Duration.Duration
	if out.schedule, err = cron.ParseStandard(b.Schedule); err != nil {
		return out, fmt.Errorf("schedule %q must be five cron fields such as \"0 18 * * fri\", or a descriptor such as \"@daily\": %w", b.Schedule, err)
	}
	return out, nil
}

// allows answers how many of so many namespaces may be in flight: a percentage
// is rounded up, so that it lets at least one go unless it is none.
func (b budget) allows(selected int) int {
	if !b.percent {
		return b.count
	}
	return max((b.count*selected+99)/100, min(b.count, 1))
}

// inForce answers whether the budget applies now, and when that changes; never
// is the zero time.
func (b budget) inForce(now time.Time) (applies bool, until time.Time) {
	if b.schedule == nil {
		return true, time.Time{}
	}
	now = now.UTC()
	began := b.schedule.Next(now.Add(-b.duration)) // the first time whose window has not ended
	if began.IsZero() {
		return false, time.Time{} // a day that never comes, such as 30 February
	}
	if began.After(now) {
		return false, began
	}
	// Windows may overlap: the last to have begun ends last.
	end := began.Add(b.duration)
	for next := b.schedule.Next(began); !next.IsZero() && !next.After(now); next = b.schedule.Next(next) {
		end = next.Add(b.duration)
	}
	return true, end
}

// limit is the strictest budget in force.
type limit struct {
	// namespaces is the most in flight, and unlimited when no budget applies.
	namespaces int
	unlimited  bool
	// from says which budget that is, until when it applies.
	from  string
	until time.Time
	// changes is when any budget begins or ceases to apply, zero for never.
	changes time.Time
}

// strictest answers the limit that the budgets set now on so many namespaces.
func strictest(budgets []budget, selected int, now time.Time) limit {
	out := limit{unlimited: true}
	for _, b := range budgets {
		applies, until := b.inForce(now)
		if !until.IsZero() && (out.changes.IsZero() || until.Before(out.changes)) {
			out.changes = until
		}
		if n := b.allows(selected); applies && (out.unlimited || n < out.namespaces) {
			out.namespaces, out.unlimited, out.until = n, false, until
			out.from = fmt.Sprintf("budget %s", b.namespaces)
			if b.schedule != nil {
				out.from += fmt.Sprintf(" (schedule %q, until %s)", b.spec, until.Format(time.RFC3339))
			}
		}
	}
	return out
}
