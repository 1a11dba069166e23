// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	psaapi "k8s.io/pod-security-admission/api"
	"k8s.io/utils/ptr"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

// fleetSize is how many namespaces every random fleet has at the start.
const fleetSize = 50

// excluded is a namespace that rollouts exclude, more often than not.
const excluded = "kube-system"

// populate makes a random fleet: namespaces with their labels and workloads, and
// one rollout or two that may overlap.
func (w *world) populate() {
	w.server = pick(w, psaapi.MajorMinorVersion(1, 36), psaapi.MajorMinorVersion(1, 37))
	for i := range fleetSize {
		w.addNamespace(fmt.Sprintf("ns-%02d", i))
	}
	w.addNamespace(excluded)
	w.addNamespace("exempt")
	w.amend()
	w.createRollout("platform", w.randomSpec(false))
	if w.oneIn(3) {
		w.now = w.now.Add(time.Minute)
		w.createRollout("extra", w.randomSpec(true))
	}
}

// addNamespace makes a namespace as they are found: most without any label of
// ours, some with a few, and something runs in most.
func (w *world) addNamespace(name string) {
	labels := map[string]string{"env": pick(w, "dev", "dev", "staging", "prod", "prod"), "team": pick(w, "a", "b", "c")}
	w.createNamespace(name, labels)
	switch w.IntN(12) {
	case 0:
		w.update(name, "kubectl-label", map[string]string{psaapi.EnforceLevelLabel: "baseline"})
	case 1:
		w.update(name, "kubectl-label", map[string]string{
			psaapi.EnforceLevelLabel: "restricted", psaapi.EnforceVersionLabel: "v1.36", psaapi.WarnLevelLabel: "restricted",
		})
	case 2:
		w.applyAs(name, "argocd", map[string]string{psaapi.WarnLevelLabel: "baseline", psaapi.WarnVersionLabel: "v1.36"})
	case 3:
		w.update(name, "kubectl-edit", map[string]string{psaapi.AuditLevelLabel: pick(w, "restrictive", "baseline"), psaapi.AuditVersionLabel: "v1.36"})
	case 4, 5:
		w.update(name, "kubectl-label", map[string]string{
			psaapi.EnforceLevelLabel: "baseline", psaapi.EnforceVersionLabel: "v1.36",
			psaapi.WarnLevelLabel: "baseline", psaapi.WarnVersionLabel: "v1.36",
			psaapi.AuditLevelLabel: "baseline", psaapi.AuditVersionLabel: "v1.36",
		})
	}
	for i := range w.IntN(3) {
		w.addWorkload(name, w.randomWorkload(i))
	}
}

func (w *world) randomWorkload(i int) *workload {
	kind := pick(w, "Deployment", "Deployment", "StatefulSet", "CronJob", "Pod")
	p := hardened
	if w.oneIn(4) {
		p = pick(w, plain, plain, slowStart, probeHost, privileged)
	}
	wl := newWorkload(kind, fmt.Sprintf("app-%d-%d", i, w.IntN(1000)), p, 1+w.IntN(3))
	if kind == "CronJob" {
		wl.wanted = w.IntN(2)
	}
	if wl.hasTemplate() && w.oneIn(12) {
		wl.becomes = pick(w, plain, privileged)
	}
	return wl
}

// randomSpec is a spec as the API server stores it: valid, and with its defaults.
func (w *world) randomSpec(part bool) v1alpha1.PodSecurityRolloutSpec {
	spec := v1alpha1.PodSecurityRolloutSpec{
		Mode: v1alpha1.RolloutModeApply, Suspend: ptr.To(false), LabelConflicts: v1alpha1.LabelConflictYield,
		Targets:  []v1alpha1.Target{w.randomTarget("everyone", nil)},
		Strategy: w.randomStrategy(),
	}
	if part || w.oneIn(3) {
		first := w.randomTarget("team-a", map[string]v1alpha1.LabelValue{"team": "a"})
		if part {
			spec.Targets = []v1alpha1.Target{first}
		} else {
			spec.Targets = append([]v1alpha1.Target{first}, spec.Targets...)
		}
	}
	if !w.oneIn(5) {
		spec.ExcludedNamespaces = []string{excluded}
	}
	if w.oneIn(4) {
		spec.LabelConflicts = v1alpha1.LabelConflictTakeOver
	}
	return spec
}

func (w *world) randomTarget(name string, labels map[string]v1alpha1.LabelValue) v1alpha1.Target {
	target := v1alpha1.Target{
		Name: name, NamespaceSelector: &v1alpha1.NamespaceSelector{MatchLabels: labels},
		Enforce: pick(w, v1alpha1.LevelBaseline, v1alpha1.LevelBaseline, v1alpha1.LevelRestricted),
		Version: w.randomTargetVersion(),
	}
	if w.oneIn(3) {
		target.Warn, target.Audit = v1alpha1.LevelRestricted, v1alpha1.LevelRestricted
	}
	return target
}

func (w *world) randomTargetVersion() v1alpha1.Version {
	if w.oneIn(12) {
		return "v1.37" // which the server may not serve
	}
	return pick(w, v1alpha1.VersionCluster, v1alpha1.VersionCluster, v1alpha1.VersionCluster, v1alpha1.VersionLatest, "v1.33", "v1.34", "v1.36")
}

func (w *world) randomStrategy() *v1alpha1.Strategy {
	return &v1alpha1.Strategy{
		Audit: &v1alpha1.ModeStrategy{Require: pick(w, v1alpha1.RequirementCompliant, v1alpha1.RequirementCompliant, v1alpha1.RequirementNone), Soak: w.randomSoak()},
		Warn:  &v1alpha1.ModeStrategy{Require: v1alpha1.RequirementCompliant, Soak: w.randomSoak()},
		Enforce: &v1alpha1.EnforceStrategy{
			Soak: w.randomSoak(), Bake: lasting(pick(w, 0, 30*time.Second, 10*time.Minute, 10*time.Minute, 2*time.Hour)),
			Approval:    pick(w, v1alpha1.ApprovalAutomatic, v1alpha1.ApprovalAutomatic, v1alpha1.ApprovalAutomatic, v1alpha1.ApprovalManual),
			OnRejection: pick(w, v1alpha1.RejectionHold, v1alpha1.RejectionRollback),
		},
		Waves: w.randomWaves(), Budgets: w.randomBudgets(), ProgressDeadline: pick(w, nil, nil, lasting(10*time.Minute), lasting(2*time.Hour)),
	}
}

func lasting(d time.Duration) *metav1.Duration { return &metav1.Duration{Duration: d} }

func (w *world) randomSoak() *metav1.Duration {
	return lasting(pick(w, 0, 0, 0, 90*time.Second, time.Hour))
}

func (w *world) randomWaves() []v1alpha1.Wave {
	if w.oneIn(2) {
		return nil
	}
	minComplete := pick(w, nil, ptr.To(intstr.FromString("80%")), ptr.To(intstr.FromString("3")), ptr.To(intstr.FromInt32(5)))
	var waves []v1alpha1.Wave
	for _, env := range []v1alpha1.LabelValue{"dev", "staging"}[:1+w.IntN(2)] {
		waves = append(waves, v1alpha1.Wave{
			Name: string(env), MinComplete: minComplete, NamespaceSelector: &v1alpha1.NamespaceSelector{MatchLabels: map[string]v1alpha1.LabelValue{"env": env}},
		})
	}
	return waves
}

func (w *world) randomBudgets() []v1alpha1.Budget {
	budgets := []v1alpha1.Budget{{Namespaces: pick(w, "10%", "10%", "3", "1", "40%", "100%")}}
	if w.oneIn(5) {
		schedule := pick(w, "0 18 * * fri", "0 22 * * *", "@hourly")
		budgets = append(budgets, v1alpha1.Budget{Namespaces: pick(w, "0", "1", "5%"), Schedule: schedule, Duration: lasting(windows[schedule].lasts)})
	}
	return budgets
}
