// SPDX-License-Identifier: Apache-2.0

package summary

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	psaapi "k8s.io/pod-security-admission/api"
	"pgregory.net/rapid"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/gate"
	"github.com/podsecurity-rollout/operator/internal/ladder"
)

// levels are those that random policies are made of.
var levels = []psaapi.LevelVersion{
	privileged, baseline, restricted,
	{Level: psaapi.LevelBaseline, Version: psaapi.MajorMinorVersion(1, 36)},
	{Level: psaapi.LevelRestricted, Version: psaapi.MajorMinorVersion(1, 36)},
	{Level: psaapi.LevelRestricted, Version: psaapi.LatestVersion()},
}

// reasons are all that hold a rung, or let it be climbed.
var reasons = []string{
	v1alpha1.ReasonClimbing, v1alpha1.ReasonSuspended, v1alpha1.ReasonObserving, v1alpha1.ReasonExempt, v1alpha1.ReasonTerminating,
	v1alpha1.ReasonLabelConflict, v1alpha1.ReasonInvalidLabels, v1alpha1.ReasonInconclusive, v1alpha1.ReasonViolations, v1alpha1.ReasonSoaking,
	v1alpha1.ReasonRolledBack, v1alpha1.ReasonAwaitingApproval, v1alpha1.ReasonReportsFailing, v1alpha1.ReasonAwaitingTurn, v1alpha1.ReasonServerDisagrees,
	v1alpha1.ReasonWriteRefused,
}

func anyMessage(t *rapid.T) string {
	message := rapid.StringN(1, 40, -1).Draw(t, "message")
	for range rapid.SampledFrom([]int{0, 0, 3, 6}).Draw(t, "doubled") {
		message += message
	}
	return message
}

func anyPolicy(t *rapid.T, name string) psaapi.Policy {
	level := rapid.SampledFrom(levels)
	return psaapi.Policy{Enforce: level.Draw(t, name+" enforce"), Warn: level.Draw(t, name+" warn"), Audit: level.Draw(t, name+" audit")}
}

// anyViolations are distinct, as the inventory's are.
func anyViolations(t *rapid.T) []v1alpha1.Violation {
	message := anyMessage(t)
	return rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) v1alpha1.Violation {
		source := rapid.SampledFrom([]v1alpha1.Source{v1alpha1.SourcePod, v1alpha1.SourceTemplate}).Draw(t, "source")
		v := violation(
			fmt.Sprintf("workload-%d", rapid.IntRange(0, 12).Draw(t, "workload")),
			rapid.SampledFrom([]string{"privileged", "hostPorts", "runAsNonRoot"}).Draw(t, "check"), source)
		if rapid.Bool().Draw(t, "a message of its own") {
			v.Message = message
		}
		return v
	}), 0, 60, func(v v1alpha1.Violation) string {
		return fmt.Sprintf("%v %s %s %s", v.Workload, v.Check, v.Source, v.Message)
	}).Draw(t, "violations")
}

// anyDeparted was seen last at any time within two hours.
func anyDeparted(t *rapid.T, now time.Time) []v1alpha1.Violation {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) v1alpha1.Violation {
		v := violation("gone", "privileged", v1alpha1.SourcePod)
		v.LastSeen = &metav1.Time{Time: now.Add(-time.Duration(rapid.IntRange(0, 7_200_000).Draw(t, "ms ago")) * time.Millisecond)}
		return v
	}), 0, 3).Draw(t, "departed")
}

func anyEvidence(t *rapid.T, level psaapi.LevelVersion, now time.Time) Evidence {
	if !rapid.Bool().Draw(t, "known") {
		return Evidence{Level: level}
	}
	violations := anyViolations(t)
	violating := map[v1alpha1.WorkloadReference]bool{}
	for _, v := range violations {
		violating[v.Workload] = true
	}
	return Evidence{
		Level: level, Known: true, Pods: rapid.IntRange(0, 50).Draw(t, "pods"), Workloads: 20,
		ViolatingWorkloads: len(violating), Violations: violations, Departed: anyDeparted(t, now),
	}
}

// anyInput is a look at a namespace with a policy in force, as the reconciler
// puts it together.
func anyInput(t *rapid.T, current psaapi.Policy, now time.Time) NamespaceInput {
	in := NamespaceInput{
		Now: now, Generation: rapid.Int64Range(1, 9).Draw(t, "generation"), Rollout: "platform", Accepted: Acceptance{OK: true},
		Target: anyPolicy(t, "target"), Current: current,
		Approved: rapid.SampledFrom([]string{"", "baseline:v1.37"}).Draw(t, "approved"), Bake: time.Duration(rapid.IntRange(0, 40).Draw(t, "bake")) * time.Minute,
	}
	if rapid.Bool().Draw(t, "ours") {
		in.Ours = rapid.SliceOfDistinct(rapid.SampledFrom(ladder.Modes), rapid.ID).Draw(t, "modes")
		in.OursSince = now.Add(-time.Duration(rapid.IntRange(0, 20).Draw(t, "since")) * time.Minute)
	}
	if next, ok := ladder.Next(in.Current, in.Target, server); ok {
		in.Next = &next
		in.Decision = gate.Decision{Reason: rapid.SampledFrom(reasons).Draw(t, "reason"), Message: anyMessage(t)}
	}
	if in.Decision.Reason == v1alpha1.ReasonSoaking {
		in.SoakUntil = now.Add(time.Hour)
	}
	in.Ahead = ladder.Ahead(in.Current, in.Target, server)
	for _, level := range ladder.Levels(in.Current, in.Target, server) {
		in.Evidence = append(in.Evidence, anyEvidence(t, level, now))
	}
	if rapid.IntRange(0, 5).Draw(t, "invalid labels") == 0 {
		in.InvalidLabels = []string{"pod-security.kubernetes.io/warn=none"}
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "rejected") {
		in.Rejected = append(in.Rejected, rejection(fmt.Sprint("web-", i), nine))
		in.RejectionsSeen = &metav1.Time{Time: nine}
	}
	return in
}
