// SPDX-License-Identifier: Apache-2.0

package status

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/cli"
	"github.com/podsecurity-rollout/operator/internal/cli/cluster"
	"github.com/podsecurity-rollout/operator/internal/cli/output"
	"github.com/podsecurity-rollout/operator/internal/cli/term"
)

type options struct {
	cli.Factory
	term   term.Options
	format output.Format
	watch  bool
}

// New answers the command.
func New(f cli.Factory) *cobra.Command {
	o := &options{Factory: f}
	cmd := &cobra.Command{
		Use:   "status [ROLLOUT]",
		Short: "How far the rollouts are: waves, what moves, what is held and by what",
		Long: `How far each PodSecurityRollout is: its waves, what its namespaces are at, and which of them wait for a person and why. Of a
rollout that is named, every such namespace is listed, otherwise the first few.

With -w it stays and follows: on a terminal it is drawn again in its place, elsewhere written again whenever it has changed.`,
		Example: `  # All rollouts
  kubectl podsecurity status

  # One rollout, live
  kubectl podsecurity status platform -w

  # Which namespaces wait for a person?
  kubectl podsecurity status platform -o json | jq -r '.rollouts[].held[].namespace'`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: cluster.CompleteRollouts(f),
		RunE:              o.run,
	}
	cmd.Flags().BoolVarP(&o.watch, "watch", "w", false, "Follow live, until interrupted")
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
	if o.watch && o.format.Machine() {
		return errors.New("-w does not go with -o json or yaml: `kubectl get podsecurityrollouts -w -o json` follows the objects")
	}
	name := ""
	if len(args) > 0 {
		name = args[0]
	}
	c, err := cluster.Connect(o.Factory)
	if err != nil {
		return err
	}
	if o.watch {
		return o.follow(cmd.Context(), t, c, name)
	}
	api, err := c.Rollouts()
	if err != nil {
		return err
	}
	fleet, err := read(cmd.Context(), api, name, cluster.Claims)
	if err != nil {
		return err
	}
	if o.format.Machine() {
		return o.format.Write(t, fleet)
	}
	write(t, fleet, name != "")
	return nil
}

// read reads the rollouts, or one, and the namespaces under them with a function for its kind of reader.
func read(ctx context.Context, api client.Reader, name string, list func(context.Context, client.Reader) ([]v1alpha1.NamespaceRollout, error)) (Fleet, error) {
	var rollouts []v1alpha1.PodSecurityRollout
	if name == "" {
		all, err := cluster.Rollouts(ctx, api)
		if err != nil {
			return Fleet{}, err
		}
		rollouts = all
	} else {
		one, err := cluster.Rollout(ctx, api, name)
		if err != nil {
			return Fleet{}, err
		}
		rollouts = append(rollouts, *one)
	}
	claims, err := list(ctx, api)
	if err != nil {
		return Fleet{}, err
	}
	return fleetOf(rollouts, claims), nil
}
