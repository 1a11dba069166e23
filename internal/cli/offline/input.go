// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"
	psaapi "k8s.io/pod-security-admission/api"

	"github.com/podsecurity-rollout/operator/internal/manifest"
	"github.com/podsecurity-rollout/operator/internal/remedy"
)

// Options are the flags that commands without a cluster share.
type Options struct {
	Filenames            []string
	Level, Version       string
	ExemptRuntimeClasses []string
	AllowEmpty           bool
}

// AddFlags adds them to a command.
func (o *Options) AddFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVarP(&o.Filenames, "filename", "f", nil, "a manifest, a directory of manifests, or - for standard input; may be given many times")
	flags.StringVar(&o.Level, "level", "",
		"the level to comply with: privileged, baseline or restricted (default restricted, or what a Namespace among the manifests enforces)")
	flags.StringVar(&o.Version, "version", "", "the version of the level, such as v1.37, or latest (default the newest that is known here)")
	flags.StringSliceVar(&o.ExemptRuntimeClasses, "exempt-runtime-classes", nil, "runtime classes whose pods the cluster exempts")
	flags.BoolVar(&o.AllowEmpty, "allow-empty", false, "be content with manifests that hold no pod")
	err := errors.Join(cmd.MarkFlagFilename("filename", extensions...), completeTarget(cmd))
	if err != nil {
		panic(err) // a flag that is not there
	}
}

// Input is what was read.
type Input struct {
	Files []*manifest.File
	// Errors are what could not be understood: *manifest.Error where it is known where.
	Errors []error

	target *Target
	exempt []string
}

// Read reads all manifests. It fails when the flags make no sense or a file is not there; what cannot be understood is in the input.
func (o *Options) Read(args []string, stdin io.Reader) (*Input, error) {
	target, err := newTarget(o.Level, o.Version)
	if err != nil {
		return nil, err
	}
	names := slices.Concat(o.Filenames, args)
	if len(names) == 0 {
		return nil, errors.New("no manifests: name files or directories with -f, or - for standard input")
	}
	files, err := filesOf(names)
	if err != nil {
		return nil, err
	}
	in := &Input{target: target, exempt: o.ExemptRuntimeClasses}
	for _, name := range files {
		file, err := read(name, stdin)
		in.Files = append(in.Files, file)
		in.fail(err)
		for _, namespace := range file.Namespaces {
			if err := target.declare(namespace); err != nil {
				in.fail(&manifest.Error{File: file.Name, Line: namespace.Line, Message: err.Error()})
			}
		}
	}
	if in.Pods() == 0 && len(in.Errors) == 0 && !o.AllowEmpty {
		in.fail(fmt.Errorf("nothing to check: no pod in %s; --allow-empty is content with that", Count(len(in.Files), "file")))
	}
	return in, nil
}

// fail keeps an error, or those that it joins.
func (in *Input) fail(err error) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		in.Errors = append(in.Errors, joined.Unwrap()...)
	} else if err != nil {
		in.Errors = append(in.Errors, err)
	}
}

// Pods counts all pods.
func (in *Input) Pods() int {
	pods := 0
	for _, file := range in.Files {
		pods += len(file.Pods)
	}
	return pods
}

// Target answers what a pod is held to, false when its runtime class is exempt.
func (in *Input) Target(pod manifest.Pod) (psaapi.LevelVersion, bool) {
	class := pod.Template.Spec.RuntimeClassName
	if class != nil && slices.Contains(in.exempt, *class) {
		return psaapi.LevelVersion{}, false
	}
	return in.target.Of(pod.Namespace), true
}

// Targets are the levels and versions that pods are held to, each once.
func (in *Input) Targets() []psaapi.LevelVersion {
	var all []psaapi.LevelVersion
	for _, file := range in.Files {
		for _, pod := range file.Pods {
			if lv, held := in.Target(pod); held && !slices.Contains(all, lv) {
				all = append(all, lv)
			}
		}
	}
	return all
}

// Complain writes what could not be understood, and the fields that the API does not have. The error it answers is nil when all was understood.
func (in *Input) Complain(errOut io.Writer) error {
	for _, file := range in.Files {
		for _, other := range file.Others {
			if other.Unchecked {
				fmt.Fprintf(errOut, "warning: %s:%d: %s: not checked: it makes pods in a way that this command does not read\n", file.Name, other.Line, other)
			}
		}
		for _, pod := range file.Pods {
			for _, unknown := range pod.Unknown {
				fmt.Fprintf(errOut, "warning: %s:%d: %s: %s\n", file.Name, pod.Line, pod.Object, unknown)
			}
		}
	}
	if len(in.Errors) <= 1 {
		return errors.Join(in.Errors...)
	}
	for _, err := range in.Errors {
		fmt.Fprintln(errOut, "error:", err)
	}
	return fmt.Errorf("%s could not be understood", Count(len(in.Errors), "input"))
}

// Broken are the names of the files that could not be understood altogether.
func (in *Input) Broken() map[string]bool {
	broken := map[string]bool{}
	for _, err := range in.Errors {
		if at := (*manifest.Error)(nil); errors.As(err, &at) {
			broken[at.File] = true
		}
	}
	return broken
}

// Alongside says whether an edit is only there because of another one: the mounts of a volume that goes, the user that contradicts runAsNonRoot.
func Alongside(edit remedy.Edit) bool {
	return slices.ContainsFunc(edit.Path, func(e remedy.Element) bool {
		return e.Name == "volumeMounts" || e.Name == "runAsUser" && edit.Check == "runAsNonRoot"
	})
}

// Count writes a number of things.
func Count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
