// SPDX-License-Identifier: Apache-2.0

package preview

import (
	psaapi "k8s.io/pod-security-admission/api"

	"github.com/podsecurity-rollout/operator/internal/cli/output"
	"github.com/podsecurity-rollout/operator/internal/cli/survey"
	"github.com/podsecurity-rollout/operator/internal/nslabels"
)

// question is what is asked of each namespace: levels, the least strict first, at a version.
type question struct {
	levels  []psaapi.Level
	version psaapi.Version
}

// Preview is where namespaces stand: the document that -o json and yaml write.
type Preview struct {
	output.Header
	// ServerVersion is the API server's, StandardsVersion the one judged by.
	ServerVersion    string      `json:"serverVersion"`
	StandardsVersion string      `json:"standardsVersion"`
	Levels           []string    `json:"levels"`
	Namespaces       []Namespace `json:"namespaces"`
}

// Namespace is where one namespace stands.
type Namespace struct {
	Name string `json:"name"`
	// Enforce, Warn and Audit are in force.
	Enforce string `json:"enforce"`
	Warn    string `json:"warn"`
	Audit   string `json:"audit"`
	// Exempt is whether the API server's configuration exempts it.
	Exempt    bool `json:"exempt,omitempty"`
	Pods      int  `json:"pods"`
	Workloads int  `json:"workloads"`
	// Meets is the strictest of the levels that everything in it complies with, privileged when it complies with none.
	Meets string `json:"meets"`
	// HeldBelow is the next level, and what violates it; absent when nothing violates any.
	HeldBelow *HeldBelow `json:"heldBelow,omitempty"`
}

// HeldBelow is a level that something violates.
type HeldBelow struct {
	Level              string            `json:"level"`
	ViolatingWorkloads int               `json:"violatingWorkloads"`
	Workloads          []output.Workload `json:"workloads"`
}

// look answers where the namespaces of a survey stand.
func look(s *survey.Survey, q question) Preview {
	p := Preview{
		Header: output.NewHeader("Preview"), ServerVersion: s.Server.String(), StandardsVersion: q.version.String(),
		Namespaces: make([]Namespace, 0, len(s.Namespaces)),
	}
	for _, level := range q.levels {
		p.Levels = append(p.Levels, string(level))
	}
	for i := range s.Namespaces {
		ns := &s.Namespaces[i]
		policy := nslabels.Read(ns, s.Config.Defaults).Policy
		standing := s.Standing(ns.Name, q.version, q.levels...)
		entry := Namespace{
			Name: ns.Name, Exempt: s.Exempt(ns.Name),
			Enforce: policy.Enforce.String(), Warn: policy.Warn.String(), Audit: policy.Audit.String(),
			Pods: standing.Pods, Workloads: standing.Workloads, Meets: string(standing.Meets),
		}
		if next := standing.Next; next != nil {
			entry.HeldBelow = &HeldBelow{
				Level: string(next.Level.Level), ViolatingWorkloads: next.ViolatingWorkloads, Workloads: output.ByWorkload(next.Violations),
			}
		}
		p.Namespaces = append(p.Namespaces, entry)
	}
	return p
}

// violating counts the namespaces that violate one of the levels.
func (p Preview) violating() int {
	count := 0
	for _, ns := range p.Namespaces {
		if ns.HeldBelow != nil {
			count++
		}
	}
	return count
}
