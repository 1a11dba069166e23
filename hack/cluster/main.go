// SPDX-License-Identifier: Apache-2.0

// Command cluster starts and stops a local Kubernetes control plane built from source, to try the
// operator on: etcd, kube-apiserver and kube-controller-manager on loopback, without a kubelet.
//
// It goes on running when the command has ended. Its kubeconfig, audit log and logs are in the
// directory given with --dir.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"k8s.io/client-go/discovery"

	"github.com/podsecurity-rollout/operator/test/controlplane"
)

const usage = `Usage:
  cluster up   [--dir bin/cluster] [--controller-manager=true]
  cluster down [--dir bin/cluster]

up starts a local control plane and waits until it is ready; down stops it and removes its data.
Both do nothing when there is nothing to do.

Environment of up:
  POD_SECURITY_CONFIG  file with a PodSecurityConfiguration or an AdmissionConfiguration
  EMULATED_VERSION     version that the API server emulates, such as 1.36
  KUBEBUILDER_ASSETS   directory of the binaries, instead of bin/controlplane
`

// errUsage is in the error of a wrong command line.
var errUsage = errors.New("wrong usage")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return
	case errors.Is(err, errUsage):
		fmt.Fprintf(os.Stderr, "%v\n\n%s", err, usage)
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// settings are the command line, parsed.
type settings struct {
	dir               string
	controllerManager bool
}

func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 {
		return fmt.Errorf("%w: say up or down", errUsage)
	}
	switch command := args[0]; command {
	case "up":
		s, err := parse(command, args[1:], out)
		if err != nil {
			return err
		}
		return up(ctx, s, out)
	case "down":
		s, err := parse(command, args[1:], out)
		if err != nil {
			return err
		}
		return down(s, out)
	case "help", "-h", "-help", "--help":
		_, err := io.WriteString(out, usage)
		return err
	default:
		return fmt.Errorf("%w: no command %q", errUsage, command)
	}
}

func parse(command string, args []string, out io.Writer) (settings, error) {
	var s settings
	flags := flag.NewFlagSet(command, flag.ContinueOnError)
	// A wrong flag is told once, by main.
	flags.SetOutput(io.Discard)
	flags.StringVar(&s.dir, "dir", filepath.Join("bin", "cluster"), "")
	if command == "up" {
		flags.BoolVar(&s.controllerManager, "controller-manager", true, "")
	}
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		_, _ = io.WriteString(out, usage)
		return s, err
	case err != nil:
		return s, fmt.Errorf("%w: %w", errUsage, err)
	case flags.NArg() > 0:
		return s, fmt.Errorf("%w: unexpected argument %q", errUsage, flags.Arg(0))
	case s.dir == "":
		return s, fmt.Errorf("%w: --dir is empty", errUsage)
	}
	return s, nil
}

func up(ctx context.Context, s settings, out io.Writer) error {
	greeting := "Started"
	if controlplane.Running(s.dir) {
		greeting = "Already running:"
	}
	cluster, err := controlplane.Start(ctx, controlplane.Options{
		Dir:               s.dir,
		ControllerManager: s.controllerManager,
		PodSecurityConfig: os.Getenv("POD_SECURITY_CONFIG"),
		EmulatedVersion:   os.Getenv("EMULATED_VERSION"),
		Detach:            true,
	})
	if err != nil {
		return err
	}
	client, err := discovery.NewDiscoveryClientForConfig(cluster.Config())
	if err != nil {
		return fmt.Errorf("making a client: %w", err)
	}
	version, err := client.ServerVersion()
	if err != nil {
		return fmt.Errorf("asking the API server for its version: %w", err)
	}
	_, err = fmt.Fprintf(out, `%s Kubernetes %s at %s, emulating %s.%s

  export KUBECONFIG=%s
  kubectl get namespaces

Audit log: %s
`, greeting, version.GitVersion, cluster.Config().Host, version.EmulationMajor, version.EmulationMinor,
		cluster.Kubeconfig(), cluster.AuditLog())
	return err
}

func down(s settings, out io.Writer) error {
	verdict := "Nothing runs in"
	if controlplane.Running(s.dir) {
		verdict = "Stopped the control plane in"
	}
	if err := controlplane.Stop(s.dir); err != nil {
		return err
	}
	if err := controlplane.Remove(s.dir); err != nil {
		return err
	}
	_, err := fmt.Fprintln(out, verdict, s.dir)
	return err
}
