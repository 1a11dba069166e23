// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
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
	if err := s.cluster.Install(ctx, filepath.Join(root, "config", "default")); err != nil {
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
