// SPDX-License-Identifier: Apache-2.0

package steer

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/podsecurity-rollout/operator/internal/cli"
	"github.com/podsecurity-rollout/operator/internal/cli/cluster"
	"github.com/podsecurity-rollout/operator/internal/cli/term"
)

// FieldManager is the name under which the plugin changes specs.
const FieldManager = "kubectl-podsecurity"

// The values of --dry-run.
const (
	dryRunNone   = "none"
	dryRunClient = "client"
	dryRunServer = "server"
)

// options are what the four commands share.
type options struct {
	cli.Factory
	term   term.Options
	dryRun string
}

func (o *options) addFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.dryRun, "dry-run", dryRunNone,
		"none changes it, client says what would be changed, server has the API server check it and changes nothing")
	_ = cmd.RegisterFlagCompletionFunc("dry-run", cobra.FixedCompletions([]cobra.Completion{dryRunNone, dryRunClient, dryRunServer}, cobra.ShellCompDirectiveNoFileComp))
	o.term.AddFlags(cmd)
	cluster.AddFlags(cmd, o.Factory)
}

// open finds out about the terminal, and answers a client.
func (o *options) open() (*term.Terminal, client.Client, error) {
	switch o.dryRun {
	case dryRunNone, dryRunClient, dryRunServer:
	default:
		return nil, nil, fmt.Errorf("--dry-run %q is none of %s, %s and %s", o.dryRun, dryRunNone, dryRunClient, dryRunServer)
	}
	t, err := o.term.Open(o.Out)
	if err != nil {
		return nil, nil, err
	}
	c, err := cluster.Connect(o.Factory)
	if err != nil {
		return nil, nil, err
	}
	api, err := c.Rollouts()
	return t, api, err
}

// change is one change of a spec.
type change struct {
	object client.Object
	// said is what was changed, undo the command that takes it back.
	said, undo string
	// specs are written one after the other: more than one where a generation has to pass.
	specs []map[string]any
}

// make writes a change and says so.
func (o *options) make(ctx context.Context, t *term.Terminal, api client.Client, c change) error {
	if o.dryRun != dryRunClient {
		if err := o.patch(ctx, api, c); err != nil {
			return err
		}
	}
	suffix := map[string]string{dryRunClient: " (dry run)", dryRunServer: " (server dry run)"}[o.dryRun]
	t.Text(term.Good, 0, c.said+suffix)
	t.Text(term.Muted, 2, "To undo: "+c.undo)
	if owners := appliedBy(c.object, c.specs); o.dryRun == dryRunNone && owners != "" {
		fmt.Fprintf(o.ErrOut, "warning: %s applies this field and may put it back: change it there too\n", owners)
	}
	return nil
}

func (o *options) patch(ctx context.Context, api client.Client, c change) error {
	options := []client.PatchOption{client.FieldOwner(FieldManager)}
	if o.dryRun == dryRunServer {
		options = append(options, client.DryRunAll)
	}
	for _, spec := range c.specs {
		patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": c.object.GetUID()}, "spec": spec})
		if err != nil {
			return fmt.Errorf("encoding the change: %w", err)
		}
		changed, ok := c.object.DeepCopyObject().(client.Object)
		if !ok {
			return fmt.Errorf("copying %T: it is no object", c.object)
		}
		if err := api.Patch(ctx, changed, client.RawPatch(types.MergePatchType, patch), options...); err != nil {
			return cluster.Explain(fmt.Errorf("changing %s: %w", c.object.GetName(), err))
		}
	}
	return nil
}

// appliedBy answers the field managers that apply a field which is changed, a GitOps tool as a rule: they will put it back.
func appliedBy(object client.Object, specs []map[string]any) string {
	var owners []string
	for _, entry := range object.GetManagedFields() {
		if entry.Operation != metav1.ManagedFieldsOperationApply || entry.FieldsV1 == nil {
			continue
		}
		set := &fieldpath.Set{}
		if err := set.FromJSON(entry.FieldsV1.GetRawReader()); err != nil {
			continue // who owns it is a courtesy
		}
		for field := range specs[len(specs)-1] {
			if set.Has(fieldpath.MakePathOrDie("spec", field)) {
				owners = append(owners, fmt.Sprintf("field manager %q", entry.Manager))
			}
		}
	}
	return strings.Join(owners, " and ")
}
