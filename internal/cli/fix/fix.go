// SPDX-License-Identifier: Apache-2.0

package fix

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"github.com/aymanbagabas/go-udiff"
	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/podsecurity-rollout/operator/internal/cli"
	"github.com/podsecurity-rollout/operator/internal/cli/offline"
	"github.com/podsecurity-rollout/operator/internal/standards"
)

const example = `  # See what would change
  kubectl podsecurity fix -f deploy/ --level restricted --diff

  # Change the files
  kubectl podsecurity fix -f deploy/ --level restricted --in-place

  # One manifest, to standard output
  kubectl podsecurity fix -f web.yaml > web-restricted.yaml
  cat web.yaml | kubectl podsecurity fix -f - | kubectl apply -f -`

// options are the flags.
type options struct {
	offline.Options
	genericiooptions.IOStreams

	diff, inPlace, invasive bool
}

// New answers the command.
func New(f cli.Factory) *cobra.Command {
	o := &options{IOStreams: f.IOStreams}
	cmd := &cobra.Command{
		Use:   "fix -f FILE|DIRECTORY|-",
		Short: "Add the fields to manifests that make them comply",
		Long: `Print a manifest with the fields that make its pods comply with a level of the Pod Security
Standards. Comments, order, indentation and everything else that is not about these fields stays as
it is, to the byte.

Only fields that nobody has set are added. What would take away or contradict something that is
written there, such as a hostPath volume, a privileged container or user 0, is named and left to
you; --invasive does that, too.

Exit code: 0 when everything complies afterwards, 1 when something is left to do, 2 when something
could not be understood; such a file is not changed.`,
		Example: example,
		RunE:    func(_ *cobra.Command, args []string) error { return o.run(args) },
	}
	o.AddFlags(cmd)
	cmd.Flags().BoolVar(&o.diff, "diff", false, "print a unified diff instead of the manifest")
	cmd.Flags().BoolVarP(&o.inPlace, "in-place", "w", false, "write the files instead of printing them")
	cmd.Flags().BoolVar(&o.invasive, "invasive", false, "also change and remove what is written there: the workload may need it")
	cmd.MarkFlagsMutuallyExclusive("diff", "in-place")
	return cmd
}

func (o *options) run(args []string) error {
	evaluator, err := standards.NewEvaluator()
	if err != nil {
		return err
	}
	in, err := o.Read(args, o.In)
	if err != nil {
		return err
	}
	if len(in.Files) > 1 && !o.diff && !o.inPlace {
		return errors.New("more than one file: use --diff to see or --in-place to make the changes")
	}
	t, err := o.fixAll(evaluator, in)
	if err != nil {
		return err
	}
	if err := in.Complain(o.ErrOut); err != nil {
		return err
	}
	fmt.Fprintf(o.ErrOut, "%s in %d of %s, %d left to you\n", offline.Count(t.done, "change"), t.files, offline.Count(len(in.Files), "file"), t.left)
	if t.left > 0 {
		return cli.ErrFindings
	}
	return nil
}

// totals count what was done to how many files, and what is left.
type totals struct {
	done, files, left int
}

// fixAll writes each file out, but for those that could not be understood.
func (o *options) fixAll(e *standards.Evaluator, in *offline.Input) (totals, error) {
	var t totals
	broken := in.Broken()
	for _, file := range in.Files {
		if broken[file.Name] {
			continue
		}
		fixed := fixFile(e, in, file, o.invasive)
		for _, rest := range fixed.left {
			fmt.Fprintln(o.ErrOut, rest)
		}
		if err := o.write(fixed); err != nil {
			return t, fmt.Errorf("writing %s: %w", file.Name, err)
		}
		t.left += len(fixed.left)
		t.done += fixed.done
		if fixed.done > 0 {
			t.files++
		}
	}
	return t, nil
}

// write puts a file out in the way that was asked for.
func (o *options) write(f fixed) error {
	before := f.file.Text()
	switch {
	case o.diff:
		fmt.Fprint(o.Out, udiff.Unified("a/"+f.file.Name, "b/"+f.file.Name, string(before), string(f.text)))
	case !o.inPlace:
		_, err := o.Out.Write(f.text)
		return err
	case bytes.Equal(before, f.text):
	case f.file.Name == offline.StdinName:
		return errors.New("standard input is no file that --in-place could change")
	default:
		return rewrite(f.file.Name, f.text)
	}
	return nil
}

// rewrite gives a file that is there another content.
func rewrite(name string, text []byte) error {
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	return os.WriteFile(name, text, info.Mode().Perm())
}
