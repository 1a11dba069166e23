// SPDX-License-Identifier: Apache-2.0

package report

import (
	"encoding/csv"
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/utils/clock"

	"github.com/podsecurity-rollout/operator/internal/cli"
	"github.com/podsecurity-rollout/operator/internal/cli/cluster"
	"github.com/podsecurity-rollout/operator/internal/cli/output"
	"github.com/podsecurity-rollout/operator/internal/cli/survey"
	"github.com/podsecurity-rollout/operator/internal/cli/term"
)

type options struct {
	cli.Factory
	term   term.Options
	format output.Format
	look   survey.Flags
	by     string
}

// New answers the command.
func New(f cli.Factory) *cobra.Command {
	o := &options{Factory: f}
	cmd := &cobra.Command{
		Use:   "report [NAMESPACE...]",
		Short: "What violates which level, for the people who put it right",
		Long: `Everything in the cluster, or in some namespaces, that violates baseline or restricted: by owner, by namespace, or by check. By owner
each workload, the topmost controller and where it is put right, stands with those of the same owner: what a label or annotation team,
owner or app.kubernetes.io/part-of says, of the workload or else of its namespace.

-o html writes one page that needs no network: a map of the namespaces by the level they meet, and tables to sort and to search.`,
		Example: `  # By the workload that has to be changed
  kubectl podsecurity report

  # Which check would clear most?
  kubectl podsecurity report --by check

  # A page to send around
  kubectl podsecurity report -o html > pod-security.html

  # For a spreadsheet
  kubectl podsecurity report -l team=shop -o csv`,
		ValidArgsFunction: cluster.CompleteNamespaces(f, mostNamed),
		RunE:              o.run,
	}
	cmd.Flags().StringVar(&o.by, "by", byOwner, "What to list: owner, namespace or check; -o json and html have all three")
	_ = cmd.RegisterFlagCompletionFunc("by", cobra.FixedCompletions([]cobra.Completion{byOwner, byNamespace, byCheck}, cobra.ShellCompDirectiveNoFileComp))
	o.look.AddFlags(cmd, true)
	o.format.AddFlag(cmd, output.Table, output.JSON, output.CSV, output.HTML)
	o.term.AddFlags(cmd)
	cluster.AddFlags(cmd, f)
	return cmd
}

// mostNamed bounds how many namespaces are completed on one command line.
const mostNamed = 100

func (o *options) run(cmd *cobra.Command, names []string) error {
	t, err := o.term.Open(o.Out)
	if err != nil {
		return err
	}
	if err := o.format.Validate(); err != nil {
		return err
	}
	if _, known := views[o.by]; !known {
		return fmt.Errorf("--by %q is none of %s, %s and %s", o.by, byOwner, byNamespace, byCheck)
	}
	if *o.Namespace != "" {
		names = append(names, *o.Namespace)
	}
	c, err := cluster.Connect(o.Factory)
	if err != nil {
		return err
	}
	s, err := o.look.Look(cmd.Context(), c, o.ErrOut, names...)
	if err != nil {
		return err
	}
	return o.write(t, reportOf(s, clock.RealClock{}.Now()))
}

func (o *options) write(t *term.Terminal, r Report) error {
	switch o.format.Name {
	case output.HTML:
		return writePage(t, r, o.by)
	case output.CSV:
		return writeCSV(t, r, o.by)
	case output.JSON:
		return o.format.Write(t, r)
	}
	writeTable(t, r, o.by)
	return nil
}

func writeTable(t *term.Terminal, r Report, by string) {
	if len(r.Violations) == 0 {
		t.Line(t.Paint(term.Good, fmt.Sprintf("Nothing violates restricted in %s.", term.Count(len(r.Namespaces), "namespace"))))
		return
	}
	table := t.Table(views[by].headers...)
	for _, cells := range views[by].cells(r) {
		table.Row(cells...)
	}
	table.Write()
	t.Line("")
	t.Text(term.Muted, 0, "What to set to what: kubectl podsecurity explain NAMESPACE; for a spreadsheet or a browser: -o csv, -o html")
}

func writeCSV(t *term.Terminal, r Report, by string) error {
	w := csv.NewWriter(t)
	if err := w.WriteAll(append([][]string{views[by].columns}, views[by].rows(r)...)); err != nil {
		return fmt.Errorf("writing CSV: %w", err)
	}
	return nil
}
