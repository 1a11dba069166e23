// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/discovery"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/serverversion"
	"github.com/podsecurity-rollout/operator/test/controlplane"
)

// site is a cluster with the operator in it, and what tells of both.
type site struct {
	client.WithWatch
	cluster *controlplane.ControlPlane
	dir     string
	audit   *auditLog
	// claims and rollouts have every version of the two kinds since the start.
	claims   *recorder[*v1alpha1.NamespaceRollout]
	rollouts *recorder[*v1alpha1.PodSecurityRollout]
	operator *operator
	cancel   context.CancelFunc
}

// openSite starts a control plane, installs config/default and runs the operator.
// What it answers is to be closed, also when there is an error.
func openSite(ctx context.Context, name string, o controlplane.Options) (*site, error) {
	s := &site{dir: filepath.Join(directory, name), cancel: func() {}}
	if err := os.Mkdir(s.dir, 0o700); err != nil {
		return nil, fmt.Errorf("making a directory: %w", err)
	}
	o.Dir, o.ControllerManager = filepath.Join(s.dir, "cluster"), true
	var err error
	if s.cluster, err = controlplane.Start(ctx, o); err != nil {
		return nil, err
	}
	if s.WithWatch, err = newClient(s.cluster.Config()); err != nil {
		return s, err
	}
	s.audit = &auditLog{path: s.cluster.AuditLog()}
	if err := s.install(ctx); err != nil {
		return s, err
	}
	var life context.Context
	life, s.cancel = context.WithCancel(context.Background())
	s.claims = record[*v1alpha1.NamespaceRollout](life, s.WithWatch, &v1alpha1.NamespaceRolloutList{})
	s.rollouts = record[*v1alpha1.PodSecurityRollout](life, s.WithWatch, &v1alpha1.PodSecurityRolloutList{})
	if s.operator, err = s.newOperator(ctx); err != nil {
		return s, err
	}
	return s, s.operator.start(ctx)
}

// ownSite opens a site for one test.
func ownSite(t *testing.T, o controlplane.Options) *site {
	t.Helper()
	s, err := openSite(t.Context(), t.Name(), o)
	if s != nil {
		t.Cleanup(func() {
			if err := s.close(); err != nil {
				t.Errorf("closing the site: %v", err)
			}
		})
	}
	if err != nil {
		t.Fatalf("opening a site: %v", err)
	}
	return s
}

func (s *site) close() error {
	s.cancel()
	var failures []error
	if s.operator != nil {
		failures = append(failures, s.operator.kill())
	}
	return errors.Join(append(failures, s.cluster.Stop())...)
}

// newClient answers a client with the rights of cfg, without a cache. What the
// API server warns of is not printed.
func newClient(cfg *rest.Config) (client.WithWatch, error) {
	scheme := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(v1alpha1.AddToScheme(scheme))
	cfg = rest.CopyConfig(cfg)
	cfg.WarningHandler = rest.NoWarnings{}
	c, err := client.NewWithWatch(cfg, client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("making a client: %w", err)
	}
	return c, nil
}

// install applies config/default. Its Deployment makes a pod that no kubelet ever
// runs: the operator runs as a child process here.
func (s *site) install(ctx context.Context) error {
	rendered, err := manifests()
	if err != nil {
		return err
	}
	if _, err := s.kubectl(ctx, rendered, "apply", "--server-side", "-f", "-"); err != nil {
		return err
	}
	_, err = s.kubectl(ctx, nil, "wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
	return err
}

// manifests are config/default as kustomize makes it.
var manifests = sync.OnceValues(func() ([]byte, error) {
	return kubectl(context.Background(), nil, nil, "kustomize", filepath.Join(root, "config", "default"))
})

// kubectl runs kubectl as the cluster's admin.
func (s *site) kubectl(ctx context.Context, input []byte, args ...string) ([]byte, error) {
	return kubectl(ctx, []string{"KUBECONFIG=" + s.cluster.Kubeconfig()}, input, args...)
}

func kubectl(ctx context.Context, env []string, input []byte, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(controlplane.DefaultAssets(), "kubectl"), args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdin = bytes.NewReader(input)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("running kubectl %v: %w\n%s", args, err, complaints.Bytes())
	}
	return out, nil
}

// version is the API server's, as labels have it: "v1.37".
func (s *site) version(t *testing.T) string {
	t.Helper()
	d, err := discovery.NewDiscoveryClientForConfig(s.cluster.Config())
	if err != nil {
		t.Fatalf("making a discovery client: %v", err)
	}
	info, err := d.ServerVersion()
	if err != nil {
		t.Fatalf("asking for the API server's version: %v", err)
	}
	version, err := serverversion.Parse(info)
	if err != nil {
		t.Fatal(err)
	}
	return version.String()
}
