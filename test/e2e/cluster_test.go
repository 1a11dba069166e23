// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/discovery"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	psaapi "k8s.io/pod-security-admission/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/serverversion"
	"github.com/podsecurity-rollout/operator/test/controlplane"
	"github.com/podsecurity-rollout/operator/test/e2e/witness"
)

// What config/default calls things.
const (
	operatorNamespace = "podsecurity-rollout-system"
	operatorAccount   = "podsecurity-rollout-manager"
	operatorUser      = "system:serviceaccount:" + operatorNamespace + ":" + operatorAccount
)

// soon is how long a test waits for what ought to take a few seconds. It is for a
// machine busy with other things.
const soon = 2 * time.Minute

// root is the repository's.
var root = filepath.Join("..", "..")

// env is what all tests share. It is nil when unavailable says why.
var (
	env         *environment
	unavailable string
)

type environment struct {
	*controlplane.ControlPlane
	// dir is where everything is that goes when the tests are over.
	dir    string
	client client.Client
	// version is the API server's.
	version  psaapi.Version
	witness  *witness.Witness
	operator *process
}

func TestMain(m *testing.M) {
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
	env, err = start(context.Background())
	if env != nil {
		defer func() { err = errors.Join(err, env.stop()) }()
	}
	if err != nil {
		return 0, err
	}
	return m.Run(), nil
}

// need skips the test when there is nothing to run it on.
func need(t *testing.T) *environment {
	t.Helper()
	if unavailable != "" {
		t.Skip(unavailable)
	}
	return env
}

// start starts the control plane and, when config/default is installed there,
// the operator. What it answers is to be stopped, also when there is an error.
func start(ctx context.Context) (*environment, error) {
	dir, err := os.MkdirTemp("", "podsecurity-rollout-e2e-")
	if err != nil {
		return nil, fmt.Errorf("making a directory: %w", err)
	}
	e := &environment{dir: dir}
	if e.ControlPlane, err = controlplane.Start(ctx, controlplane.Options{Dir: filepath.Join(dir, "cluster"), ControllerManager: true}); err != nil {
		return e, err
	}
	scheme := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(v1alpha1.AddToScheme(scheme))
	if e.client, err = client.New(e.Config(), client.Options{Scheme: scheme}); err != nil {
		return e, fmt.Errorf("making a client: %w", err)
	}
	if e.version, err = servedVersion(e.Config()); err != nil {
		return e, err
	}
	namespaces, err := witness.WatchNamespaces(context.Background(), e.Config())
	if err != nil {
		return e, err
	}
	log := witness.OpenAuditLog(e.AuditLog(), func(user string) bool { return user != operatorUser })
	e.witness = &witness.Witness{AuditLog: log, Namespaces: namespaces}
	if err := e.Install(ctx, filepath.Join(root, "config", "default")); err != nil {
		return e, err
	}
	e.operator, err = e.startOperator(ctx)
	return e, err
}

func servedVersion(cfg *rest.Config) (psaapi.Version, error) {
	d, err := discovery.NewDiscoveryClientForConfig(cfg)
	if err != nil {
		return psaapi.Version{}, fmt.Errorf("making a discovery client: %w", err)
	}
	info, err := d.ServerVersion()
	if err != nil {
		return psaapi.Version{}, fmt.Errorf("asking for the API server's version: %w", err)
	}
	return serverversion.Parse(info)
}

// stop ends everything and removes it.
func (e *environment) stop() error {
	var failures []error
	if e.operator != nil {
		failures = append(failures, e.operator.stop())
	}
	if e.ControlPlane != nil {
		failures = append(failures, e.Stop())
	}
	return errors.Join(append(failures, os.RemoveAll(e.dir))...)
}
