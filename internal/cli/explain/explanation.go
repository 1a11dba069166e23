// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	psaapi "k8s.io/pod-security-admission/api"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/cli/output"
	"github.com/podsecurity-rollout/operator/internal/cli/survey"
	"github.com/podsecurity-rollout/operator/internal/fleet"
	"github.com/podsecurity-rollout/operator/internal/gate"
	"github.com/podsecurity-rollout/operator/internal/ladder"
	"github.com/podsecurity-rollout/operator/internal/nslabels"
	"github.com/podsecurity-rollout/operator/internal/summary"
)

// Explanation is all that is said of a namespace: the document that -o json and yaml write.
type Explanation struct {
	output.Header
	Namespace     string          `json:"namespace"`
	ServerVersion string          `json:"serverVersion"`
	InForce       v1alpha1.Policy `json:"inForce"`
	// Meets is the strictest level that everything there complies with.
	Meets     string `json:"meets"`
	Pods      int    `json:"pods"`
	Workloads int    `json:"workloads"`
	// Notes say why there is nothing of a rollout below, and what else to mind.
	Notes []string `json:"notes,omitempty"`

	Rollout *Rollout `json:"rollout,omitempty"`
	// History are the rungs climbed, newest first; Remaining those to come.
	History   []v1alpha1.HistoryEntry `json:"history,omitempty"`
	Remaining []string                `json:"remaining,omitempty"`
	// Gate is what each rule says of the first of the remaining rungs.
	Gate []Rule `json:"gate,omitempty"`
	// Rejections are workloads whose pods have been refused since the last enforce rung.
	Rejections []v1alpha1.Rejection `json:"rejections,omitempty"`
	// Violating is what violates each level, up to the target or to restricted.
	Violating []Level `json:"violating"`
}

// Rollout is what the operator has recorded of the namespace.
type Rollout struct {
	Name      string           `json:"name"`
	Target    string           `json:"target,omitempty"`
	Wave      string           `json:"wave,omitempty"`
	Policy    *v1alpha1.Policy `json:"policy,omitempty"`
	State     string           `json:"state,omitempty"`
	Message   string           `json:"message,omitempty"`
	Suspended bool             `json:"suspended,omitempty"`
}

// Rule is what a rule of the gate says.
type Rule struct {
	Rule  string `json:"rule"`
	Holds bool   `json:"holds"`
	// Asks is whether the API server would have to be asked first.
	Asks    bool   `json:"asks,omitempty"`
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message,omitempty"`
}

// Level is what violates a level.
type Level struct {
	Level     string            `json:"level"`
	Workloads []output.Workload `json:"workloads"`
}

// begin explains what is known without any rollout.
func begin(s *survey.Survey) Explanation {
	ns := &s.Namespaces[0]
	standing := s.Standing(ns.Name, s.Server)
	policy := nslabels.Read(ns, s.Config.Defaults).Policy
	e := Explanation{
		Header: output.NewHeader("Explanation"), Namespace: ns.Name, ServerVersion: s.Server.String(),
		InForce: v1alpha1.Policy{
			Enforce: v1alpha1.LevelVersion(policy.Enforce.String()), Warn: v1alpha1.LevelVersion(policy.Warn.String()),
			Audit: v1alpha1.LevelVersion(policy.Audit.String()),
		},
		Meets: string(standing.Meets), Pods: standing.Pods, Workloads: standing.Workloads, Violating: []Level{},
	}
	if len(s.NotJudged) > 0 {
		e.note("Not judged, for lack of the right to list them: " + strings.Join(s.NotJudged, ", ") + ".")
	}
	if s.Exempt(ns.Name) {
		e.note("The API server's configuration exempts this namespace: its labels have no effect.")
	}
	e.addViolating(s, psaapi.LevelVersion{Level: psaapi.LevelBaseline, Version: s.Server}, psaapi.LevelVersion{Level: psaapi.LevelRestricted, Version: s.Server})
	return e
}

func (e *Explanation) note(s string) { e.Notes = append(e.Notes, s) }

// addViolating says what violates levels, each violation once, at the first of them.
func (e *Explanation) addViolating(s *survey.Survey, levels ...psaapi.LevelVersion) {
	e.Violating = []Level{}
	type statement struct {
		workload       v1alpha1.WorkloadReference
		check, message string
	}
	said := map[statement]bool{}
	for _, lv := range levels {
		var violations []v1alpha1.Violation
		var now []statement
		for _, v := range s.Evidence(e.Namespace, lv).Violations {
			if one := (statement{v.Workload, v.Check, v.Message}); !said[one] {
				violations, now = append(violations, v), append(now, one)
			}
		}
		for _, one := range now {
			said[one] = true
		}
		if len(violations) > 0 {
			e.Violating = append(e.Violating, Level{Level: lv.String(), Workloads: output.ByWorkload(violations)})
		}
	}
}

// targetOf answers the policy that a rollout's target means in a namespace. It errs when the operator does not act on the rollout there.
func targetOf(rollout *v1alpha1.PodSecurityRollout, ns *corev1.Namespace, server psaapi.Version) (psaapi.Policy, error) {
	compiled, err := fleet.Compile(rollout)
	if err != nil {
		return psaapi.Policy{}, err
	}
	i, selected := compiled.Target(fleet.Namespace{Name: ns.Name, Labels: ns.Labels})
	if !selected {
		return psaapi.Policy{}, fmt.Errorf("none of its targets selects the namespace")
	}
	return ladder.TargetPolicy(rollout.Spec.Targets[i], server)
}

// addRecord adds what the operator has recorded.
func (e *Explanation) addRecord(claim *v1alpha1.NamespaceRollout, rollout string) {
	status := claim.Status
	e.Rollout = &Rollout{Name: rollout, Policy: status.Target}
	e.Rollout.State, e.Rollout.Message = summary.State(status)
	if f := status.Fleet; f != nil {
		e.Rollout.Target, e.Rollout.Wave = f.Target, f.Wave
	}
	e.History, e.Rejections = status.History, status.Rejections
}

// addLadder adds the rungs to come, and what violates a level on the way.
func (e *Explanation) addLadder(s *survey.Survey, c survey.Case, target psaapi.Policy) {
	current := nslabels.Read(c.Namespace, s.Config.Defaults).Policy
	for _, rung := range ladder.Remaining(current, target, s.Server) {
		e.Remaining = append(e.Remaining, rung.String())
	}
	e.addViolating(s, ladder.Levels(current, target, s.Server)...)
}

// addGate adds what each rule says of the next rung.
func (e *Explanation) addGate(question gate.Input) {
	for _, state := range gate.Explain(question) {
		e.Gate = append(e.Gate, Rule(state))
	}
}

// climbedAt is when a rung was climbed, as people read it.
func climbedAt(h v1alpha1.HistoryEntry) string { return h.Time.UTC().Format(time.RFC3339) }
