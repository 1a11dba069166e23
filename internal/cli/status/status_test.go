// SPDX-License-Identifier: Apache-2.0

package status

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/cli/term"
)

func claimOf(rollout, namespace, state, next string) v1alpha1.NamespaceRollout {
	claim := v1alpha1.NamespaceRollout{ObjectMeta: metav1.ObjectMeta{
		Namespace: namespace,
		OwnerReferences: []metav1.OwnerReference{{
			APIVersion: v1alpha1.GroupVersion.String(), Kind: "PodSecurityRollout", Name: rollout, Controller: ptr.To(true),
		}},
	}}
	claim.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionProgressing, Reason: state, Message: "the message of " + namespace}}
	if next != "" {
		claim.Status.Next = &v1alpha1.Rung{Rung: next}
	}
	if state == v1alpha1.ReasonComplete {
		claim.Status.Conditions = append(claim.Status.Conditions, metav1.Condition{Type: v1alpha1.ConditionComplete, Status: metav1.ConditionTrue})
	}
	return claim
}

// platform is a rollout of seven namespaces, six of which are held.
func platform() ([]v1alpha1.PodSecurityRollout, []v1alpha1.NamespaceRollout) {
	r := v1alpha1.PodSecurityRollout{ObjectMeta: metav1.ObjectMeta{Name: "platform"}}
	r.Spec.Suspend = ptr.To(true)
	r.Status.Namespaces = &v1alpha1.NamespaceCounts{Selected: 8, Complete: 1, Progressing: 1, Blocked: 6}
	r.Status.Waves = []v1alpha1.WaveStatus{{Name: "canary", Selected: 1, Complete: 1, State: v1alpha1.WaveComplete}, {Name: "rest", Selected: 7, State: v1alpha1.WaveOpen}}
	r.Status.Conditions = []metav1.Condition{
		{Type: v1alpha1.ConditionProgressing, Reason: v1alpha1.ReasonSuspended, Message: "1 of 8 namespaces complete"},
		{Type: v1alpha1.ConditionStalled, Status: metav1.ConditionTrue, Message: "no progress"},
	}
	claims := []v1alpha1.NamespaceRollout{
		claimOf("platform", "a", v1alpha1.ReasonComplete, ""), claimOf("platform", "b", v1alpha1.ReasonSoaking, "enforce=baseline:v1.37"),
		claimOf("other", "z", v1alpha1.ReasonViolations, ""),
	}
	for _, name := range []string{"h", "g", "f", "e", "d"} {
		claims = append(claims, claimOf("platform", name, v1alpha1.ReasonViolations, "audit=baseline:v1.37"))
	}
	return []v1alpha1.PodSecurityRollout{r}, append(claims, claimOf("platform", "c", v1alpha1.ReasonAwaitingApproval, "enforce=baseline:v1.37"))
}

func TestWrite(t *testing.T) {
	const header = `platform  ███░░░░░░░░░░░░░░░░░░░░░  12%  1 of 8 namespaces complete  suspended
  state        Suspended
               1 of 8 namespaces complete
  stalled      no progress
  canary       ████████████████████████ 100%  1 of 1  Complete
  rest         ░░░░░░░░░░░░░░░░░░░░░░░░   0%  0 of 7  Open
  namespaces   5 Violations, 1 AwaitingApproval, 1 Complete, 1 Soaking

  HELD   NEXT                     BY
  c      enforce=baseline:v1.37   AwaitingApproval: the message of c
  d      audit=baseline:v1.37     Violations: the message of d
  e      audit=baseline:v1.37     Violations: the message of e
  f      audit=baseline:v1.37     Violations: the message of f
  g      audit=baseline:v1.37     Violations: the message of g
`
	const hints = `  How to put it right: kubectl podsecurity explain NAMESPACE
  To approve: kubectl podsecurity approve NAMESPACE
`
	tests := map[string]struct {
		whole bool
		want  string
	}{
		"all rollouts": {false, header + "  and 1 more: kubectl podsecurity status platform\n" + hints},
		"one rollout":  {true, header + "  h      audit=baseline:v1.37     Violations: the message of h\n" + hints},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			write(&term.Terminal{Writer: &out}, fleetOf(platform()), test.whole)
			if diff := cmp.Diff(test.want, out.String()); diff != "" {
				t.Errorf("the status (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFleetOf(t *testing.T) {
	fleet := fleetOf(platform())
	if len(fleet.Rollouts) != 1 || len(fleet.Rollouts[0].Held) != 6 || fleet.Rollouts[0].Held[0].Namespace != "c" {
		t.Errorf("%+v", fleet)
	}
	if fleet := fleetOf(nil, nil); fleet.Rollouts == nil {
		t.Error("no rollouts are null in JSON, not a list")
	}
}
