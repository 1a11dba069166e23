// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/summary"
)

// What follows reads a strategy's budgets and waves a second time, as simply as
// can be, so that the checker does not lean on what it checks.

// windows are the schedules that rollouts here have, and when they are open.
var windows = map[string]struct {
	lasts time.Duration
	open  func(time.Time) bool
}{
	"0 18 * * fri": {62 * time.Hour, func(t time.Time) bool {
		switch t.Weekday() {
		case time.Friday:
			return t.Hour() >= 18
		case time.Monday:
			return t.Hour() < 8
		}
		return t.Weekday() == time.Saturday || t.Weekday() == time.Sunday
	}},
	"0 22 * * *": {8 * time.Hour, func(t time.Time) bool { return t.Hour() >= 22 || t.Hour() < 6 }},
	"@hourly":    {15 * time.Minute, func(t time.Time) bool { return t.Minute() < 15 }},
}

func windowOpen(b v1alpha1.Budget, now time.Time) bool {
	return b.Schedule == "" || windows[b.Schedule].open(now)
}

// allowed is a count, or a percentage rounded up.
func allowed(budget string, of int) int {
	number, percent := strings.CutSuffix(budget, "%")
	n, err := strconv.Atoi(number)
	if err != nil {
		panic(err)
	}
	if percent {
		return (n*of + 99) / 100
	}
	return n
}

// strictestBudget is the least that any budget in force allows.
func strictestBudget(rollout *v1alpha1.PodSecurityRollout, members int, now time.Time) (most int, from string) {
	most, from = members, "no budget"
	if rollout.Spec.Strategy == nil {
		return most, from
	}
	for _, b := range rollout.Spec.Strategy.Budgets {
		if n := allowed(b.Namespaces, members); windowOpen(b, now) && n < most {
			most, from = n, "budget "+b.Namespaces+" "+b.Schedule
		}
	}
	return most, from
}

// waveOf is the wave of a namespace; the last is that of the rest.
func waveOf(rollout *v1alpha1.PodSecurityRollout, ns *corev1.Namespace) int {
	for i, w := range rollout.Spec.Strategy.Waves {
		matches := ns != nil
		for key, value := range w.NamespaceSelector.MatchLabels {
			matches = matches && ns.Labels[key] == string(value)
		}
		if matches {
			return i
		}
	}
	return len(rollout.Spec.Strategy.Waves)
}

// waveState is how far a wave is.
type waveState struct {
	members, complete, required int
	// rejecting names one whose pods are refused.
	rejecting string
}

// waveStateOf answers how far a wave is by what its claims say.
func waveStateOf(rollout *v1alpha1.PodSecurityRollout, i int, namespaces map[string]*corev1.Namespace, claims map[string]*v1alpha1.NamespaceRollout) waveState {
	var out waveState
	for name, claim := range claims {
		if namespaces[name] == nil || waveOf(rollout, namespaces[name]) != i {
			continue
		}
		if state, _ := summary.State(claim.Status); state != v1alpha1.ReasonExempt {
			out.members++
		}
		if meta.IsStatusConditionTrue(claim.Status.Conditions, v1alpha1.ConditionComplete) {
			out.complete++
		}
		if meta.IsStatusConditionTrue(claim.Status.Conditions, v1alpha1.ConditionRejecting) && (out.rejecting == "" || name < out.rejecting) {
			out.rejecting = name
		}
	}
	if i < len(rollout.Spec.Strategy.Waves) {
		out.required = requiredOf(rollout.Spec.Strategy.Waves[i].MinComplete, out.members)
	}
	return out
}

func requiredOf(minComplete *intstr.IntOrString, members int) int {
	switch {
	case minComplete == nil:
		return members
	case minComplete.Type == intstr.Int:
		return min(minComplete.IntValue(), members)
	}
	return min(allowed(minComplete.StrVal, members), members)
}
