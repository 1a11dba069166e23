// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-logr/logr"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/test/controlplane"
)

// What config/default calls things.
const (
	operatorNamespace = "podsecurity-rollout-system"
	operatorAccount   = "podsecurity-rollout-manager"
	operatorUser      = "system:serviceaccount:" + operatorNamespace + ":" + operatorAccount
)

// errNotYet is what is waited out.
var errNotYet = errors.New("not so yet")

// soon is how long the API server may take to know of a policy or its parameter.
const soon = 30 * time.Second

var (
	// unavailable says why there is nothing to run the tests on, empty when there is.
	unavailable string
	cluster     *controlplane.ControlPlane
	// admin may do everything, and no policy is about it.
	admin client.Client
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
	dir, err := os.MkdirTemp("", "podsecurity-rollout-policy-")
	if err != nil {
		return 0, fmt.Errorf("making a directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	ctx := context.Background()
	// The controller manager checks the types of the policies' expressions.
	cluster, err = controlplane.Start(ctx, controlplane.Options{Dir: filepath.Join(dir, "cluster"), ControllerManager: true})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, cluster.Stop()) }()
	if admin, err = newClient(cluster.Config(), nil); err != nil {
		return 0, err
	}
	if err := install(ctx); err != nil {
		return 0, err
	}
	return m.Run(), nil
}

// need skips the test when there is nothing to run it on.
func need(t *testing.T) {
	t.Helper()
	if unavailable != "" {
		t.Skip(unavailable)
	}
}

// newClient answers a client with the rights of cfg. Warnings go to the handler,
// or nowhere.
func newClient(cfg *rest.Config, warnings rest.WarningHandler) (client.Client, error) {
	scheme := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(v1alpha1.AddToScheme(scheme))
	cfg = rest.CopyConfig(cfg)
	cfg.WarningHandler = rest.NoWarnings{}
	if warnings != nil {
		cfg.WarningHandler = warnings
	}
	return client.New(cfg, client.Options{Scheme: scheme})
}

// as answers a client that acts as the user, by impersonation.
func as(t *testing.T, user string, groups ...string) client.Client {
	t.Helper()
	c, err := newClient(cluster.UserConfig(user, groups...), nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// operator answers the operator, by impersonation.
func operator(t *testing.T) client.Client {
	return as(t, operatorUser, "system:serviceaccounts", "system:serviceaccounts:"+operatorNamespace, "system:authenticated")
}

// install applies config/default with the optional policy, and gives everybody the
// right to do anything with namespaces.
func install(ctx context.Context) error {
	overlay, err := overlayWithProtectedLabels()
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(overlay) }() // it is in a directory that git ignores
	if err := cluster.Install(ctx, overlay); err != nil {
		return err
	}
	everybody := []rbacv1.Subject{{Kind: rbacv1.GroupKind, APIGroup: rbacv1.GroupName, Name: "system:authenticated"}}
	for _, object := range []client.Object{
		&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "any-namespace"}, Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{""}, Resources: []string{"namespaces", "namespaces/status", "namespaces/finalize"}, Verbs: []string{"*"}},
			{APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"podsecurityrollouts"}, Verbs: []string{"*"}},
		}},
		&rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: "any-namespace"}, Subjects: everybody,
			RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "any-namespace"},
		},
	} {
		if err := admin.Create(ctx, object); err != nil {
			return err
		}
	}
	return nil
}

// overlayWithProtectedLabels writes a kustomization as an admin would have one:
// config/default and the policy that is left out of it.
func overlayWithProtectedLabels() (string, error) {
	bin := filepath.Join("..", "..", "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return "", fmt.Errorf("making a directory: %w", err)
	}
	dir, err := os.MkdirTemp(bin, "policy-") // kustomize reads no absolute paths
	if err != nil {
		return "", fmt.Errorf("making a directory: %w", err)
	}
	text := `apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [../../config/default]
components: [../../config/protected-labels]
`
	return dir, os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(text), 0o600)
}

// eventually fails the test when it is not so soon.
func eventually(t *testing.T, so func(context.Context) error) {
	t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, soon, true, func(ctx context.Context) (bool, error) {
		last = so(ctx)
		return last == nil, nil
	})
	if err != nil {
		t.Fatalf("%v: %v", err, last)
	}
}
