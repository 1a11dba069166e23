// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
	psaapi "k8s.io/pod-security-admission/api"

	"github.com/podsecurity-rollout/operator/internal/inventory"
	"github.com/podsecurity-rollout/operator/internal/standards"
)

var (
	buildInfo = newGauge("build_info",
		"Always 1: the operator's version, and the newest version of the Pod Security Standards that it knows.",
		"version", "standards")
	serverInfo = newGauge("server_info",
		"Always 1: the API server's emulation version, which is the version of the standards that latest stands for.",
		"version")
	knownMinor = newGauge("known_standards_minor",
		"Minor version of the newest Pod Security Standards that the operator knows: 37 for v1.37.")
	serverMinor = newGauge("server_standards_minor",
		"Minor version of the Pod Security Standards that latest stands for on the API server. Where it is above "+
			prefix+"known_standards_minor, latest cannot be judged.")
	synced = newGauge("inventory_synced",
		"1 when every watch of pods and workloads has synced, otherwise 0: nothing is judged until then.")
	subjects = newGauge("inventory_subjects",
		"What is judged: pods, and pod templates of workloads.", "kind")
	profiles = newGauge("inventory_profiles",
		"Distinct profiles among the subjects. Equal pods share one, and are judged once.")
	bytes = newGauge("inventory_bytes",
		"Approximate memory that the inventory holds, estimated from its counts.")
	unreadable = newGauge("inventory_unreadable_objects",
		"Objects of custom kinds with a pod template that could not be read.")
	unwatched = newGauge("inventory_unwatched_kinds",
		"Always 1, for custom kinds that the API server serves and that are not watched, mostly for want of the right to: only their pods are judged.",
		"kind")
)

// operatorGauges in the order of docs/metrics.md.
var operatorGauges = []*gauge{buildInfo, serverInfo, knownMinor, serverMinor, synced, subjects, profiles, bytes, unreadable, unwatched}

// Operator collects what the operator holds.
type Operator struct {
	// Version is the operator's own.
	Version string
	// Inventory and Server are asked at each scrape.
	Inventory func() inventory.Stats
	Server    func() psaapi.Version
}

// Describe implements prometheus.Collector.
func (o *Operator) Describe(ch chan<- *prometheus.Desc) { describe(ch, operatorGauges) }

// Collect implements prometheus.Collector.
func (o *Operator) Collect(ch chan<- prometheus.Metric) {
	send(ch, operatorSamples(o.Version, o.Server(), o.Inventory()))
}

func operatorSamples(version string, server psaapi.Version, stats inventory.Stats) []sample {
	known, complete := standards.NewestVersion(), 0.0
	if stats.Synced {
		complete = 1
	}
	samples := []sample{
		buildInfo.of(1, version, known.String()),
		serverInfo.of(1, server.String()),
		knownMinor.of(float64(known.Minor())),
		serverMinor.of(float64(server.Minor())),
		synced.of(complete),
		subjects.of(float64(stats.Pods), "pod"),
		subjects.of(float64(stats.Templates), "template"),
		profiles.of(float64(stats.Profiles)),
		bytes.of(float64(stats.ApproximateBytes)),
		unreadable.of(float64(stats.Unreadable)),
	}
	for _, kind := range stats.Unwatched {
		samples = append(samples, unwatched.of(1, kind))
	}
	return samples
}
