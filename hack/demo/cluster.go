// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/discovery"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	psaapi "k8s.io/pod-security-admission/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/test/controlplane"
)

// cluster is the local cluster, seen by its admin.
type cluster struct {
	*controlplane.ControlPlane
	dir     string
	kubectl string
	client  client.Client
	// version is what "latest" stands for on this API server; release is its own version.
	version psaapi.Version
	release string
}

// startCluster starts a cluster in dir. One that is there already goes: what an earlier demo or
// somebody else left in it would be in the outcome.
func startCluster(ctx context.Context, dir string) (*cluster, error) {
	if err := stopCluster(dir); err != nil {
		return nil, fmt.Errorf("taking down the cluster in %s: %w", dir, err)
	}
	plane, err := controlplane.Start(ctx, controlplane.Options{Dir: dir, ControllerManager: true, Detach: true})
	if err != nil {
		return nil, err
	}
	c := &cluster{ControlPlane: plane, dir: dir, kubectl: filepath.Join(controlplane.DefaultAssets(), "kubectl")}
	if err := c.askVersion(); err != nil {
		return nil, err
	}
	return c, nil
}

// stopCluster takes down the cluster in dir and removes its data. Without one it does nothing.
func stopCluster(dir string) error {
	if err := controlplane.Stop(dir); err != nil {
		return err
	}
	// The demo's own files are in the cluster's config and logs, and go with them.
	return controlplane.Remove(dir)
}

func (c *cluster) askVersion() error {
	d, err := discovery.NewDiscoveryClientForConfig(c.Config())
	if err != nil {
		return fmt.Errorf("making a discovery client: %w", err)
	}
	info, err := d.ServerVersion()
	if err != nil {
		return fmt.Errorf("asking the API server for its version: %w", err)
	}
	c.release = info.GitVersion
	if c.version, err = psaapi.ParseVersion("v" + info.EmulationMajor + "." + info.EmulationMinor); err != nil {
		return fmt.Errorf("reading the API server's version: %w", err)
	}
	return nil
}

// connect makes the client, once the kinds of the operator are served.
func (c *cluster) connect() error {
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return fmt.Errorf("making a scheme: %w", err)
	}
	made, err := client.New(c.Config(), client.Options{Scheme: scheme})
	if err != nil {
		return fmt.Errorf("making a client: %w", err)
	}
	c.client = made
	return nil
}

// command answers a command that ends with the context, and with it all that it started. It is in a process
// group of its own: Ctrl-C is for the demo, which then ends what it waits for.
func command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	return cmd
}

// run runs kubectl as the cluster's admin and answers what it prints.
func (c *cluster) run(ctx context.Context, args ...string) (string, error) {
	cmd := command(ctx, c.kubectl, args...)
	// Nothing of the user's own kubectl takes part.
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "KUBE") }),
		"KUBECONFIG="+c.Kubeconfig())
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("running kubectl %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(stderr.Bytes()))
	}
	return stdout.String(), nil
}
