// SPDX-License-Identifier: Apache-2.0

package labels

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	psaapi "k8s.io/pod-security-admission/api"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/cli"
	"github.com/podsecurity-rollout/operator/internal/cli/cluster"
	"github.com/podsecurity-rollout/operator/internal/cli/output"
	"github.com/podsecurity-rollout/operator/internal/cli/survey"
	"github.com/podsecurity-rollout/operator/internal/fleet"
	"github.com/podsecurity-rollout/operator/internal/ladder"
	"github.com/podsecurity-rollout/operator/internal/nslabels"
)

type options struct {
	cli.Factory
	format output.Format
	look   survey.Flags
	whole  bool
	level  string
}

// New answers the command.
func New(f cli.Factory) *cobra.Command {
	o := &options{Factory: f}
	cmd := &cobra.Command{
		Use:   "labels [NAMESPACE]",
		Short: "The labels of the next rung as a patch, for Git that owns them",
		Long: `Writes the Namespace with the six pod-security labels as they are after its next rung, or with --target as its target has them. It
is a patch for kustomize, or to be put into the manifest that Git applies, where the operator yields to that (state LabelConflict).
Nothing is changed in the cluster.

The target is that of the PodSecurityRollout that selects the namespace; without one, --level names it.

Exit code: 1 when what runs there violates what would be enforced: the patch is written all the same, with a comment.`,
		Example: `  # The next rung
  kubectl podsecurity labels shop > shop/pod-security.yaml

  # Everything at once
  kubectl podsecurity labels shop --target

  # Without the operator
  kubectl podsecurity labels shop --target --level baseline`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: cluster.CompleteNamespaces(f, 1),
		RunE:              o.run,
	}
	cmd.Flags().BoolVar(&o.whole, "target", false, "The labels of the target instead of those after the next rung")
	cmd.Flags().StringVar(&o.level, "level", "", "The target's level, baseline or restricted, instead of a rollout's")
	_ = cmd.RegisterFlagCompletionFunc("level", cobra.FixedCompletions(
		[]cobra.Completion{string(psaapi.LevelBaseline), string(psaapi.LevelRestricted)}, cobra.ShellCompDirectiveNoFileComp))
	o.look.AddFlags(cmd, false)
	o.format.AddFlag(cmd, output.YAML, output.JSON)
	cluster.AddFlags(cmd, f)
	return cmd
}

func (o *options) run(cmd *cobra.Command, args []string) error {
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
	ns := &s.Namespaces[0]
	target, err := o.target(cmd.Context(), c, ns, s.Server)
	if err != nil {
		return err
	}
	current := nslabels.Read(ns, s.Config.Defaults).Policy
	wanted, next := after(current, target, s.Server, o.whole)
	if next == "" {
		fmt.Fprintf(o.ErrOut, "Namespace %s has nothing left to climb: these are the labels that it has or may have.\n", name)
	}
	return o.write(s, ns.Name, wanted, next)
}

// target answers the policy to reach: that of --level, or of the rollout that selects the namespace.
func (o *options) target(ctx context.Context, c *cluster.Cluster, ns *corev1.Namespace, server psaapi.Version) (psaapi.Policy, error) {
	if o.level != "" {
		return ladder.TargetPolicy(v1alpha1.Target{Name: "--level", Enforce: v1alpha1.Level(o.level)}, server)
	}
	api, err := c.Rollouts()
	if err != nil {
		return psaapi.Policy{}, err
	}
	rollouts, err := cluster.Rollouts(ctx, api)
	if errors.Is(err, cluster.ErrNotInstalled) {
		return psaapi.Policy{}, errors.New("the operator is not installed in this cluster: name the target with --level")
	}
	if err != nil {
		return psaapi.Policy{}, err
	}
	return targetOf(rollouts, ns, server)
}

// targetOf answers the policy of the rollout that a namespace belongs to.
func targetOf(rollouts []v1alpha1.PodSecurityRollout, ns *corev1.Namespace, server psaapi.Version) (psaapi.Policy, error) {
	matched := fleet.Namespace{Name: ns.Name, Labels: ns.Labels}
	var compiled []fleet.Rollout
	specs := map[string]*v1alpha1.PodSecurityRollout{}
	for i := range rollouts {
		r, err := fleet.Compile(&rollouts[i])
		if err != nil {
			continue // the operator does not act on it either
		}
		compiled = append(compiled, r)
		specs[r.Name] = &rollouts[i]
	}
	owner, selected := fleet.Claimant(compiled, matched)
	if !selected {
		return psaapi.Policy{}, fmt.Errorf("no PodSecurityRollout selects namespace %s: name the target with --level", ns.Name)
	}
	i, _ := owner.Target(matched)
	return ladder.TargetPolicy(specs[owner.Name].Spec.Targets[i], server)
}

// after answers the policy after the next rung, or after all of them, and the rungs that lead there, empty when none is left.
func after(current, target psaapi.Policy, server psaapi.Version, whole bool) (wanted psaapi.Policy, rungs string) {
	for _, rung := range ladder.Remaining(current, target, server) {
		current = ladder.With(current, rung.Mode, rung.To)
		if rungs != "" {
			rungs += ", "
		}
		rungs += rung.String()
		if !whole {
			break
		}
	}
	return current, rungs
}
