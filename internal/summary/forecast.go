// SPDX-License-Identifier: Apache-2.0

package summary

import (
	"cmp"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/forecast"
)

// Forecast is a forecast as the API writes it.
func Forecast(f forecast.Forecast) []v1alpha1.ForecastEntry {
	var out []v1alpha1.ForecastEntry
	for _, e := range f.Entries {
		message := cmp.Or(e.Reason(), "Everything complies")
		if e.Allowed.Workloads > 0 {
			message += "; no longer " + e.Allowed.String()
		}
		out = append(out, v1alpha1.ForecastEntry{
			Level: v1alpha1.Level(e.Level), From: e.From.String(), To: e.To.String(),
			ViolatingWorkloads: int32(e.Violating.Workloads), Broken: int32(e.Broken.Workloads), Allowed: int32(e.Allowed.Workloads),
			Message: Clip(message, maxViolationMessage),
		})
	}
	return out
}
