// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
)

// disagreements counts by reason how often the operator's verdict and the API
// server's dry run differed.
var disagreements = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "podsecurity_rollout_evaluator_disagreements_total",
	Help: "Comparisons in which the operator's own verdict and the API server's dry run differed, by reason (ServerStricter, ServerLaxer, UndeclaredExemption).",
}, []string{"reason"})

func init() { ctrlmetrics.Registry.MustRegister(disagreements) }

// Disagreed counts a comparison that differed.
func Disagreed(reason string) { disagreements.WithLabelValues(reason).Inc() }
