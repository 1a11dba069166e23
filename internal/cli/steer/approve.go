// SPDX-License-Identifier: Apache-2.0

package steer

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	psaapi "k8s.io/pod-security-admission/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/cli"
	"github.com/podsecurity-rollout/operator/internal/cli/cluster"
	"github.com/podsecurity-rollout/operator/internal/cli/survey"
	"github.com/podsecurity-rollout/operator/internal/standards"
	"github.com/podsecurity-rollout/operator/internal/summary"
)

// NewApprove answers the command.
func NewApprove(f cli.Factory) *cobra.Command {
	o := &options{Factory: f}
	var rung string
	var withdraw bool
	cmd := &cobra.Command{
		Use:   "approve NAMESPACE",
		Short: "Let the enforce rung that a namespace waits with be climbed",
		Long: `Approves the next enforce rung of a namespace, when it waits for approval or was rolled back, by naming exactly that rung in
spec.approvedEnforce of its NamespaceRollout. Everything else that has to hold still has to: what runs there has to comply, and the
API server to agree. An approval is used once.

With --rung a rung is approved before its time; --withdraw takes back an approval that was not used yet.`,
		Example: `  # What waits for approval?
  kubectl podsecurity status -o json | jq -r '.rollouts[].held[] | select(.reason == "AwaitingApproval") | .namespace'

  kubectl podsecurity approve shop

  # Before its time
  kubectl podsecurity approve shop --rung baseline:v1.37`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cluster.CompleteNamespaces(f, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.steerClaim(cmd.Context(), args[0], func(claim *v1alpha1.NamespaceRollout, rollout *v1alpha1.PodSecurityRollout) (change, error) {
				if withdraw {
					return withdrawn(claim)
				}
				return approved(claim, rollout, rung)
			})
		},
	}
	cmd.Flags().StringVar(&rung, "rung", "", "The level and version to approve, such as baseline:v1.37 (default: the next rung)")
	cmd.Flags().BoolVar(&withdraw, "withdraw", false, "Take back an approval that was not used yet")
	cmd.MarkFlagsMutuallyExclusive("rung", "withdraw")
	o.addFlags(cmd)
	return cmd
}

// NewRetry answers the command.
func NewRetry(f cli.Factory) *cobra.Command {
	o := &options{Factory: f}
	cmd := &cobra.Command{
		Use:   "retry NAMESPACE",
		Short: "Try an enforce rung again that was rolled back",
		Long: `An enforce rung that was rolled back is not tried again by itself. This approves it anew, so that it is, as soon as everything
complies. A change of the rollout's spec does the same for all of its namespaces.

A rung whose write the API server refused is tried again by itself; this says when, and changes nothing.`,
		Example:           `  kubectl podsecurity retry shop`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cluster.CompleteNamespaces(f, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.steerClaim(cmd.Context(), args[0], retried)
		},
	}
	o.addFlags(cmd)
	return cmd
}

// steerClaim changes the NamespaceRollout of a namespace as a function decides.
func (o *options) steerClaim(
	ctx context.Context, namespace string, decide func(*v1alpha1.NamespaceRollout, *v1alpha1.PodSecurityRollout) (change, error),
) error {
	t, api, err := o.open()
	if err != nil {
		return err
	}
	claim, rollout, err := managed(ctx, api, namespace)
	if err != nil {
		return err
	}
	todo, err := decide(claim, rollout)
	if err != nil {
		return fmt.Errorf("namespace %s: %w", namespace, err)
	}
	return o.make(ctx, t, api, todo)
}

// managed reads a claim and the rollout that it belongs to. Who may approve need not be allowed to read rollouts: then there is none.
func managed(ctx context.Context, api client.Reader, namespace string) (*v1alpha1.NamespaceRollout, *v1alpha1.PodSecurityRollout, error) {
	claim, err := cluster.Claim(ctx, api, namespace)
	if err != nil {
		return nil, nil, err
	}
	if claim == nil {
		return nil, nil, fmt.Errorf("namespace %s: there is no NamespaceRollout: either there is no such namespace, or no PodSecurityRollout selects it", namespace)
	}
	owner := cluster.OwnerOf(claim)
	if owner == "" {
		return nil, nil, fmt.Errorf("namespace %s: no PodSecurityRollout owns its NamespaceRollout, so nobody acts on it", namespace)
	}
	rollout, err := cluster.Rollout(ctx, api, owner)
	if apierrors.IsForbidden(err) {
		return claim, nil, nil
	}
	return claim, rollout, err
}

// approved answers the change that approves the next rung, or the one given, or why it would be of no use. The rollout is nil when it may not be read.
func approved(claim *v1alpha1.NamespaceRollout, rollout *v1alpha1.PodSecurityRollout, rung string) (change, error) {
	if rung != "" {
		lv, err := standards.ParseLevelVersion(rung)
		if err != nil {
			return change{}, err
		}
		if lv.Level == psaapi.LevelPrivileged {
			return change{}, errors.New("there is no rung to privileged: the operator never lowers a level")
		}
		return approval(claim, rung)
	}
	next := claim.Status.Next
	if next == nil {
		return change{}, errors.New("no rung is left to climb: the target is reached, or the operator has not looked at it yet")
	}
	if next.Mode != v1alpha1.ModeEnforce {
		return change{}, fmt.Errorf("next is %s, and only enforce rungs are approved: --rung baseline:%s approves one before its time",
			next.Rung, versionOf(next.To))
	}
	state, message := summary.State(claim.Status)
	switch {
	case state == v1alpha1.ReasonAwaitingApproval, state == v1alpha1.ReasonRolledBack, stands(claim, string(next.To)):
		return approval(claim, string(next.To))
	case rollout != nil && !survey.Manual(rollout):
		return change{}, fmt.Errorf("PodSecurityRollout %s asks for no approval. What it waits for is %s: %s", rollout.Name, state, message)
	default:
		return change{}, fmt.Errorf("it does not wait for approval now, but for %s: %s. To approve before its time: --rung %s", state, message, next.To)
	}
}

// approval answers the change that makes a rung's approval count: an approval counts in a generation newer than the one in which it was used or the rung
// rolled back, so one that stands there already is taken away first.
func approval(claim *v1alpha1.NamespaceRollout, rung string) (change, error) {
	before := claim.Spec.ApprovedEnforce
	if stands(claim, rung) {
		return change{}, fmt.Errorf("%s is approved already (and not climbed yet)", rung)
	}
	todo := change{
		object: claim,
		said:   fmt.Sprintf("Approved enforce=%s in namespace %s: spec.approvedEnforce %q → %q", rung, claim.Namespace, before, rung),
		undo:   fmt.Sprintf("kubectl podsecurity approve %s --withdraw (until it is climbed)", claim.Namespace),
	}
	if before == rung {
		todo.specs = append(todo.specs, map[string]any{"approvedEnforce": nil})
	}
	todo.specs = append(todo.specs, map[string]any{"approvedEnforce": rung})
	return todo, nil
}

// stands is whether a rung is approved and the approval was neither used nor overtaken by a rollback.
func stands(claim *v1alpha1.NamespaceRollout, rung string) bool {
	return claim.Spec.ApprovedEnforce == rung && claim.Generation > claim.Status.ApprovalUsedGeneration && !heldBy(claim, rung)
}

// heldBy is whether a rollback decided under the present approval holds a rung.
func heldBy(claim *v1alpha1.NamespaceRollout, rung string) bool {
	r := claim.Status.Rollback
	return r != nil && string(r.Rung) == rung && r.ApprovalGeneration == claim.Generation
}

func withdrawn(claim *v1alpha1.NamespaceRollout) (change, error) {
	before := claim.Spec.ApprovedEnforce
	if before == "" {
		return change{}, errors.New("nothing is approved")
	}
	return change{
		object: claim,
		said:   fmt.Sprintf("Withdrew the approval of enforce=%s in namespace %s: spec.approvedEnforce %q → \"\"", before, claim.Namespace, before),
		undo:   fmt.Sprintf("kubectl podsecurity approve %s --rung %s", claim.Namespace, before),
		specs:  []map[string]any{{"approvedEnforce": nil}},
	}, nil
}

// retried answers the change that has a rung tried again that was rolled back, or why there is none to make.
func retried(claim *v1alpha1.NamespaceRollout, _ *v1alpha1.PodSecurityRollout) (change, error) {
	if r := claim.Status.Rollback; r != nil {
		todo, err := approval(claim, string(r.Rung))
		if err != nil {
			return todo, err
		}
		todo.said = fmt.Sprintf("%s. It was rolled back at %s: %s", todo.said, r.Time.UTC().Format("2006-01-02T15:04:05Z"), r.Message)
		return todo, nil
	}
	if r := claim.Status.WriteRefusal; r != nil {
		return change{}, fmt.Errorf("nothing to change: %s is tried again by itself at %s. The API server refused to let it be written: %s. "+
			"Once that is put right, it will go", r.Rung, r.RetryAt.UTC().Format("2006-01-02T15:04:05Z"), r.Message)
	}
	state, message := summary.State(claim.Status)
	return change{}, fmt.Errorf("nothing was rolled back or refused. It is at %s: %s", state, message)
}

// versionOf is the version of a level and version.
func versionOf(lv v1alpha1.LevelVersion) string {
	parsed, err := standards.ParseLevelVersion(string(lv))
	if err != nil {
		return "latest"
	}
	return parsed.Version.String()
}
