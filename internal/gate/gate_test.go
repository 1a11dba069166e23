// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"strings"
	"testing"
	"time"

	psaapi "k8s.io/pod-security-admission/api"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/ladder"
)

var (
	now    = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	v1_37  = psaapi.MajorMinorVersion(1, 37)
	v1_38  = psaapi.MajorMinorVersion(1, 38)
	latest = psaapi.LatestVersion()
)

// ready is an input that nothing holds back, for an enforce rung.
func ready() Input {
	return Input{
		Now: now,
		Rung: ladder.Rung{
			Mode: v1alpha1.ModeEnforce,
			From: psaapi.LevelVersion{Level: psaapi.LevelPrivileged, Version: latest},
			To:   psaapi.LevelVersion{Level: psaapi.LevelBaseline, Version: v1_37},
		},
		Synced: true, Server: v1_37, Library: v1_37,
		Require: v1alpha1.RequirementCompliant,
		Turn:    Turn{Granted: true},
		DryRun:  &DryRun{},
	}
}

var evaluateTests = map[string]struct {
	change      func(*Input)
	wantClimb   bool
	wantAsk     bool
	wantReason  string
	wantMessage string
	wantRequeue time.Duration
}{
	"nothing holds it": {func(*Input) {}, true, false, "Climbing", "Climbing enforce=baseline:v1.37", 0},
	"suspended": {
		func(in *Input) { in.Suspended = true }, false, false, "Suspended", "spec.suspend: true", 0,
	},
	"suspended comes before observing": {
		func(in *Input) { in.Suspended, in.Observe = true, true }, false, false, "Suspended", "", 0,
	},
	"observing": {func(in *Input) { in.Observe = true }, false, false, "Observing", "spec.mode: Observe", 0},
	"terminating": {
		func(in *Input) { in.Terminating, in.Exempt = true, true }, false, false, "Terminating", "being deleted", 0,
	},
	"exempt": {func(in *Input) { in.Exempt = true }, false, false, "Exempt", "no effect", 0},
	"owned by another manager": {
		func(in *Input) {
			in.Owners = []Owner{{Manager: "argocd", Label: "pod-security.kubernetes.io/enforce", Value: "privileged"}}
		},
		false, false, "LabelConflict",
		`field manager "argocd" owns pod-security.kubernetes.io/enforce=privileged. Remove the label from what that manager applies, or set labelConflicts: TakeOver`, 0,
	},
	"owned by another manager, taken over": {
		func(in *Input) { in.Owners, in.TakeOver = []Owner{{Manager: "argocd"}}, true }, true, false, "Climbing", "", 0,
	},
	"set back by another manager after it was taken over": {
		func(in *Input) {
			in.Owners = []Owner{{Manager: "argocd", Label: "pod-security.kubernetes.io/enforce", Value: "privileged"}}
			in.TakeOver, in.LastClimbed = true, in.Now.Add(-time.Minute)
		},
		false, false, "LabelConflict", `field manager "argocd" owns pod-security.kubernetes.io/enforce=privileged, set back after the operator wrote this rung at `, 59 * time.Minute,
	},
	"set back an hour ago": {
		func(in *Input) {
			in.Owners, in.TakeOver, in.LastClimbed = []Owner{{Manager: "argocd"}}, true, in.Now.Add(-time.Hour)
		}, true, false, "Climbing", "", 0,
	},
	"climbed before, and owned by nobody else": {
		func(in *Input) { in.TakeOver, in.LastClimbed = true, in.Now.Add(-time.Minute) }, true, false, "Climbing", "", 0,
	},
	"invalid labels": {
		func(in *Input) { in.InvalidLabels = []string{"pod-security.kubernetes.io/warn=strict"} },
		false, false, "InvalidLabels", "pod-security.kubernetes.io/warn=strict. Correct or remove", 0,
	},
	"not synced":                    {func(in *Input) { in.Synced = false }, false, false, "Inconclusive", "synced", Soon},
	"version newer than the server": {func(in *Input) { in.Rung.To.Version = v1_38 }, false, false, "Inconclusive", "the API server is at v1.37", 0},
	"version newer than the library": {
		func(in *Input) { in.Rung.To.Version, in.Server = v1_38, v1_38 },
		false, false, "Inconclusive", "Upgrade the operator to one that knows v1.38", 0,
	},
	"latest on a server newer than the library": {
		func(in *Input) { in.Rung.To.Version, in.Server = latest, v1_38 },
		false, false, "Inconclusive", "Upgrade the operator", 0,
	},
	"an older version on a newer server is known": {
		func(in *Input) { in.Server = v1_38 }, true, false, "Climbing", "", 0,
	},
	"one violating workload": {
		func(in *Input) { in.Evidence = Evidence{Workloads: 1, Worst: "Deployment web: privileged"} },
		false, false, "Violations", "Deployment web: privileged", 0,
	},
	"two violating workloads": {
		func(in *Input) { in.Evidence = Evidence{Workloads: 2, Worst: "Deployment web: privileged"} },
		false, false, "Violations", "Deployment web: privileged, and 1 more workload", 0,
	},
	"three violating workloads": {
		func(in *Input) { in.Evidence = Evidence{Workloads: 3, Worst: "Deployment web: privileged"} },
		false, false, "Violations", "Deployment web: privileged, and 2 more workloads", 0,
	},
	"enforce always requires compliance": {
		func(in *Input) {
			in.Require, in.Evidence = v1alpha1.RequirementNone, Evidence{Workloads: 1, Worst: "x"}
		},
		false, false, "Violations", "x", 0,
	},
	"warn that requires nothing climbs over violations and asks no server": {
		func(in *Input) {
			in.Rung.Mode, in.Require, in.Evidence, in.DryRun = v1alpha1.ModeWarn, v1alpha1.RequirementNone, Evidence{Workloads: 1, Worst: "x"}, nil
		},
		true, false, "Climbing", "", 0,
	},
	"the write was refused": {
		func(in *Input) { in.WriteRefused, in.RetryAt, in.Turn = "no right", now.Add(time.Minute), Turn{} },
		false, false, "WriteRefused", "no right", time.Minute,
	},
	"the write was refused, and is tried again": {
		func(in *Input) { in.WriteRefused, in.RetryAt = "no right", now }, true, false, "Climbing", "", 0,
	},
	"soaking since clean": {
		func(in *Input) { in.Soak, in.CleanSince = time.Hour, now.Add(-time.Minute) },
		false, false, "Soaking", "waits until 2026-11-23T09:59:00Z, when the soak of 1h0m0s ends", 59 * time.Minute,
	},
	"soaking since the rung before": {
		func(in *Input) {
			in.Soak, in.CleanSince, in.LastRung = time.Hour, now.Add(-2*time.Hour), now.Add(-30*time.Minute)
		},
		false, false, "Soaking", "", 30 * time.Minute,
	},
	"soaked to the second": {
		func(in *Input) { in.Soak, in.CleanSince = time.Hour, now.Add(-time.Hour) }, true, false, "Climbing", "", 0,
	},
	"soak of a rung that requires nothing counts from the rung before": {
		func(in *Input) {
			in.Rung.Mode, in.Require, in.Soak = v1alpha1.ModeWarn, v1alpha1.RequirementNone, time.Hour
			in.CleanSince, in.LastRung = now, now.Add(-time.Hour)
		},
		true, false, "Climbing", "", 0,
	},
	"soak of a first rung that requires nothing counts from the claim, violations or not": {
		func(in *Input) {
			in.Rung.Mode, in.Require, in.Soak = v1alpha1.ModeAudit, v1alpha1.RequirementNone, time.Hour
			in.Evidence, in.CleanSince, in.LastRung = Evidence{Workloads: 1, Worst: "x"}, now, now.Add(-time.Minute)
		},
		false, false, "Soaking", "", 59 * time.Minute,
	},
	"rolled back": {
		func(in *Input) { in.RolledBack = "Deployment web was refused" },
		false, false, "RolledBack", "Deployment web was refused. Change the rollout's spec, or approve", 0,
	},
	"rolled back says so whatever the pods do": {
		func(in *Input) {
			in.RolledBack, in.Evidence = "Deployment web was refused", Evidence{Workloads: 1, Worst: "x"}
		},
		false, false, "RolledBack", "Deployment web was refused", 0,
	},
	"awaiting approval": {
		func(in *Input) { in.ManualApproval = true },
		false, false, "AwaitingApproval", `set spec.approvedEnforce: "baseline:v1.37"`, 0,
	},
	"another rung is approved": {
		func(in *Input) { in.ManualApproval, in.Approved = true, "baseline:v1.36" },
		false, false, "AwaitingApproval", `(it approves "baseline:v1.36")`, 0,
	},
	"approved": {
		func(in *Input) { in.ManualApproval, in.Approved = true, "baseline:v1.37" }, true, false, "Climbing", "", 0,
	},
	"approval is for enforce only": {
		func(in *Input) { in.ManualApproval, in.Rung.Mode = true, v1alpha1.ModeAudit }, true, false, "Climbing", "", 0,
	},
	"a report fails": {
		func(in *Input) { in.FailingReports, in.Turn = []string{"falco: 2 results"}, Turn{} },
		false, false, "ReportsFailing", "reports fail: falco: 2 results. Put right", 0,
	},
	"reports of two sources fail": {
		func(in *Input) { in.FailingReports = []string{"falco: 2 results", "kyverno: 1 result"} },
		false, false, "ReportsFailing", "falco: 2 results; kyverno: 1 result", 0,
	},
	"reports cannot be read": {
		func(in *Input) { in.UnreadReports, in.Turn = "no right to list them", Turn{} },
		false, false, "Inconclusive", "waits for what reports say: no right to list them", 0,
	},
	"some reports fail, others cannot be read": {
		func(in *Input) {
			in.FailingReports, in.UnreadReports = []string{"falco: 2 results"}, "no right to list them"
		},
		false, false, "ReportsFailing", "falco: 2 results", 0,
	},
	"reports are for enforce only": {
		func(in *Input) {
			in.Rung.Mode, in.FailingReports, in.UnreadReports = v1alpha1.ModeWarn, []string{"falco: 2 results"}, "no right to list them"
		},
		true, false, "Climbing", "", 0,
	},
	"awaiting a turn": {
		func(in *Input) { in.Turn = Turn{WaitingFor: "wave dev: 3 of 40 namespaces to go"} },
		false, false, "AwaitingTurn", "wave dev: 3 of 40 namespaces to go", 0,
	},
	"asking for a turn": {
		func(in *Input) { in.Turn = Turn{} }, false, false, "Climbing", "asks for its turn", 0,
	},
	"warn needs no turn": {
		func(in *Input) { in.Turn, in.Rung.Mode = Turn{}, v1alpha1.ModeWarn }, true, false, "Climbing", "", 0,
	},
	"the server has not been asked": {
		func(in *Input) { in.DryRun = nil }, false, true, "Climbing", "dry run", 0,
	},
	"the server is not asked while something else holds": {
		func(in *Input) { in.DryRun, in.Suspended = nil, true }, false, false, "Suspended", "", 0,
	},
	"the server finds violations": {
		func(in *Input) { in.DryRun.Violations = []string{"web-0: privileged"} },
		false, false, "ServerDisagrees", "web-0: privileged", Soon,
	},
	"the server could not tell": {
		func(in *Input) { in.DryRun.Inconclusive = "failed to list pods" },
		false, false, "Inconclusive", "failed to list pods", Soon,
	},
	"the server says exempt": {
		func(in *Input) { in.DryRun.Exempt = `namespace "a" is exempt` }, false, false, "Exempt", "is exempt", 0,
	},
}

func TestEvaluate(t *testing.T) {
	for name, tc := range evaluateTests {
		t.Run(name, func(t *testing.T) {
			in := ready()
			tc.change(&in)
			got := Evaluate(in)
			if got.Climb != tc.wantClimb || got.AskServer != tc.wantAsk {
				t.Errorf("climb %v, ask %v; want %v, %v (%s)", got.Climb, got.AskServer, tc.wantClimb, tc.wantAsk, got.Message)
			}
			if got.Reason != tc.wantReason {
				t.Errorf("reason %q, want %q", got.Reason, tc.wantReason)
			}
			if !strings.Contains(got.Message, tc.wantMessage) {
				t.Errorf("message %q does not contain %q", got.Message, tc.wantMessage)
			}
			if got.RequeueAfter != tc.wantRequeue {
				t.Errorf("requeue after %s, want %s", got.RequeueAfter, tc.wantRequeue)
			}
		})
	}
}

func TestHeld(t *testing.T) {
	in := ready()
	in.Observe, in.DryRun = true, nil
	if d, ok := Held(in); ok {
		t.Errorf("held by %q, want only the mode to hold it", d.Reason)
	}
	in.Evidence = Evidence{Workloads: 1, Worst: "Deployment web: privileged"}
	if d, ok := Held(in); !ok || d.Reason != v1alpha1.ReasonViolations {
		t.Errorf("held %v by %q, want Violations", ok, d.Reason)
	}
}

// A rollout that writes nothing is there to show what would hold its namespaces.
func TestEvaluateSaysWhatElseHolds(t *testing.T) {
	for name, change := range map[string]func(*Input){
		"observing": func(in *Input) { in.Observe = true },
		"suspended": func(in *Input) { in.Suspended = true },
	} {
		t.Run(name, func(t *testing.T) {
			in := ready()
			change(&in)
			if d := Evaluate(in); strings.Contains(d.Message, "Otherwise") {
				t.Errorf("%q, and nothing else holds it", d.Message)
			}
			in.Evidence = Evidence{Workloads: 1, Worst: "Deployment web: privileged"}
			d := Evaluate(in)
			if other, _ := Held(in); !strings.HasSuffix(d.Message, ". Otherwise: "+other.Message) || d.Reason == v1alpha1.ReasonViolations {
				t.Errorf("%s: %q, want it to end with %q", d.Reason, d.Message, other.Message)
			}
		})
	}
}

func TestEvidenceMessage(t *testing.T) {
	if got := (Evidence{}).Message(); got != "Everything complies" {
		t.Errorf("got %q", got)
	}
}
