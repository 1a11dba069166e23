// SPDX-License-Identifier: Apache-2.0

package steer

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

const rung = "baseline:v1.37"

// waiting is a claim that waits for approval of an enforce rung.
func waiting() *v1alpha1.NamespaceRollout {
	claim := &v1alpha1.NamespaceRollout{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Generation: 3}}
	claim.Status.Next = &v1alpha1.Rung{Mode: v1alpha1.ModeEnforce, To: rung, Rung: "enforce=" + rung}
	setState(claim, v1alpha1.ReasonAwaitingApproval)
	return claim
}

func setState(claim *v1alpha1.NamespaceRollout, state string) {
	claim.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionProgressing, Reason: state, Message: "the message"}}
}

func manual() *v1alpha1.PodSecurityRollout {
	r := &v1alpha1.PodSecurityRollout{ObjectMeta: metav1.ObjectMeta{Name: "platform"}}
	r.Spec.Strategy = &v1alpha1.Strategy{Enforce: &v1alpha1.EnforceStrategy{Approval: v1alpha1.ApprovalManual}}
	return r
}

// What approves a rung, and what approves it anew.
var (
	approve = []map[string]any{{"approvedEnforce": rung}}
	again   = []map[string]any{{"approvedEnforce": nil}, {"approvedEnforce": rung}}
)

var approvedTests = map[string]struct {
	change    func(*v1alpha1.NamespaceRollout)
	automatic bool
	hidden    bool
	rung      string
	want      []map[string]any
	wantErr   string
}{
	"it waits for approval": {want: approve},
	"it waits, and another rung is approved": {
		change: func(c *v1alpha1.NamespaceRollout) { c.Spec.ApprovedEnforce = "restricted:v1.37" }, want: approve,
	},
	"it was rolled back after an approval": {
		change: func(c *v1alpha1.NamespaceRollout) {
			c.Spec.ApprovedEnforce, c.Status.Rollback = rung, &v1alpha1.Rollback{Rung: rung, ApprovalGeneration: 3}
			setState(c, v1alpha1.ReasonRolledBack)
		},
		want: again,
	},
	"it was rolled back and nothing is approved": {
		automatic: true,
		change: func(c *v1alpha1.NamespaceRollout) {
			c.Status.Rollback = &v1alpha1.Rollback{Rung: rung, ApprovalGeneration: 3}
			setState(c, v1alpha1.ReasonRolledBack)
		},
		want: approve,
	},
	"its approval was used before": {
		change: func(c *v1alpha1.NamespaceRollout) { c.Spec.ApprovedEnforce, c.Status.ApprovalUsedGeneration = rung, 3 }, want: again,
	},
	"it is approved already": {
		change: func(c *v1alpha1.NamespaceRollout) {
			c.Spec.ApprovedEnforce = rung
			setState(c, v1alpha1.ReasonAwaitingTurn)
		},
		wantErr: "approved already",
	},
	"no approval is asked for": {
		change:    func(c *v1alpha1.NamespaceRollout) { setState(c, v1alpha1.ReasonViolations) },
		automatic: true, wantErr: "platform asks for no approval. What it waits for is Violations: the message",
	},
	"it waits for something else": {
		change: func(c *v1alpha1.NamespaceRollout) { setState(c, v1alpha1.ReasonViolations) }, wantErr: "--rung baseline:v1.37",
	},
	"the rollout may not be read": {hidden: true, want: approve},
	"the rollout may not be read, and it waits for something else": {
		change: func(c *v1alpha1.NamespaceRollout) { setState(c, v1alpha1.ReasonViolations) }, hidden: true, wantErr: "not wait for approval now",
	},
	"it waits for something else, and the rung is named": {
		change: func(c *v1alpha1.NamespaceRollout) { setState(c, v1alpha1.ReasonViolations) }, rung: rung, want: approve,
	},
	"next is no enforce rung": {
		change: func(c *v1alpha1.NamespaceRollout) {
			c.Status.Next = &v1alpha1.Rung{Mode: v1alpha1.ModeWarn, To: rung, Rung: "warn=" + rung}
		},
		wantErr: "next is warn=baseline:v1.37",
	},
	"nothing is left":       {change: func(c *v1alpha1.NamespaceRollout) { c.Status.Next = nil }, wantErr: "no rung is left"},
	"a rung that is none":   {rung: "baseline", wantErr: "must be <level>:<version>"},
	"a rung that goes down": {rung: "privileged:latest", wantErr: "never lowers"},
}

func TestApproved(t *testing.T) {
	for name, test := range approvedTests {
		t.Run(name, func(t *testing.T) {
			claim, rollout := waiting(), manual()
			if test.change != nil {
				test.change(claim)
			}
			if test.automatic {
				rollout.Spec.Strategy = nil
			}
			if test.hidden {
				rollout = nil
			}
			got, err := approved(claim, rollout, test.rung)
			check(t, got, err, test.want, test.wantErr)
		})
	}
}

func TestRetried(t *testing.T) {
	tests := map[string]struct {
		change  func(*v1alpha1.NamespaceRollout)
		want    []map[string]any
		wantErr string
	}{
		"rolled back": {
			change: func(c *v1alpha1.NamespaceRollout) {
				c.Status.Rollback = &v1alpha1.Rollback{Rung: rung, ApprovalGeneration: 3, Message: "pods are refused"}
			},
			want: []map[string]any{{"approvedEnforce": rung}},
		},
		"refused": {
			change: func(c *v1alpha1.NamespaceRollout) {
				c.Status.WriteRefusal = &v1alpha1.WriteRefusal{Rung: "enforce=" + rung, Message: "a webhook said no"}
			},
			wantErr: "tried again by itself at",
		},
		"neither": {change: func(*v1alpha1.NamespaceRollout) {}, wantErr: "nothing was rolled back or refused. It is at AwaitingApproval"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			claim := waiting()
			test.change(claim)
			got, err := retried(claim, manual())
			check(t, got, err, test.want, test.wantErr)
		})
	}
}

func TestWithdrawn(t *testing.T) {
	claim := waiting()
	got, err := withdrawn(claim)
	check(t, got, err, nil, "nothing is approved")
	claim.Spec.ApprovedEnforce = rung
	got, err = withdrawn(claim)
	check(t, got, err, []map[string]any{{"approvedEnforce": nil}}, "")
}

func check(t *testing.T, got change, err error, want []map[string]any, wantErr string) {
	t.Helper()
	if wantErr != "" {
		if err == nil || !strings.Contains(err.Error(), wantErr) {
			t.Fatalf("error %v, want %q", err, wantErr)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got.specs); diff != "" {
		t.Errorf("the changes (-want +got):\n%s", diff)
	}
	if got.said == "" || got.undo == "" {
		t.Errorf("it says %q and is undone by %q", got.said, got.undo)
	}
}

func TestSwitched(t *testing.T) {
	tests := map[string]struct {
		before, suspend bool
		want            string
		wantChange      bool
	}{
		"suspend":           {false, true, "PodSecurityRollout platform suspended: spec.suspend false → true", true},
		"resume":            {true, false, "PodSecurityRollout platform resumed: spec.suspend true → false", true},
		"suspended already": {true, true, "PodSecurityRollout platform is suspended already: nothing changed", false},
		"runs already":      {false, false, "PodSecurityRollout platform is not suspended already: nothing changed", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := manual()
			r.Spec.Suspend = ptr.To(test.before)
			got, changes := switched(r, test.suspend)
			if got.said != test.want || changes != test.wantChange {
				t.Errorf("said %q, changes: %v; want %q, %v", got.said, changes, test.want, test.wantChange)
			}
		})
	}
}

// TestAppliedBy names a GitOps tool that applies the field, and nobody else.
func TestAppliedBy(t *testing.T) {
	r := manual()
	r.ManagedFields = []metav1.ManagedFieldsEntry{
		{Manager: "argocd", Operation: metav1.ManagedFieldsOperationApply, FieldsV1: metav1.NewFieldsV1(`{"f:spec":{"f:suspend":{}}}`)},
		{Manager: "kubectl-edit", Operation: metav1.ManagedFieldsOperationUpdate, FieldsV1: metav1.NewFieldsV1(`{"f:spec":{"f:suspend":{}}}`)},
		{Manager: "other", Operation: metav1.ManagedFieldsOperationApply, FieldsV1: metav1.NewFieldsV1(`{"f:spec":{"f:mode":{}}}`)},
	}
	if got, want := appliedBy(r, []map[string]any{{"suspend": true}}), `field manager "argocd"`; got != want {
		t.Errorf("applied by %q, want %q", got, want)
	}
}
