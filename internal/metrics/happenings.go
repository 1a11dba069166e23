// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/ladder"
)

// happenings are what the functions below count.
var happenings = []Metric{
	{
		Name: prefix + "rungs_climbed_total", Type: TypeCounter, Labels: []string{"mode", "level"},
		Help: "Rungs that the operator has climbed, by the mode that moved and the level it moved to.",
	},
	{
		Name: prefix + "rungs_rolled_back_total", Type: TypeCounter, Labels: []string{"mode", "level"},
		Help: "Rungs that the operator has taken back because pods were refused, by mode and by the level taken back.",
	},
	{
		Name: prefix + "evaluator_disagreements_total", Type: TypeCounter, Labels: []string{"reason"},
		Help: "Comparisons in which the operator's own verdict and the API server's dry run differed, by reason " +
			"(ServerStricter, ServerLaxer, UndeclaredExemption).",
	},
	{
		Name: prefix + "evaluation_duration_seconds", Type: TypeHistogram,
		Help: "Time it took to judge everything in one namespace by one level and version, from memory.",
	},
	{
		Name: prefix + "verdict_delay_seconds", Type: TypeHistogram,
		Help: "Time from the moment that the operator heard of a change of a namespace's pods or templates, or of refused pods there, to the moment " +
			"that the verdict on it was recorded in the status. It holds the wait in the queue, the look and the write, tries that failed included; " +
			"not the API server's delay in telling. Changes that come before the look has begun are measured once, from the first of them.",
	},
}

// Exponential buckets: an evaluation takes microseconds for a small namespace; a
// verdict takes milliseconds, or minutes when a restart has everything queue.
var (
	evaluationBuckets = prometheus.ExponentialBuckets(10e-6, 4, 10)
	delayBuckets      = prometheus.ExponentialBuckets(0.005, 2.5, 12)
)

var (
	climbed       = counter(happenings[0])
	rolledBack    = counter(happenings[1])
	disagreements = counter(happenings[2])
	evaluation    = histogram(happenings[3], evaluationBuckets)
	verdictDelay  = histogram(happenings[4], delayBuckets)
)

// A rate misses the first increase of a series that was not there before.
func init() {
	for _, level := range []v1alpha1.Level{v1alpha1.LevelBaseline, v1alpha1.LevelRestricted} {
		for _, mode := range ladder.Modes {
			climbed.WithLabelValues(string(mode), string(level))
		}
		rolledBack.WithLabelValues(string(v1alpha1.ModeEnforce), string(level))
	}
	for _, reason := range []string{v1alpha1.ReasonServerStricter, v1alpha1.ReasonServerLaxer, v1alpha1.ReasonUndeclaredExemption} {
		disagreements.WithLabelValues(reason)
	}
	register(climbed, rolledBack, disagreements, evaluation, verdictDelay)
}

func counter(m Metric) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: m.Name, Help: m.Help}, m.Labels)
}

func histogram(m Metric, buckets []float64) prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{Name: m.Name, Help: m.Help, Buckets: buckets})
}

// Disagreed counts a comparison that differed.
func Disagreed(reason string) { disagreements.WithLabelValues(reason).Inc() }

// Stepped counts a rung that was climbed, or taken back.
func Stepped(h v1alpha1.HistoryEntry) {
	if h.Reason == v1alpha1.ReasonRolledBack {
		rolledBack.WithLabelValues(string(h.Mode), levelOf(h.From)).Inc()
		return
	}
	climbed.WithLabelValues(string(h.Mode), levelOf(h.To)).Inc()
}

// Evaluated notes how long it took to judge a namespace by one level.
func Evaluated(took time.Duration) { evaluation.Observe(took.Seconds()) }

// Judged notes how long it took from hearing of a change to recording the verdict.
func Judged(took time.Duration) { verdictDelay.Observe(took.Seconds()) }

func levelOf(lv v1alpha1.LevelVersion) string {
	level, _, _ := strings.Cut(string(lv), ":")
	return level
}
