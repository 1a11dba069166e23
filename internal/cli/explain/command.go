// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"

	"github.com/podsecurity-rollout/operator/internal/cli"
	"github.com/podsecurity-rollout/operator/internal/cli/cluster"
	"github.com/podsecurity-rollout/operator/internal/cli/output"
	"github.com/podsecurity-rollout/operator/internal/cli/survey"
	"github.com/podsecurity-rollout/operator/internal/cli/term"
	"github.com/podsecurity-rollout/operator/internal/gate"
	"github.com/podsecurity-rollout/operator/internal/inventory"
	"github.com/podsecurity-rollout/operator/internal/ladder"
	"github.com/podsecurity-rollout/operator/internal/nslabels"
)

type options struct {
	cli.Factory
	term      term.Options
	format    output.Format
	look      survey.Flags
	askServer bool
}

// New answers the command.
func New(f cli.Factory) *cobra.Command {
	o := &options{Factory: f}
	cmd := &cobra.Command{
		Use:   "explain [NAMESPACE]",
		Short: "One namespace: its ladder, what holds the next rung, and how to put it right",
		Long: `Where one namespace is on its ladder and why: the rungs climbed and to come, what each rule of the gate says of the next rung,
and every workload that violates a level on the way, with the field to set and where it is documented.

The rules are the operator's own, asked now and from what runs now: what is put right shows at once. The last rule, the API server's
own dry run, is asked with --ask-server, which needs the right to patch the namespace; nothing is changed.

Without the operator it shows what a preview knows. NAMESPACE is that of the current context when it is left out.`,
		Example: `  # Why does it not move?
  kubectl podsecurity explain shop

  # Ask the API server's dry run too
  kubectl podsecurity explain shop --ask-server

  # What holds it, for a script
  kubectl podsecurity explain shop -o json | jq -r '.gate[] | select(.holds) | .reason'`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: cluster.CompleteNamespaces(f, 1),
		RunE:              o.run,
	}
	cmd.Flags().BoolVar(&o.askServer, "ask-server", false, "Have the API server judge the next rung by a dry run as well")
	o.look.AddFlags(cmd, false)
	o.format.AddFlag(cmd, output.Table, output.JSON, output.YAML)
	o.term.AddFlags(cmd)
	cluster.AddFlags(cmd, f)
	return cmd
}

func (o *options) run(cmd *cobra.Command, args []string) error {
	t, err := o.term.Open(o.Out)
	if err != nil {
		return err
	}
	if err := o.format.Validate(); err != nil {
		return err
	}
	name, err := cluster.NamespaceOf(o.Factory, args)
	if err != nil {
		return err
	}
	c, err := cluster.Connect(o.Factory)
	if err != nil {
		return err
	}
	s, err := o.look.Look(cmd.Context(), c, o.ErrOut, name)
	if err != nil {
		return err
	}
	explanation, err := o.explain(cmd.Context(), c, s)
	if err != nil {
		return err
	}
	if o.format.Machine() {
		return o.format.Write(t, explanation)
	}
	write(t, explanation)
	return nil
}

// explain gathers what the operator has recorded, if there is one, and explains the namespace of the survey.
func (o *options) explain(ctx context.Context, c *cluster.Cluster, s *survey.Survey) (Explanation, error) {
	e := begin(s)
	managed, err := o.recorded(ctx, c, s, &e)
	if err != nil || managed == nil {
		return e, err
	}
	managed.Now = clock.RealClock{}.Now()
	target, err := targetOf(managed.Rollout, managed.Namespace, s.Server)
	if err != nil {
		e.note(fmt.Sprintf("PodSecurityRollout %s is not acted on here: %v", managed.Rollout.Name, err))
		return e, nil
	}
	e.addLadder(s, *managed, target)
	next, ok := ladder.Next(nslabels.Read(managed.Namespace, s.Config.Defaults).Policy, target, s.Server)
	if !ok {
		return e, nil
	}
	question, err := s.Question(*managed, next)
	if err != nil {
		return e, err
	}
	if err := addReports(ctx, c, managed, &question); err != nil {
		return e, err
	}
	if o.askServer {
		if question.DryRun, err = dryRun(ctx, c, managed, next); err != nil {
			return e, err
		}
	}
	e.addGate(question)
	return e, nil
}

// recorded reads the claim and its rollout. It answers nil, and notes why, when the operator has nothing to say of the namespace.
func (o *options) recorded(ctx context.Context, c *cluster.Cluster, s *survey.Survey, e *Explanation) (*survey.Case, error) {
	api, err := c.Rollouts()
	if err != nil {
		return nil, err
	}
	ns := &s.Namespaces[0]
	claim, err := cluster.Claim(ctx, api, ns.Name)
	switch {
	case errors.Is(err, cluster.ErrNotInstalled):
		e.note("The operator is not installed in this cluster: this is what a preview knows.")
		return nil, nil
	case err != nil:
		return nil, err
	case claim == nil:
		e.note("No PodSecurityRollout selects this namespace: this is what a preview knows.")
		return nil, nil
	}
	owner := cluster.OwnerOf(claim)
	if owner == "" {
		e.note("No PodSecurityRollout owns the NamespaceRollout that is here: this is what a preview knows.")
		return nil, nil
	}
	e.addRecord(claim, owner)
	rollout, err := cluster.Rollout(ctx, api, owner)
	if apierrors.IsForbidden(err) {
		e.note(fmt.Sprintf("You may not read PodSecurityRollout %s, so its gate is not asked: this is what the operator has recorded.", owner))
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	e.Rollout.Suspended = ptr.Deref(rollout.Spec.Suspend, false)
	return &survey.Case{Namespace: ns, Rollout: rollout, Claim: claim}, nil
}

// addReports reads the reports of other tools with the rights of whoever asks.
func addReports(ctx context.Context, c *cluster.Cluster, managed *survey.Case, question *gate.Input) error {
	clients, err := inventory.NewClients(c.Config)
	if err != nil {
		return err
	}
	return cluster.Explain(managed.AddReports(ctx, clients, question))
}

func dryRun(ctx context.Context, c *cluster.Cluster, managed *survey.Case, next ladder.Rung) (*gate.DryRun, error) {
	labels, err := nslabels.NewClient(c.Config)
	if err != nil {
		return nil, err
	}
	answer, err := labels.DryRun(ctx, managed.Namespace, next.To)
	if err != nil {
		return nil, cluster.Explain(err)
	}
	return &answer, nil
}
