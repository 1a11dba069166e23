// SPDX-License-Identifier: Apache-2.0

package summary

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	psaapi "k8s.io/pod-security-admission/api"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/gate"
	"github.com/podsecurity-rollout/operator/internal/ladder"
)

var (
	nine   = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	server = psaapi.MajorMinorVersion(1, 37)

	privileged = psaapi.LevelVersion{Level: psaapi.LevelPrivileged, Version: psaapi.LatestVersion()}
	baseline   = psaapi.LevelVersion{Level: psaapi.LevelBaseline, Version: server}
	restricted = psaapi.LevelVersion{Level: psaapi.LevelRestricted, Version: server}
)

// failer is a testing.T or a rapid.T.
type failer interface {
	Helper()
	Errorf(string, ...any)
	Fatalf(string, ...any)
}

// midway is a namespace whose next rung is enforce=baseline. Of its three
// workloads one violates restricted.
func midway() NamespaceInput {
	return NamespaceInput{
		Now: nine, Generation: 3, Rollout: "platform", Accepted: Acceptance{OK: true},
		Target:   psaapi.Policy{Enforce: baseline, Warn: restricted, Audit: restricted},
		Current:  psaapi.Policy{Enforce: privileged, Warn: baseline, Audit: baseline},
		Next:     &ladder.Rung{Mode: v1alpha1.ModeEnforce, From: privileged, To: baseline},
		Decision: gate.Decision{Climb: true, Reason: v1alpha1.ReasonClimbing, Message: "Climbing enforce=baseline:v1.37"},
		Evidence: []Evidence{
			{Level: baseline, Known: true, Pods: 5, Workloads: 3},
			{
				Level: restricted, Known: true, Pods: 5, Workloads: 3, ViolatingWorkloads: 1,
				Violations: []v1alpha1.Violation{violation("web", "runAsNonRoot", v1alpha1.SourcePod)},
			},
		},
	}
}

// arrived is a namespace at its target, baseline, where everything complies.
func arrived() NamespaceInput {
	in := midway()
	in.Target = psaapi.Policy{Enforce: baseline, Warn: baseline, Audit: baseline}
	in.Current = in.Target
	in.Next, in.Decision = nil, gate.Decision{}
	in.Evidence = in.Evidence[:1]
	return in
}

// held is midway with the gate's word.
func held(reason, message string) NamespaceInput {
	in := midway()
	in.Decision = gate.Decision{Reason: reason, Message: message}
	return in
}

// with is a value with a change.
func with[T any](of T, change func(*T)) T {
	change(&of)
	return of
}

func deployment(name string) v1alpha1.WorkloadReference {
	return v1alpha1.WorkloadReference{APIVersion: "apps/v1", Kind: "Deployment", Name: name}
}

// violation is what a Deployment of three pods, or its template, shows.
func violation(name, check string, source v1alpha1.Source) v1alpha1.Violation {
	v := v1alpha1.Violation{
		Workload: deployment(name), Level: v1alpha1.LevelRestricted, Check: check, Message: check + ` (container "c")`, Source: source,
	}
	if source == v1alpha1.SourcePod {
		v.Pods, v.Example = 3, name+"-0"
	}
	return v
}

func rejection(name string, at time.Time) v1alpha1.Rejection {
	return v1alpha1.Rejection{
		Workload: deployment(name), Message: `violates PodSecurity "baseline:v1.37": privileged`,
		Source: v1alpha1.SourcePod, Time: metav1.NewTime(at),
	}
}

// climbed is an entry of the history, rolledBack that of a rung taken back.
func climbed(mode v1alpha1.Mode, from, to psaapi.LevelVersion, at time.Time) v1alpha1.HistoryEntry {
	return v1alpha1.HistoryEntry{
		Time: metav1.NewTime(at), Mode: mode,
		From: v1alpha1.LevelVersion(from.String()), To: v1alpha1.LevelVersion(to.String()),
	}
}

func rolledBack(from, to psaapi.LevelVersion, at time.Time) v1alpha1.HistoryEntry {
	entry := climbed(v1alpha1.ModeEnforce, from, to, at)
	entry.Reason = v1alpha1.ReasonRolledBack
	return entry
}

// wantConditions compares those conditions that are wanted, each written
// "Status Reason: message".
func wantConditions(t *testing.T, want map[string]string, conditions []metav1.Condition) {
	t.Helper()
	got := map[string]string{}
	for _, c := range conditions {
		if _, wanted := want[c.Type]; wanted {
			got[c.Type] = fmt.Sprintf("%s %s: %s", c.Status, c.Reason, c.Message)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("conditions (-want +got):\n%s", diff)
	}
}

// written is a status as it is read back from the API server.
func written[S any](t failer, status S) S {
	t.Helper()
	data, err := json.Marshal(status)
	if err != nil {
		t.Fatalf("encoding the status: %v", err)
	}
	var out S
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatalf("decoding the status: %v", err)
	}
	return out
}
