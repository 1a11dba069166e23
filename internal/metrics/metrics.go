// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
)

// Type is what a metric is to Prometheus.
type Type string

// The types in use.
const (
	TypeGauge     Type = "gauge"
	TypeCounter   Type = "counter"
	TypeHistogram Type = "histogram"
)

const prefix = "podsecurity_rollout_"

// Metric describes a metric, as it is served and as docs/metrics.md shows it.
type Metric struct {
	// Name is the whole name.
	Name string
	Type Type
	Help string
	// Labels in the order in which values are given.
	Labels []string
}

// Section is a part of docs/metrics.md.
type Section struct {
	// Title and Text introduce the metrics.
	Title, Text string
	Metrics     []Metric
}

// Sections answers every metric of the operator.
func Sections() []Section {
	return []Section{
		{
			Title: "The fleet",
			Text: "Read from the status of the `PodSecurityRollout` and `NamespaceRollout` objects at each scrape: what is gone from the " +
				"cluster is gone from the next scrape. Only the replica that leads serves them, so that a sum counts each namespace once.",
			Metrics: described(fleetGauges),
		},
		{
			Title:   "What happened",
			Text:    "Counted since the process started, by the replica that leads.",
			Metrics: happenings,
		},
		{
			Title:   "The operator itself",
			Text:    "Read at each scrape, and served by every replica.",
			Metrics: described(operatorGauges),
		},
	}
}

// gauge is a metric that a collector makes anew at each scrape.
type gauge struct {
	Metric
	desc *prometheus.Desc
}

func newGauge(name, help string, labels ...string) *gauge {
	return &gauge{
		Metric: Metric{Name: prefix + name, Type: TypeGauge, Help: help, Labels: labels},
		desc:   prometheus.NewDesc(prefix+name, help, labels, nil),
	}
}

func described(gauges []*gauge) []Metric {
	var out []Metric
	for _, g := range gauges {
		out = append(out, g.Metric)
	}
	return out
}

// sample is a gauge's value at one scrape.
type sample struct {
	gauge  *gauge
	value  float64
	labels []string
}

func (g *gauge) of(value float64, labels ...string) sample {
	return sample{gauge: g, value: value, labels: labels}
}

func send(ch chan<- prometheus.Metric, samples []sample) {
	for _, s := range samples {
		ch <- prometheus.MustNewConstMetric(s.gauge.desc, prometheus.GaugeValue, s.value, s.labels...)
	}
}

// tally sums values by labels.
type tally map[string]float64

// labelSeparator is no part of a name in Kubernetes.
const labelSeparator = "\x00"

func (t tally) add(value float64, labels ...string) { t[strings.Join(labels, labelSeparator)] += value }

func (t tally) samples(g *gauge) []sample {
	var out []sample
	for key, value := range t {
		out = append(out, g.of(value, strings.Split(key, labelSeparator)...))
	}
	slices.SortFunc(out, func(a, b sample) int { return slices.Compare(a.labels, b.labels) })
	return out
}

func register(collectors ...prometheus.Collector) { ctrlmetrics.Registry.MustRegister(collectors...) }
