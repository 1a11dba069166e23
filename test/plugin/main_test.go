// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/podsecurity-rollout/operator/internal/cli/cluster"
	"github.com/podsecurity-rollout/operator/test/controlplane"
)

// soon is how long a test waits for what ought to happen in a second or two.
const soon = time.Minute

var (
	// site is the control plane that the tests of this package share. It has the CRDs.
	site *controlplane.ControlPlane
	// program is the built plugin, workspace a directory that lasts as long as the tests.
	program, workspace string
)

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard())
	klog.SetLogger(logr.Discard())
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// run is TestMain with its clean-up deferred, which os.Exit would skip.
func run(m *testing.M) (code int, err error) {
	if workspace, err = os.MkdirTemp("", "podsecurity-rollout-plugin-"); err != nil {
		return 0, fmt.Errorf("making a directory for the tests: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(workspace)) }()
	program = filepath.Join(workspace, "kubectl-podsecurity")
	build := exec.Command("go", "build", "-o", program, "./cmd/kubectl-podsecurity")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("building the plugin: %w: %s", err, out)
	}
	if site, err = controlplane.Start(context.Background(), controlplane.Options{Dir: filepath.Join(workspace, "site")}); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, site.Stop()) }()
	if err := installCRDs(site); err != nil {
		return 0, err
	}
	return m.Run(), nil
}

func installCRDs(c *controlplane.ControlPlane) error {
	_, err := envtest.InstallCRDs(c.Config(), envtest.CRDInstallOptions{
		Paths: []string{filepath.Join("..", "..", "config", "crd", "bases")}, ErrorIfPathMissing: true,
	})
	if err != nil {
		return fmt.Errorf("installing the CRDs: %w", err)
	}
	return nil
}

// newCluster starts a control plane of the test's own, without the CRDs.
func newCluster(t *testing.T) *controlplane.ControlPlane {
	t.Helper()
	c, err := controlplane.Start(t.Context(), controlplane.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// result is how a program ended.
type result struct {
	stdout, stderr string
	code           int
	// peak is the most memory that it had, in bytes; took how long it ran.
	peak int64
	took time.Duration
}

// plugin runs the plugin on a cluster, without a terminal.
func plugin(t *testing.T, on *controlplane.ControlPlane, args ...string) result {
	t.Helper()
	return runProgram(t, on.Kubeconfig(), program, args...)
}

// runProgram runs a program to its end, whatever that is.
func runProgram(t *testing.T, kubeconfig, name string, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env = environment(kubeconfig)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	began := time.Now()
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("running %s %s: %v", name, strings.Join(args, " "), err)
	}
	return result{
		stdout: stdout.String(), stderr: stderr.String(), code: cmd.ProcessState.ExitCode(),
		peak: peakMemory(cmd.ProcessState), took: time.Since(began),
	}
}

// environment is this process's with another kubeconfig, and without what changes the output.
func environment(kubeconfig string, more ...string) []string {
	var env []string
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		switch name {
		case "KUBECONFIG", "NO_COLOR", "COLUMNS", "TERM":
		default:
			env = append(env, variable)
		}
	}
	return append(append(env, "KUBECONFIG="+kubeconfig, "TERM=xterm-256color"), more...)
}

// want fails the test when the program did not end as wanted, and answers what it wrote.
func (r result) want(t *testing.T, code int) string {
	t.Helper()
	if r.code != code {
		t.Fatalf("exit code %d, want %d\nstdout:\n%s\nstderr:\n%s", r.code, code, r.stdout, r.stderr)
	}
	return r.stdout
}

// wantWords fails the test when a text lacks one of the words.
func wantWords(t *testing.T, text string, words ...string) {
	t.Helper()
	for _, word := range words {
		if !strings.Contains(text, word) {
			t.Errorf("%q is not in:\n%s", word, text)
		}
	}
}

// newClient answers a client with all rights.
func newClient(t *testing.T, on *controlplane.ControlPlane) client.Client {
	t.Helper()
	c, err := client.New(on.Config(), client.Options{Scheme: cluster.Scheme()})
	if err != nil {
		t.Fatalf("making a client: %v", err)
	}
	return c
}

func create(t *testing.T, c client.Client, objects ...client.Object) {
	t.Helper()
	for _, object := range objects {
		if err := c.Create(t.Context(), object); err != nil {
			t.Fatalf("creating %T %s: %v", object, object.GetName(), err)
		}
	}
}

func namespaceOf(name string, labels map[string]string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}
}
