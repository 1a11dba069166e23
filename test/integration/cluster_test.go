// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/test/controlplane"
)

// cleanupTimeout bounds what a test's cleanup does, whose own context is done. It is
// for a machine busy with other things, and thousands of pods.
const cleanupTimeout = 2 * time.Minute

var (
	// cluster is the control plane that every test of this package shares.
	cluster *controlplane.ControlPlane
	// scheme knows the built-in kinds and ours.
	scheme = newScheme()
)

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
	dir, err := os.MkdirTemp("", "podsecurity-rollout-integration-")
	if err != nil {
		return 0, fmt.Errorf("making a directory for the control plane: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	if err := useConfigIn(dir); err != nil {
		return 0, fmt.Errorf("writing the operator's PodSecurity configuration: %w", err)
	}
	cluster, err = controlplane.Start(context.Background(), controlplane.Options{Dir: dir})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, cluster.Stop()) }()

	openReports, err := reportDefinitions(context.Background())
	if err != nil {
		return 0, err
	}
	_, err = envtest.InstallCRDs(cluster.Config(), envtest.CRDInstallOptions{
		Paths:              []string{filepath.Join("..", "..", "config", "crd", "bases"), openReports},
		ErrorIfPathMissing: true,
	})
	if err != nil {
		return 0, fmt.Errorf("installing the CRDs: %w", err)
	}
	return m.Run(), nil
}

func newScheme() *runtime.Scheme {
	s := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(s))
	utilruntime.Must(v1alpha1.AddToScheme(s))
	return s
}

// newClient answers a client with all rights and no cache.
func newClient(t *testing.T) client.Client {
	t.Helper()
	return newClientFor(t, cluster.Config())
}

// newClientFor answers a client with the rights of config, without a cache.
func newClientFor(t *testing.T, config *rest.Config) client.Client {
	t.Helper()
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatalf("making a client: %v", err)
	}
	return c
}

// newNamespace makes a namespace with the labels, under a name of its own. It
// is gone, with the NamespaceRollout and the pods in it, when the test is over.
func newNamespace(t *testing.T, labels map[string]string) *corev1.Namespace {
	t.Helper()
	c := newClient(t)
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "integration-", Labels: labels}}
	if err := c.Create(t.Context(), ns); err != nil {
		t.Fatalf("creating a namespace: %v", err)
	}
	cleanup(t, func(ctx context.Context) error { return removeNamespace(ctx, c, ns.Name) })
	return ns
}

// cleanup calls f when the test is over, with a context that is not.
func cleanup(t *testing.T, f func(context.Context) error) {
	t.Helper()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), cleanupTimeout)
		defer cancel()
		if err := f(ctx); err != nil {
			t.Errorf("cleaning up: %v", err)
		}
	})
}

// removeNamespace does what the namespace controller would, which does not run
// here: it empties the namespace and lets it go.
func removeNamespace(ctx context.Context, c client.Client, name string) error {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if err := c.Delete(ctx, ns); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("deleting namespace %q: %w", name, err)
	}
	for _, object := range []client.Object{&corev1.Pod{}, &v1alpha1.NamespaceRollout{}} {
		if err := c.DeleteAllOf(ctx, object, client.InNamespace(name), client.GracePeriodSeconds(0)); err != nil {
			return fmt.Errorf("emptying namespace %q: %w", name, err)
		}
	}
	if err := c.Get(ctx, client.ObjectKeyFromObject(ns), ns); err != nil {
		return client.IgnoreNotFound(err)
	}
	ns.Spec.Finalizers = nil
	return client.IgnoreNotFound(c.SubResource("finalize").Update(ctx, ns))
}
