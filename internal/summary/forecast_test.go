// SPDX-License-Identifier: Apache-2.0

package summary

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	psaapi "k8s.io/pod-security-admission/api"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/forecast"
	"github.com/podsecurity-rollout/operator/internal/gate"
)

func TestForecast(t *testing.T) {
	probe := forecast.Violation{Workload: "Deployment web", Check: "hostProbes", Message: "probe or lifecycle host"}
	sysctl := forecast.Violation{Workload: "Deployment web", Check: "sysctls", Message: strings.Repeat("x", 600)}
	f := forecast.Forecast{Entries: []forecast.Entry{
		{Level: psaapi.LevelBaseline, From: psaapi.MajorMinorVersion(1, 33), To: psaapi.MajorMinorVersion(1, 33), Violating: forecast.Tally{Workloads: 1, First: sysctl}},
		{
			Level: psaapi.LevelBaseline, From: psaapi.MajorMinorVersion(1, 34), To: psaapi.MajorMinorVersion(1, 37),
			Violating: forecast.Tally{Workloads: 2, First: probe}, Broken: forecast.Tally{Workloads: 2, First: probe}, Allowed: forecast.Tally{Workloads: 1, First: sysctl},
		},
		{Level: psaapi.LevelRestricted, From: psaapi.MajorMinorVersion(1, 33), To: psaapi.MajorMinorVersion(1, 37)},
	}}
	cut := "Deployment web: " + strings.Repeat("x", 160) + " …"
	want := []v1alpha1.ForecastEntry{
		{Level: "baseline", From: "v1.33", To: "v1.33", ViolatingWorkloads: 1, Message: cut},
		{
			Level: "baseline", From: "v1.34", To: "v1.37", ViolatingWorkloads: 2, Broken: 2, Allowed: 1,
			Message: "Deployment web: probe or lifecycle host, and 1 more; no longer " + cut,
		},
		{Level: "restricted", From: "v1.33", To: "v1.37", Message: "Everything complies"},
	}
	if diff := cmp.Diff(want, Forecast(f)); diff != "" {
		t.Errorf("forecast (-want +got):\n%s", diff)
	}
}

// What was told of the last comparison stays until there is another.
func TestEvaluatorDisagrees(t *testing.T) {
	in := midway()
	var status v1alpha1.NamespaceRolloutStatus
	for i, step := range []struct {
		told   *gate.Agreement
		status metav1.ConditionStatus
		reason string
	}{
		{nil, "Unknown", v1alpha1.ReasonNotCompared},
		{&gate.Agreement{Reason: v1alpha1.ReasonAgrees, Message: "the same"}, "False", v1alpha1.ReasonAgrees},
		{&gate.Agreement{Disagrees: true, Reason: v1alpha1.ReasonServerStricter, Message: "both"}, "True", v1alpha1.ReasonServerStricter},
		{nil, "True", v1alpha1.ReasonServerStricter},
		{&gate.Agreement{Reason: v1alpha1.ReasonAgrees, Message: "the same"}, "False", v1alpha1.ReasonAgrees},
	} {
		in.Agreement = step.told
		status = Namespace(status, in)
		c := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionEvaluatorDisagrees)
		if c == nil || c.Status != step.status || c.Reason != step.reason {
			t.Errorf("step %d: %+v, want %s %s", i, c, step.status, step.reason)
		}
	}
}
