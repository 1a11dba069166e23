// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/podsecurity-rollout/operator/internal/cli"
	"github.com/podsecurity-rollout/operator/internal/cli/offline"
	"github.com/podsecurity-rollout/operator/internal/standards"
)

const example = `  # All manifests below a directory, against restricted of the newest version known here
  kubectl podsecurity check -f deploy/

  # What Helm or kustomize make, against what the cluster enforces
  helm template web ./chart | kubectl podsecurity check -f - --level baseline --version v1.35
  kustomize build overlays/production | kubectl podsecurity check -f - --level baseline

  # What runs now
  kubectl get deployments,statefulsets,daemonsets,cronjobs -A -o yaml | kubectl podsecurity check -f -

  # Accept what is known, fail on what is new
  kubectl podsecurity check -f deploy/ -o json > baseline.json
  kubectl podsecurity check -f deploy/ --baseline baseline.json`

// options are the flags.
type options struct {
	offline.Options
	genericiooptions.IOStreams

	output, baseline, color string
	verbose                 bool
	toolVersion             string
}

// New answers the command.
func New(f cli.Factory) *cobra.Command {
	o := &options{IOStreams: f.IOStreams, output: "table", color: "auto"}
	cmd := &cobra.Command{
		Use:   "check [-f FILE|DIRECTORY|-]...",
		Short: "Check manifests against a Pod Security Standard, without a cluster",
		Long: `Check every pod and pod template in manifests against a level of the Pod Security Standards, with
the code that API servers enforce it with.

No cluster is asked. Manifests are YAML of any number of documents, or JSON; Lists are taken apart;
a directory stands for all .yaml, .yml and .json files below it. Pods are found in the kinds of
Kubernetes and in well-known custom kinds. Where a Namespace among the manifests has an enforce
label, that is what its pods are held to, unless --level is stricter.

Exit code: 0 when everything complies, 1 when something does not, 2 when something could not be
understood, or there was nothing to check.`,
		Example: example,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.toolVersion = cmd.Root().Version
			return o.run(args)
		},
	}
	o.AddFlags(cmd)
	names := slices.Sorted(maps.Keys(outputs))
	colors := []string{"auto", "always", "never"}
	cmd.Flags().StringVarP(&o.output, "output", "o", o.output, "how to write findings: "+strings.Join(names, ", "))
	cmd.Flags().StringVar(&o.baseline, "baseline", "", "a report, written by -o json, whose findings are accepted")
	cmd.Flags().StringVar(&o.color, "color", o.color, "whether to colour the table: "+strings.Join(colors, ", "))
	cmd.Flags().BoolVarP(&o.verbose, "verbose", "v", false, "list what holds no pod, too")
	for flag, values := range map[string][]string{"output": names, "color": colors} {
		if err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)); err != nil {
			panic(err) // a flag that is not there
		}
	}
	return cmd
}

func (o *options) run(args []string) error {
	write, known := outputs[o.output]
	if !known {
		return fmt.Errorf("--output %q: must be one of %s", o.output, strings.Join(slices.Sorted(maps.Keys(outputs)), ", "))
	}
	if !slices.Contains([]string{"auto", "always", "never"}, o.color) {
		return fmt.Errorf("--color %q: must be auto, always or never", o.color)
	}
	evaluator, err := standards.NewEvaluator()
	if err != nil {
		return err
	}
	in, err := o.Read(args, o.In)
	if err != nil {
		return err
	}
	report := newReport(evaluator, in)
	if err := o.accept(report); err != nil {
		return err
	}
	if err := write(o.Out, report, o); err != nil {
		return fmt.Errorf("writing findings: %w", err)
	}
	complaint := in.Complain(o.ErrOut)
	o.summarize(in, report)
	switch {
	case complaint != nil:
		return complaint
	case report.Summary.Findings > 0:
		return cli.ErrFindings
	}
	return nil
}

// accept takes the baseline off, when there is one.
func (o *options) accept(report *Report) error {
	if o.baseline == "" {
		return nil
	}
	baseline, err := readBaseline(o.baseline)
	if err != nil {
		return err
	}
	gone := report.accept(baseline)
	mention(o.ErrOut, o.baseline, gone)
	return nil
}

// summarize writes the last line, and with --verbose what was left alone.
func (o *options) summarize(in *offline.Input, report *Report) {
	others := 0
	for _, file := range in.Files {
		others += len(file.Others)
		for _, other := range file.Others {
			if o.verbose {
				fmt.Fprintf(o.ErrOut, "%s:%d: %s: no pod in it\n", file.Name, other.Line, other)
			}
		}
	}
	s := report.Summary
	if s.Pods == 0 && len(in.Errors) > 0 {
		return // the errors say it all
	}
	line := fmt.Sprintf("no findings in %s in %s", offline.Count(s.Pods, "pod"), offline.Count(s.Files, "file"))
	if s.Findings > 0 {
		line = fmt.Sprintf("%s in %d of %s in %s", offline.Count(s.Findings, "finding"), s.Violating, offline.Count(s.Pods, "pod"), offline.Count(s.Files, "file"))
	}
	var targets []string
	for _, lv := range in.Targets() {
		targets = append(targets, lv.String())
	}
	if len(targets) > 0 {
		line += ", held to " + strings.Join(targets, ", ")
	}
	for _, also := range []struct {
		n    int
		text string
	}{{len(in.Errors), "not understood"}, {s.Accepted, "accepted by the baseline"}, {s.Exempt, "exempt"}, {others, "without a pod"}} {
		if also.n > 0 {
			line += fmt.Sprintf(", %d %s", also.n, also.text)
		}
	}
	fmt.Fprintln(o.ErrOut, line)
}

// painter colours for a terminal, unless NO_COLOR (https://no-color.org) or the flag says otherwise.
func (o *options) painter(w io.Writer) painter {
	if o.color != "auto" {
		return o.color == "always"
	}
	file, isFile := w.(*os.File)
	return painter(isFile && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && term.IsTerminal(int(file.Fd())))
}
