// SPDX-License-Identifier: Apache-2.0

package preview

import (
	psaapi "k8s.io/pod-security-admission/api"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/cli/output"
	"github.com/podsecurity-rollout/operator/internal/cli/survey"
	"github.com/podsecurity-rollout/operator/internal/nslabels"
	"github.com/podsecurity-rollout/operator/internal/summary"
)

// question is what is asked of each namespace: what holds it below a level, or without one below the next above what it meets, at a version.
type question struct {
	level   psaapi.Level
	version psaapi.Version
}

// Preview is where namespaces stand: the document that -o json and yaml write.
type Preview struct {
	output.Header
	// ServerVersion is the API server's, StandardsVersion the one judged by.
	ServerVersion    string `json:"serverVersion"`
	StandardsVersion string `json:"standardsVersion"`
	// Level is the one asked for, absent when none was.
	Level string `json:"level,omitempty"`
	// NotJudged are the kinds that may not be listed: a template of theirs may violate unseen.
	NotJudged  []string    `json:"notJudged,omitempty"`
	Namespaces []Namespace `json:"namespaces"`
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
	// Meets is the strictest level that everything in it complies with.
	Meets string `json:"meets"`
	// HeldBelow is the level asked for, or else the next above, and what violates it; absent when nothing does.
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
		Level: string(q.level), NotJudged: s.NotJudged, Namespaces: make([]Namespace, 0, len(s.Namespaces)),
	}
	for i := range s.Namespaces {
		ns := &s.Namespaces[i]
		policy := nslabels.Read(ns, s.Config.Defaults).Policy
		standing := s.Standing(ns.Name, q.version)
		entry := Namespace{
			Name: ns.Name, Exempt: s.Exempt(ns.Name),
			Enforce: policy.Enforce.String(), Warn: policy.Warn.String(), Audit: policy.Audit.String(),
			Pods: standing.Pods, Workloads: standing.Workloads, Meets: string(standing.Meets),
		}
		if next := q.held(s, ns.Name, standing); next != nil {
			entry.HeldBelow = &HeldBelow{
				Level: string(next.Level.Level), ViolatingWorkloads: next.ViolatingWorkloads, Workloads: output.ByWorkload(next.Violations),
			}
		}
		p.Namespaces = append(p.Namespaces, entry)
	}
	return p
}

// held answers the evidence of the level that a namespace is held below, nil when it is below none.
func (q question) held(s *survey.Survey, namespace string, standing survey.Standing) *summary.Evidence {
	if q.level == "" {
		return standing.Next
	}
	evidence := s.At(namespace, psaapi.LevelVersion{Level: q.level, Version: q.version})
	if evidence.Verdict() == v1alpha1.VerdictCompliant {
		return nil
	}
	return &evidence
}

// violating counts the namespaces that are held below a level.
func (p Preview) violating() int {
	count := 0
	for _, ns := range p.Namespaces {
		if ns.HeldBelow != nil {
			count++
		}
	}
	return count
}
