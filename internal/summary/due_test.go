// SPDX-License-Identifier: Apache-2.0

package summary

import (
	"testing"
	"time"

	psaapi "k8s.io/pod-security-admission/api"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

func TestDue(t *testing.T) {
	for name, tc := range map[string]struct {
		current, target psaapi.LevelVersion
		level           v1alpha1.Level
		pace            Pace
		want            string
	}{
		"at once":           {privileged, baseline, "baseline", Pace{}, "enforce=baseline:v1.37 is due as soon as nothing violates it"},
		"the level between": {privileged, restricted, "baseline", Pace{}, "enforce=baseline:v1.37 is due as soon as nothing violates it"},
		"after a soak":      {privileged, baseline, "baseline", Pace{Soak: time.Hour}, "enforce=baseline:v1.37 is due once nothing violates it, after a soak of 1h0m0s"},
		"after all there is": {
			privileged, restricted, "restricted", Pace{Soak: time.Hour, Manual: true, Waves: true},
			"enforce=restricted:v1.37 is due once nothing violates it, after a soak of 1h0m0s, an approval and the turn of its wave",
		},
		"in force already":     {baseline, restricted, "baseline", Pace{}, "enforce=baseline:v1.37 is in force: new pods are refused"},
		"not to be enforced":   {baseline, baseline, "restricted", Pace{}, "restricted is not to be enforced here, only warned of and audited"},
		"suspended":            {privileged, baseline, "baseline", Pace{Suspended: true, Soak: time.Hour}, "enforce=baseline:v1.37 is suspended"},
		"the rollout observes": {privileged, baseline, "baseline", Pace{Only: true}, "enforce=baseline:v1.37 is not written while the rollout only observes"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Due(tc.current, tc.target, tc.level, tc.pace); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestAdvice(t *testing.T) {
	v := v1alpha1.Violation{
		Level: "baseline", Check: "hostPorts", Message: `hostPort (container "c" uses hostPort 80)`, Apart: "Only pods show it", Owner: "team-a",
	}
	want := `baseline: hostPort (container "c" uses hostPort 80). Only pods show it. To comply, remove ports[*].hostPort in every container; a Service reaches the pod without it. ` +
		"Restricted is not enforced. Owner: team-a. See https://kubernetes.io/docs/concepts/security/pod-security-standards/#baseline"
	if got := Advice(v, "restricted is not enforced"); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got := Advice(v1alpha1.Violation{Level: "baseline", Check: "unheard", Message: "m"}, "enforce=x"); got != "baseline: m. enforce=x" {
		t.Errorf("of a check that is not known: %q", got)
	}
}
