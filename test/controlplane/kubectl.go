// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Lacking says which of the programs, such as "kubectl", is not in DefaultAssets, and what to do. It
// is empty when all are there. Tests that need more than Start does are skipped with it: a
// directory that KUBEBUILDER_ASSETS names need not have everything.
func Lacking(programs ...string) string {
	for _, program := range programs {
		if _, err := os.Stat(filepath.Join(DefaultAssets(), program)); err != nil {
			return fmt.Sprintf("no %s among the binaries (%v): run `make controlplane`, and unset %s", program, err, AssetsEnv)
		}
	}
	return ""
}

// Kubectl runs the kubectl that is among the binaries as the cluster's admin, and answers what it
// writes on its standard output. The error has what it complains of.
func (c *ControlPlane) Kubectl(ctx context.Context, input []byte, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(c.state.Options.Assets, "kubectl"), args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+c.Kubeconfig())
	cmd.Stdin = bytes.NewReader(input)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("running kubectl %v: %w\n%s", args, err, complaints.Bytes())
	}
	return out, nil
}

// Install applies a kustomization as docs/install.md does.
func (c *ControlPlane) Install(ctx context.Context, dir string) error {
	return c.Apply(ctx, nil, "-k", dir)
}

// Apply applies manifests that come "-k", dir or "-f", file, or from the input with "-f", "-", and
// waits until the cluster serves its CRDs. No kubelet runs the pods of a Deployment among them.
func (c *ControlPlane) Apply(ctx context.Context, input []byte, from ...string) error {
	if _, err := c.Kubectl(ctx, input, append([]string{"apply", "--server-side"}, from...)...); err != nil {
		return err
	}
	_, err := c.Kubectl(ctx, nil, "wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
	return err
}
