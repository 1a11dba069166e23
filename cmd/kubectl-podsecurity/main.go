// SPDX-License-Identifier: Apache-2.0

// Command kubectl-podsecurity is the kubectl plugin: `kubectl podsecurity`.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/podsecurity-rollout/operator/internal/cli"
)

// version is stamped by the build.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	f := cli.NewFactory(genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr})
	err := root(f).ExecuteContext(ctx)
	stop()
	cli.Report(f, err)
	os.Exit(cli.ExitCode(err))
}

// root answers the whole command.
func root(f cli.Factory) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "kubectl-podsecurity",
		Short: "Preview, check and steer the rollout of Pod Security Standards",
		Annotations: map[string]string{
			cobra.CommandDisplayNameAnnotation: "kubectl podsecurity",
		},
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	cmd.SetIn(f.In)
	cmd.SetOut(f.Out)
	cmd.SetErr(f.ErrOut)
	cmd.AddCommand(commands(f)...)
	return cmd
}
