// SPDX-License-Identifier: Apache-2.0

package preview

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	psaapi "k8s.io/pod-security-admission/api"
	"k8s.io/utils/clock"

	"github.com/podsecurity-rollout/operator/internal/cli"
	"github.com/podsecurity-rollout/operator/internal/cli/cluster"
	"github.com/podsecurity-rollout/operator/internal/cli/output"
	"github.com/podsecurity-rollout/operator/internal/cli/survey"
	"github.com/podsecurity-rollout/operator/internal/cli/term"
	"github.com/podsecurity-rollout/operator/internal/standards"
)

// options are the flags and arguments.
type options struct {
	cli.Factory
	term    term.Options
	format  output.Format
	look    survey.Flags
	level   string
	version string
	file    string
}

// New answers the command.
func New(f cli.Factory) *cobra.Command {
	o := &options{Factory: f}
	cmd := &cobra.Command{
		Use:   "preview [NAMESPACE...]",
		Short: "What each namespace complies with today, and what a rollout would do",
		Long: `For each namespace, the strictest Pod Security level that all of its pods and pod templates comply with today, and which
workloads hold it below the next level. With -f, what the PodSecurityRollout in a file would do there, rung by rung.

It reads only, and needs nothing installed. Verdicts are those of the very code that enforces, at the API server's version; pod
templates count too, so that a CronJob shows which has no pod now.

Exit code: 1 when --level is given and something violates that level, otherwise 0; 2 when the cluster cannot be read.`,
		Example: `  # Where does the cluster stand?
  kubectl podsecurity preview

  # Everything that holds back one namespace, with what puts it right
  kubectl podsecurity preview shop -o wide

  # Would these namespaces comply with restricted? (exit code 1 if not)
  kubectl podsecurity preview -l team=shop --level restricted

  # What would this rollout do?
  kubectl podsecurity preview -f rollout.yaml

  # For a script
  kubectl podsecurity preview -o json | jq -r '.namespaces[] | select(.meets == "restricted") | .name'`,
		ValidArgsFunction: cluster.CompleteNamespaces(f, mostNamed),
		RunE:              o.run,
	}
	cmd.Flags().StringVar(&o.level, "level", "", "Judge by this level alone: baseline or restricted")
	cmd.Flags().StringVar(&o.version, "version", "", "Judge by this version of the standards, such as v1.37 (default: the API server's)")
	cmd.Flags().StringVarP(&o.file, "filename", "f", "", "File with a PodSecurityRollout to preview, or - for standard input")
	_ = cmd.RegisterFlagCompletionFunc("level", cobra.FixedCompletions(
		[]cobra.Completion{string(psaapi.LevelBaseline), string(psaapi.LevelRestricted)}, cobra.ShellCompDirectiveNoFileComp))
	o.look.AddFlags(cmd, true)
	o.format.AddFlag(cmd, output.Table, output.Wide, output.JSON, output.YAML)
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
	if err := o.validate(); err != nil {
		return err
	}
	if *o.Namespace != "" {
		names = append(names, *o.Namespace)
	}
	c, err := cluster.Connect(o.Factory)
	if err != nil {
		return err
	}
	if o.file != "" {
		return o.previewRollout(cmd, t, c, names)
	}
	s, err := o.look.Look(cmd.Context(), c, o.ErrOut, names...)
	if err != nil {
		return err
	}
	q, err := o.question(s.Server)
	if err != nil {
		return err
	}
	preview := look(s, q)
	if err := o.write(t, preview); err != nil {
		return err
	}
	if o.level != "" && preview.violating() > 0 {
		return cli.ErrFindings
	}
	return nil
}

// validate errs on flags that cannot be understood or do not go together, before anything is asked.
func (o *options) validate() error {
	if err := o.format.Validate(); err != nil {
		return err
	}
	if o.file != "" && (o.level != "" || o.version != "") {
		return errors.New("--level and --version do not go with -f: the rollout says which levels and versions")
	}
	if o.level != "" && o.level != string(psaapi.LevelBaseline) && o.level != string(psaapi.LevelRestricted) {
		return fmt.Errorf("--level %q is none of baseline and restricted", o.level)
	}
	_, err := o.question(standards.NewestVersion())
	return err
}

// question answers which level is asked about, at which version.
func (o *options) question(server psaapi.Version) (question, error) {
	q := question{version: server, level: psaapi.Level(o.level)}
	if o.version == "" {
		return q, nil
	}
	version, err := psaapi.ParseVersion(o.version)
	if err != nil {
		return q, fmt.Errorf("--version %q is no version such as v1.37: %w", o.version, err)
	}
	if library := standards.NewestVersion(); !version.Latest() && library.Older(version) {
		return q, fmt.Errorf("--version %s: this plugin knows the standards up to %s", o.version, library.String())
	}
	if !version.Latest() {
		q.version = version
	}
	return q, nil
}

func (o *options) write(t *term.Terminal, p Preview) error {
	if o.format.Machine() {
		return o.format.Write(t, p)
	}
	writeTable(t, p, o.format.Name == output.Wide)
	return nil
}

func (o *options) previewRollout(cmd *cobra.Command, t *term.Terminal, c *cluster.Cluster, names []string) error {
	data, err := o.read()
	if err != nil {
		return fmt.Errorf("reading the rollout: %w", err)
	}
	rollout, err := decode(data)
	if err != nil {
		return fmt.Errorf("reading the rollout of %s: %w", o.file, err)
	}
	s, err := o.look.Look(cmd.Context(), c, o.ErrOut, names...)
	if err != nil {
		return err
	}
	plan, err := planOf(s, rollout, clock.RealClock{}.Now())
	if err != nil {
		return err
	}
	if o.format.Machine() {
		return o.format.Write(t, plan)
	}
	writePlan(t, plan, o.format.Name == output.Wide)
	return nil
}

func (o *options) read() ([]byte, error) {
	if o.file == "-" {
		return io.ReadAll(o.In)
	}
	return os.ReadFile(o.file)
}
