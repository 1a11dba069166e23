// SPDX-License-Identifier: Apache-2.0

package steer

import (
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/utils/ptr"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/cli"
	"github.com/podsecurity-rollout/operator/internal/cli/cluster"
	"github.com/podsecurity-rollout/operator/internal/cli/term"
)

// NewSuspend answers the command.
func NewSuspend(f cli.Factory) *cobra.Command {
	return newSwitch(f, true, &cobra.Command{
		Use:   "suspend ROLLOUT",
		Short: "Stop a rollout from writing labels",
		Long: `Sets spec.suspend of a PodSecurityRollout: no label is written any more, no level taken back either. What runs is judged all the
same, and the status says how each namespace would stand.`,
		Example: `  kubectl podsecurity suspend platform`,
	})
}

// NewResume answers the command.
func NewResume(f cli.Factory) *cobra.Command {
	return newSwitch(f, false, &cobra.Command{
		Use:     "resume ROLLOUT",
		Short:   "Let a suspended rollout go on",
		Long:    `Clears spec.suspend of a PodSecurityRollout: it goes on where it was.`,
		Example: `  kubectl podsecurity resume platform`,
	})
}

// newSwitch completes a command that sets spec.suspend.
func newSwitch(f cli.Factory, suspend bool, cmd *cobra.Command) *cobra.Command {
	o := &options{Factory: f}
	cmd.Args = cobra.ExactArgs(1)
	cmd.ValidArgsFunction = cluster.CompleteRollouts(f)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		t, api, err := o.open()
		if err != nil {
			return err
		}
		rollout, err := cluster.Rollout(cmd.Context(), api, args[0])
		if err != nil {
			return err
		}
		todo, ok := switched(rollout, suspend)
		if !ok {
			t.Text(term.Plain, 0, todo.said)
			return nil
		}
		return o.make(cmd.Context(), t, api, todo)
	}
	o.addFlags(cmd)
	return cmd
}

// switched answers the change that suspends or resumes a rollout, and false with what there is to say when it is so already.
func switched(r *v1alpha1.PodSecurityRollout, suspend bool) (change, bool) {
	before := ptr.Deref(r.Spec.Suspend, false)
	did, undo, now := "resumed", "suspend", "not suspended"
	if suspend {
		did, undo, now = "suspended", "resume", "suspended"
	}
	if before == suspend {
		return change{said: fmt.Sprintf("PodSecurityRollout %s is %s already: nothing changed", r.Name, now)}, false
	}
	return change{
		object: r,
		said:   fmt.Sprintf("PodSecurityRollout %s %s: spec.suspend %t → %t", r.Name, did, before, suspend),
		undo:   fmt.Sprintf("kubectl podsecurity %s %s", undo, r.Name),
		specs:  []map[string]any{{"suspend": suspend}},
	}, true
}
