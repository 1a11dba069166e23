// SPDX-License-Identifier: Apache-2.0

package install

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/test/controlplane"
	"github.com/podsecurity-rollout/operator/test/e2e/await"
)

// What config/default calls things.
const (
	operatorNamespace = "podsecurity-rollout-system"
	operatorAccount   = "podsecurity-rollout-manager"
	operatorUser      = "system:serviceaccount:" + operatorNamespace + ":" + operatorAccount
)

// soon is how long anything may take that is to happen at once.
const soon = time.Minute

// root is the repository's.
var root = filepath.Join("..", "..")

var (
	// unavailable says why there is nothing to run the tests on, empty when there is.
	unavailable string
	// shared has config/default installed.
	shared *site
	// directory lasts as long as the tests, program is the operator's binary.
	directory, program string
)

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard())
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// run is TestMain with its clean-up deferred, which os.Exit would skip.
func run(m *testing.M) (code int, err error) {
	if unavailable = controlplane.Lacking("kube-controller-manager", "kubectl"); unavailable != "" {
		return m.Run(), nil
	}
	if directory, err = os.MkdirTemp("", "podsecurity-rollout-install-"); err != nil {
		return 0, fmt.Errorf("making a directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(directory)) }()
	program = filepath.Join(directory, "manager")
	if out, err := exec.Command("go", "build", "-o", program, filepath.Join(root, "cmd", "manager")).CombinedOutput(); err != nil {
		return 0, fmt.Errorf("building the operator: %w\n%s", err, out)
	}
	shared, err = newSite(context.Background(), controlplane.Options{Dir: filepath.Join(directory, "cluster"), ControllerManager: true})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, shared.Stop()) }()
	if err := shared.Install(context.Background(), filepath.Join(root, "config", "default")); err != nil {
		return 0, err
	}
	return m.Run(), nil
}

// site is a cluster with its admin.
type site struct {
	*controlplane.ControlPlane
	admin client.Client
}

func newSite(ctx context.Context, o controlplane.Options) (*site, error) {
	cluster, err := controlplane.Start(ctx, o)
	if err != nil {
		return nil, err
	}
	scheme := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(v1alpha1.AddToScheme(scheme))
	admin, err := client.New(cluster.Config(), client.Options{Scheme: scheme})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("making a client: %w", err), cluster.Stop())
	}
	return &site{ControlPlane: cluster, admin: admin}, nil
}

// ownSite starts a cluster for one test, with nothing installed.
func ownSite(t *testing.T, o controlplane.Options) *site {
	t.Helper()
	o.Dir = t.TempDir()
	s, err := newSite(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// need answers the site that tests share, or skips the test when there is none.
func need(t *testing.T) *site {
	t.Helper()
	if unavailable != "" {
		t.Skip(unavailable)
	}
	return shared
}

// operator is the operator's binary, running. Its user agent begins with the name.
type operator struct {
	name, log string
	process   *os.Process
	ended     chan struct{}
}

// runOperator runs the binary under a name, with the token of the ServiceAccount
// that is installed, until the test is over.
func (s *site) runOperator(t *testing.T, name string, flags ...string) *operator {
	t.Helper()
	config, err := s.ServiceAccountConfig(t.Context(), operatorNamespace, operatorAccount)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	kubeconfig := filepath.Join(dir, "kubeconfig")
	if err := controlplane.WriteKubeconfig(kubeconfig, config); err != nil {
		t.Fatal(err)
	}
	o := &operator{name: name, log: filepath.Join(dir, "log"), ended: make(chan struct{})}
	log, err := os.Create(o.log)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }() // the process has it open itself
	cmd := exec.Command(program, append([]string{"--kubeconfig=" + kubeconfig, "--health-probe-bind-address=0"}, flags...)...)
	cmd.Args[0] = name // client-go makes the user agent of it
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	o.process = cmd.Process
	go func() {
		_ = cmd.Wait() // it is killed, or its log says why it ended
		close(o.ended)
	}()
	t.Cleanup(o.kill)
	return o
}

func (o *operator) kill() {
	_ = o.process.Kill() // it may have ended
	<-o.ended
}

// signal sends a signal that ends it, and waits until it has ended.
func (o *operator) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := o.process.Signal(s); err != nil {
		t.Fatal(err)
	}
	select {
	case <-o.ended:
	case <-time.After(soon):
		t.Fatalf("it does not end; its log:\n%s", o.logged(t))
	}
}

func (o *operator) logged(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(o.log)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// eventually fails the test when it is not so soon.
func eventually(t *testing.T, so func(context.Context) error) {
	t.Helper()
	await.Until(t, soon, func() error { return so(t.Context()) })
}
