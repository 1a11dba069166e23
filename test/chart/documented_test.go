// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/podsecurity-rollout/operator/test/controlplane"
)

// documentedTests are the ways to install that docs/install.md tells: what the
// commands of each have in them that those of the others do not, and the package of
// the helm command.
var documentedTests = map[string]struct{ mark, helm string }{
	"kustomize": {mark: " -k config/"},
	"helm 3":    {mark: "helm ", helm: "helm.sh/helm/v3/cmd/helm"},
	"helm 4":    {mark: "helm ", helm: "helm.sh/helm/v4/cmd/helm"},
}

var shellBlock = regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")

// TestDocumented runs all that docs/install.md tells to type, from installing to
// removing, as it is written there.
func TestDocumented(t *testing.T) {
	if lacking := controlplane.Lacking("kube-apiserver", "kube-controller-manager", "kubectl"); lacking != "" {
		t.Skip(lacking)
	}
	text, err := os.ReadFile(filepath.Join(root, "docs", "install.md"))
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range documentedTests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var blocks []string
			for _, block := range shellBlock.FindAllStringSubmatch(string(text), -1) {
				if !others(block[1], test.mark) {
					blocks = append(blocks, block[1])
				}
			}
			if len(blocks) < 5 {
				t.Fatalf("only %d of the blocks are about it", len(blocks))
			}
			cluster, dir := start(t), checkout(t, test.helm)
			typed(t, cluster, dir, blocks[:1]...)
			if definitions(t, cluster) == "" {
				t.Error("nothing is installed")
			}
			typed(t, cluster, dir, blocks[1:]...)
			if left := definitions(t, cluster); left != "" {
				t.Errorf("CRDs are left:\n%s", left)
			}
		})
	}
}

// typed runs blocks of commands in a directory.
func typed(t *testing.T, cluster *controlplane.ControlPlane, dir string, blocks ...string) {
	t.Helper()
	for _, commands := range blocks {
		cmd := exec.CommandContext(t.Context(), "bash", "-euxo", "pipefail", "-c", commands)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "KUBECONFIG="+cluster.Kubeconfig(), "PATH="+dir+":"+os.Getenv("PATH"), "HOME="+dir)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v:\n%s", err, out)
		}
	}
}

// others is whether commands are about another way than the one with the mark.
func others(commands, mark string) bool {
	for _, test := range documentedTests {
		if test.mark != mark && strings.Contains(commands, test.mark) {
			return true
		}
	}
	return false
}

// checkout makes a directory with what a reader has: the manifests of a checkout,
// kubectl and, when its package is named, helm.
func checkout(t *testing.T, helm string) string {
	t.Helper()
	dir := t.TempDir()
	absolute, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{
		"config": filepath.Join(absolute, "config"), "charts": filepath.Join(absolute, "charts"),
		"kubectl": filepath.Join(controlplane.DefaultAssets(), "kubectl"),
	} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if helm == "" {
		return dir
	}
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(dir, "helm"), helm).CombinedOutput(); err != nil {
		t.Fatalf("building helm: %v\n%s", err, out)
	}
	return dir
}

// definitions are the CRDs of the cluster.
func definitions(t *testing.T, cluster *controlplane.ControlPlane) string {
	t.Helper()
	names, err := cluster.Kubectl(t.Context(), nil, "get", "crd", "-o", "name")
	if err != nil {
		t.Fatal(err)
	}
	return string(names)
}
