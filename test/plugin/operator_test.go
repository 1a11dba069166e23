// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/yaml"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/controllers"
	"github.com/podsecurity-rollout/operator/test/crowd"
	"github.com/podsecurity-rollout/operator/test/e2e/await"
)

// runOperator has the operator run until the test is over.
func runOperator(t *testing.T) {
	t.Helper()
	mgr, err := ctrl.NewManager(site.Config(), ctrl.Options{
		Scheme: controllers.NewScheme(), Cache: controllers.CacheOptions(), Metrics: metricsserver.Options{BindAddress: "0"},
		Controller: config.Controller{SkipNameValidation: ptr.To(true)},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := controllers.AddToManager(mgr, controllers.Options{Clock: clock.RealClock{}}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan error, 1)
	go func() { stopped <- mgr.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-stopped; err != nil {
			t.Errorf("the operator: %v", err)
		}
	})
}

const fleetLabel = "example.com/plugin"

// rolloutOf makes a rollout of the namespaces of a fleet, to baseline.
func rolloutOf(t *testing.T, c client.Client, fleet string, change func(*v1alpha1.PodSecurityRolloutSpec)) *v1alpha1.PodSecurityRollout {
	t.Helper()
	r := &v1alpha1.PodSecurityRollout{ObjectMeta: metav1.ObjectMeta{Name: fleet}}
	r.Spec = v1alpha1.PodSecurityRolloutSpec{
		Targets: []v1alpha1.Target{{
			Name: "fleet", Enforce: v1alpha1.LevelBaseline,
			NamespaceSelector: &v1alpha1.NamespaceSelector{MatchLabels: map[string]string{fleetLabel: fleet}},
		}},
		Strategy: &v1alpha1.Strategy{
			Enforce: &v1alpha1.EnforceStrategy{Bake: &metav1.Duration{}}, Budgets: []v1alpha1.Budget{{Namespaces: "100%"}},
		},
	}
	change(&r.Spec)
	create(t, c, r)
	t.Cleanup(func() { remove(t, c, r) })
	return r
}

// awaitState waits until the operator has a namespace at a state.
func awaitState(t *testing.T, c client.Client, namespace, state string) *v1alpha1.NamespaceRollout {
	t.Helper()
	claim := &v1alpha1.NamespaceRollout{}
	await.Until(t, soon, func() error {
		if err := c.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: v1alpha1.NamespaceRolloutName}, claim); err != nil {
			return err
		}
		if now := meta.FindStatusCondition(claim.Status.Conditions, v1alpha1.ConditionProgressing); now == nil || now.Reason != state {
			return fmt.Errorf("namespace %s is at %v, not at %s", namespace, now, state)
		}
		return nil
	})
	return claim
}

// TestExplainAgreesWithOperator compares what the plugin puts together for the gate with what the operator does: in every state that a gate rule gives, the
// first rule that holds says what the operator's status says, to the letter.
func TestExplainAgreesWithOperator(t *testing.T) {
	runOperator(t)
	c := newClient(t, site)
	none := func(*v1alpha1.PodSecurityRolloutSpec) {}
	tests := map[string]struct {
		spec      func(*v1alpha1.PodSecurityRolloutSpec)
		namespace func(*corev1.Namespace)
		level     string
		want      string
	}{
		"violations": {spec: none, level: "privileged", want: v1alpha1.ReasonViolations},
		"approval": {
			spec: func(s *v1alpha1.PodSecurityRolloutSpec) { s.Strategy.Enforce.Approval = v1alpha1.ApprovalManual }, level: "baseline",
			want: v1alpha1.ReasonAwaitingApproval,
		},
		"soak": {
			spec: func(s *v1alpha1.PodSecurityRolloutSpec) {
				s.Strategy.Enforce.Soak = &metav1.Duration{Duration: time.Hour}
			},
			level: "baseline", want: v1alpha1.ReasonSoaking,
		},
		"turn": {
			spec:  func(s *v1alpha1.PodSecurityRolloutSpec) { s.Strategy.Budgets = []v1alpha1.Budget{{Namespaces: "0"}} },
			level: "baseline", want: v1alpha1.ReasonAwaitingTurn,
		},
		"suspended": {
			spec: func(s *v1alpha1.PodSecurityRolloutSpec) { s.Suspend = ptr.To(true) }, level: "privileged", want: v1alpha1.ReasonSuspended,
		},
		"observing": {
			spec: func(s *v1alpha1.PodSecurityRolloutSpec) { s.Mode = v1alpha1.RolloutModeObserve }, level: "baseline", want: v1alpha1.ReasonObserving,
		},
		"conflict": {
			spec: none, level: "baseline", want: v1alpha1.ReasonLabelConflict,
			namespace: func(ns *corev1.Namespace) { ns.Labels["pod-security.kubernetes.io/audit"] = "privileged" },
		},
		"complete": {spec: none, level: "baseline", want: v1alpha1.ReasonComplete},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			ns := namespaceOf("explain-"+name, map[string]string{fleetLabel: name})
			if test.namespace != nil {
				test.namespace(ns)
			}
			create(t, c, ns)
			create(t, c, crowd.Deployment(ns.Name, "web", crowd.SpecAt(test.level), 1)...)
			rolloutOf(t, c, name, test.spec)
			state := meta.FindStatusCondition(awaitState(t, c, ns.Name, test.want).Status.Conditions, v1alpha1.ConditionProgressing)

			wantAgreement(t, plugin(t, site, "explain", ns.Name, "-o", "json").want(t, 0), name, *state)
		})
	}
}

// wantAgreement fails the test when an explanation says another thing than the operator's condition.
func wantAgreement(t *testing.T, explanation, rollout string, state metav1.Condition) {
	t.Helper()
	type rule struct {
		Rule            string
		Holds           bool
		Reason, Message string
	}
	var got struct {
		Rollout   struct{ Name, State, Message string }
		Gate      []rule
		Remaining []string
	}
	if err := json.Unmarshal([]byte(explanation), &got); err != nil {
		t.Fatal(err)
	}
	if got.Rollout.Name != rollout || got.Rollout.State != state.Reason || got.Rollout.Message != state.Message {
		t.Errorf("of the rollout it says %+v, want %s, %s: %s", got.Rollout, rollout, state.Reason, state.Message)
	}
	if state.Reason == v1alpha1.ReasonComplete {
		if len(got.Gate)+len(got.Remaining) > 0 {
			t.Errorf("rungs are left of a complete namespace: %+v", got)
		}
		return
	}
	// The operator's message goes on with what else holds the rung, which is a rule of its own here.
	first := slices.IndexFunc(got.Gate, func(r rule) bool { return r.Holds })
	if first < 0 || got.Gate[first].Reason != state.Reason || !strings.HasPrefix(state.Message, got.Gate[first].Message) {
		t.Errorf("of the gate it says %+v; the operator %s: %s", got.Gate, state.Reason, state.Message)
	}
}

// TestSteer approves, withdraws, suspends and resumes, and has the operator act on it.
func TestSteer(t *testing.T) {
	runOperator(t)
	c := newClient(t, site)
	create(t, c, namespaceOf("steer", map[string]string{fleetLabel: "steer"}))
	create(t, c, crowd.Deployment("steer", "web", crowd.SpecAt("baseline"), 1)...)
	rolloutOf(t, c, "steer", func(s *v1alpha1.PodSecurityRolloutSpec) { s.Strategy.Enforce.Approval = v1alpha1.ApprovalManual })
	version := strings.TrimPrefix(string(awaitState(t, c, "steer", v1alpha1.ReasonAwaitingApproval).Status.Next.To), "baseline:")

	for _, dryRun := range []string{"client", "server"} {
		wantWords(t, plugin(t, site, "approve", "steer", "--dry-run", dryRun).want(t, 0), "Approved enforce=baseline:"+version, "dry run)")
		wantWords(t, plugin(t, site, "suspend", "steer", "--dry-run", dryRun).want(t, 0), "spec.suspend false → true", "dry run)")
	}
	if claim := awaitState(t, c, "steer", v1alpha1.ReasonAwaitingApproval); claim.Spec.ApprovedEnforce != "" {
		t.Fatalf("a dry run has approved %q", claim.Spec.ApprovedEnforce)
	}
	wantWords(t, plugin(t, site, "retry", "steer").wantError(t), "nothing was rolled back or refused")

	wantWords(t, plugin(t, site, "suspend", "steer").want(t, 0), "To undo: kubectl podsecurity resume steer")
	awaitState(t, c, "steer", v1alpha1.ReasonSuspended)
	wantWords(t, plugin(t, site, "approve", "steer").wantError(t), "it does not wait for approval now, but for Suspended")
	wantWords(t, plugin(t, site, "approve", "steer", "--rung", "baseline:"+version).want(t, 0), "Approved enforce=baseline:"+version)
	wantWords(t, plugin(t, site, "approve", "steer").wantError(t), "is approved already")
	wantWords(t, plugin(t, site, "approve", "steer", "--withdraw").want(t, 0), "Withdrew the approval")
	wantWords(t, plugin(t, site, "resume", "steer").want(t, 0), "spec.suspend true → false")

	awaitState(t, c, "steer", v1alpha1.ReasonAwaitingApproval)
	wantWords(t, plugin(t, site, "status", "steer").want(t, 0), "0 of 1 namespaces complete", "AwaitingApproval", "kubectl podsecurity approve NAMESPACE")
	wantWords(t, plugin(t, site, "labels", "steer").want(t, 0), "# enforce=baseline:"+version, "enforce: baseline", "enforce-version: "+version)
	plugin(t, site, "approve", "steer").want(t, 0)
	claim := awaitState(t, c, "steer", v1alpha1.ReasonComplete)
	managers := []string{}
	for _, entry := range claim.ManagedFields {
		managers = append(managers, entry.Manager)
	}
	if !slices.Contains(managers, "kubectl-podsecurity") {
		t.Errorf("the field managers are %v", managers)
	}
	wantWords(t, plugin(t, site, "approve", "steer").wantError(t), "no rung is left to climb")
}

// TestRetry has a rung tried again that was rolled back under an approval: it counts only anew.
func TestRetry(t *testing.T) {
	c := newClient(t, site)
	create(t, c, namespaceOf("retry", nil))
	rollout := rolloutOf(t, c, "retry", func(*v1alpha1.PodSecurityRolloutSpec) {})
	claim := &v1alpha1.NamespaceRollout{ObjectMeta: metav1.ObjectMeta{Namespace: "retry", Name: v1alpha1.NamespaceRolloutName}}
	if err := ctrl.SetControllerReference(rollout, claim, c.Scheme()); err != nil {
		t.Fatal(err)
	}
	claim.Spec.ApprovedEnforce = "baseline:v1.37"
	create(t, c, claim)
	before := claim.DeepCopy()
	claim.Status.Rollback = &v1alpha1.Rollback{
		Rung: "baseline:v1.37", To: "privileged:v1.37", Time: metav1.Now(), Message: "Pods of Deployment web are refused",
		RolloutGeneration: rollout.Generation, ApprovalGeneration: claim.Generation,
	}
	if err := c.Status().Patch(t.Context(), claim, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
	wantWords(t, plugin(t, site, "retry", "retry").want(t, 0), "Approved enforce=baseline:v1.37", "Pods of Deployment web are refused")
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(claim), claim); err != nil {
		t.Fatal(err)
	}
	if claim.Spec.ApprovedEnforce != "baseline:v1.37" || claim.Generation <= claim.Status.Rollback.ApprovalGeneration {
		t.Errorf("approved %q in generation %d, rolled back in %d", claim.Spec.ApprovedEnforce, claim.Generation, claim.Status.Rollback.ApprovalGeneration)
	}
	wantWords(t, plugin(t, site, "retry", "retry").wantError(t), "approved already")
}

// wantError fails the test when the program did not refuse, and answers what it said.
func (r result) wantError(t *testing.T) string {
	t.Helper()
	r.want(t, 2)
	return r.stderr
}

// TestApprover has somebody approve, and look, with the role that config/rbac has for teams, bound in one namespace.
func TestApprover(t *testing.T) {
	runOperator(t)
	c := newClient(t, site)
	create(t, c, namespaceOf("approver", map[string]string{fleetLabel: "approver"}))
	rolloutOf(t, c, "approver", func(s *v1alpha1.PodSecurityRolloutSpec) { s.Strategy.Enforce.Approval = v1alpha1.ApprovalManual })
	awaitState(t, c, "approver", v1alpha1.ReasonAwaitingApproval)
	role := &rbacv1.ClusterRole{}
	data, err := os.ReadFile(filepath.Join("..", "..", "config", "rbac", "approver_role.yaml"))
	if err == nil {
		err = yaml.Unmarshal(data, role)
	}
	if err != nil {
		t.Fatal(err)
	}
	create(t, c, role)
	t.Cleanup(func() { remove(t, c, role) })
	kubeconfig := bindRoles(t, c, "approver", role.Name, "system:aggregate-to-view")

	wantWords(t, runProgram(t, kubeconfig, program, "explain", "approver").want(t, 0), "You may not read PodSecurityRollout approver", "AwaitingApproval")
	wantWords(t, runProgram(t, kubeconfig, program, "approve", "approver").want(t, 0), "Approved enforce=baseline")
	awaitState(t, c, "approver", v1alpha1.ReasonComplete)
}
