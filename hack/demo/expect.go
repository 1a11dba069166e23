// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	psaapi "k8s.io/pod-security-admission/api"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

// The rule of the ladder, written down a second time and without looking at the operator's code.

// strictness lists the levels, the least strict first.
var strictness = []psaapi.Level{psaapi.LevelPrivileged, psaapi.LevelBaseline, psaapi.LevelRestricted}

func rank(level psaapi.Level) int { return slices.Index(strictness, level) }

// labelKeys are the level and the version label of each mode.
var labelKeys = map[v1alpha1.Mode][2]string{
	v1alpha1.ModeEnforce: {psaapi.EnforceLevelLabel, psaapi.EnforceVersionLabel},
	v1alpha1.ModeWarn:    {psaapi.WarnLevelLabel, psaapi.WarnVersionLabel},
	v1alpha1.ModeAudit:   {psaapi.AuditLevelLabel, psaapi.AuditVersionLabel},
}

// modes in the order in which a level is climbed.
var modes = []v1alpha1.Mode{v1alpha1.ModeAudit, v1alpha1.ModeWarn, v1alpha1.ModeEnforce}

// securityLabels answers those of the labels that are Pod Security's.
func securityLabels(all map[string]string) map[string]string {
	out := map[string]string{}
	for _, keys := range labelKeys {
		for _, key := range keys {
			if value, ok := all[key]; ok {
				out[key] = value
			}
		}
	}
	return out
}

// goal is what a rollout wants for a namespace.
type goal struct {
	rollout string
	levels  map[v1alpha1.Mode]psaapi.Level
}

// goalOf answers what the rollouts, the oldest first, want for a namespace; nil when none selects it.
func goalOf(rollouts []v1alpha1.PodSecurityRollout, name string, namespaceLabels map[string]string) (*goal, error) {
	for _, r := range rollouts {
		if slices.Contains(r.Spec.ExcludedNamespaces, name) {
			continue
		}
		for _, t := range r.Spec.Targets {
			selector, err := metav1.LabelSelectorAsSelector(t.NamespaceSelector.LabelSelector())
			if err != nil {
				return nil, fmt.Errorf("reading target %s of rollout %s: %w", t.Name, r.Name, err)
			}
			if !selector.Matches(labels.Set(namespaceLabels)) {
				continue
			}
			g := &goal{rollout: r.Name, levels: map[v1alpha1.Mode]psaapi.Level{}}
			for mode, level := range map[v1alpha1.Mode]v1alpha1.Level{
				v1alpha1.ModeEnforce: t.Enforce, v1alpha1.ModeWarn: t.Warn, v1alpha1.ModeAudit: t.Audit,
			} {
				if level == "" {
					level = t.Enforce // warn and audit follow enforce when left out
				}
				g.levels[mode] = psaapi.Level(level)
			}
			return g, nil
		}
	}
	return nil, nil
}

// expectedLabels answers the Pod Security labels that a namespace ought to end with: each mode goes up
// from where it started, level by level, as far as its target and as everything in the namespace
// complies; at its target it is pinned to the server's version; and nothing ever goes down.
func expectedLabels(start map[string]string, g *goal, complies map[psaapi.Level]bool, server psaapi.Version) map[string]string {
	out := maps.Clone(start)
	if g == nil {
		return out
	}
	for _, mode := range modes {
		keys := labelKeys[mode]
		from := psaapi.Level(start[keys[0]])
		if from == "" {
			from = psaapi.LevelPrivileged
		}
		to := strictestOf(g.levels[mode], complies)
		atTarget := from == g.levels[mode] && from != psaapi.LevelPrivileged
		if rank(to) > rank(from) || atTarget && to == from {
			out[keys[0]], out[keys[1]] = string(to), server.String()
		}
	}
	return out
}

// strictestOf answers the strictest level up to the target that is complied with, every one below it too.
func strictestOf(target psaapi.Level, complies map[psaapi.Level]bool) psaapi.Level {
	reached := psaapi.LevelPrivileged
	for _, level := range strictness[1:] {
		if rank(level) > rank(target) || !complies[level] {
			break
		}
		reached = level
	}
	return reached
}

// reached tells whether labels are at least what the goal asks for.
func reached(now map[string]string, g *goal) bool {
	for _, mode := range modes {
		if rank(psaapi.Level(now[labelKeys[mode][0]])) < rank(g.levels[mode]) {
			return false
		}
	}
	return true
}
