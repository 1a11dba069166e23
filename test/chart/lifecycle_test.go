// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/test/controlplane"
)

const (
	soon    = time.Minute
	enforce = "pod-security.kubernetes.io/enforce"
	warn    = "pod-security.kubernetes.io/warn"
)

// TestLifecycle installs, upgrades, uninstalls and installs again while a rollout
// waits for an approval. No label is lowered, no rollout or claim is lost, and the
// operator goes on where it was, with the rights that the chart gives it.
func TestLifecycle(t *testing.T) {
	if lacking := controlplane.Lacking("kube-apiserver", "kube-controller-manager"); lacking != "" {
		t.Skip(lacking)
	}
	program := filepath.Join(t.TempDir(), "manager")
	build := exec.Command("go", "build", "-o", program, "./cmd/manager")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the operator: %v\n%s", err, out)
	}
	for name, h := range helms {
		t.Run(name, func(t *testing.T) { lifecycle(t, h, program) })
	}
}

// start starts a cluster for one test.
func start(t *testing.T) *controlplane.ControlPlane {
	t.Helper()
	cluster, err := controlplane.Start(t.Context(), controlplane.Options{Dir: t.TempDir(), ControllerManager: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Stop(); err != nil {
			t.Error(err)
		}
	})
	return cluster
}

func lifecycle(t *testing.T, h helm, program string) {
	cluster := start(t)
	scheme := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(v1alpha1.AddToScheme(scheme))
	c, err := client.New(cluster.Config(), client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.install(cluster.Kubeconfig(), values{}); err != nil {
		t.Fatalf("installing: %v", err)
	}
	stop := runOperator(t, cluster, program)
	ns := begin(t, c)
	awaitLabel(t, c, ns, warn, "baseline")
	before := look(t, c, ns)

	if err := h.upgrade(cluster.Kubeconfig(), values{"replicas": 3, "policies": values{"protectLabels": values{"enabled": true}}}); err != nil {
		t.Fatalf("upgrading: %v", err)
	}
	if diff := cmp.Diff(before, look(t, c, ns)); diff != "" {
		t.Errorf("the upgrade changed (-before +after):\n%s", diff)
	}
	stop()
	if err := h.uninstall(cluster.Kubeconfig()); err != nil {
		t.Fatalf("uninstalling: %v", err)
	}
	if diff := cmp.Diff(before, look(t, c, ns)); diff != "" {
		t.Errorf("uninstalling changed (-before +after):\n%s", diff)
	}
	if err := h.install(cluster.Kubeconfig(), values{}); err != nil {
		t.Fatalf("installing again: %v", err)
	}
	runOperator(t, cluster, program)
	approve(t, c, ns)
	awaitLabel(t, c, ns, enforce, "baseline")
}

// begin makes a namespace, and a rollout of it that will wait for an approval.
func begin(t *testing.T, c client.Client) *corev1.Namespace {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}
	rollout := &v1alpha1.PodSecurityRollout{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}
	rollout.Spec.Targets = []v1alpha1.Target{{
		Name: "shop", Enforce: v1alpha1.LevelBaseline,
		NamespaceSelector: &v1alpha1.NamespaceSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: ns.Name}},
	}}
	rollout.Spec.Strategy = &v1alpha1.Strategy{Enforce: &v1alpha1.EnforceStrategy{Approval: v1alpha1.ApprovalManual}}
	for _, object := range []client.Object{ns, rollout} {
		if err := c.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
	return ns
}

// look answers what must not change: the labels, and which rollout and claim there are.
func look(t *testing.T, c client.Client, ns *corev1.Namespace) map[string]string {
	t.Helper()
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(ns), ns); err != nil {
		t.Fatal(err)
	}
	rollout, claim := &v1alpha1.PodSecurityRollout{}, &v1alpha1.NamespaceRollout{}
	if err := c.Get(t.Context(), client.ObjectKey{Name: "shop"}, rollout); err != nil {
		t.Fatal(err)
	}
	if err := c.Get(t.Context(), client.ObjectKey{Namespace: ns.Name, Name: v1alpha1.NamespaceRolloutName}, claim); err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{"rollout": string(rollout.UID), "claim": string(claim.UID)}
	for key, value := range ns.Labels {
		seen[key] = value
	}
	return seen
}

func approve(t *testing.T, c client.Client, ns *corev1.Namespace) {
	t.Helper()
	claim := &v1alpha1.NamespaceRollout{}
	if err := c.Get(t.Context(), client.ObjectKey{Namespace: ns.Name, Name: v1alpha1.NamespaceRolloutName}, claim); err != nil {
		t.Fatal(err)
	}
	before := claim.DeepCopy()
	if claim.Status.Next == nil || claim.Status.Next.Mode != v1alpha1.ModeEnforce {
		t.Fatalf("want an enforce rung to be next, got %v", claim.Status.Next)
	}
	claim.Spec.ApprovedEnforce = string(claim.Status.Next.To)
	if err := c.Patch(t.Context(), claim, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
}

func awaitLabel(t *testing.T, c client.Client, ns *corev1.Namespace, key, want string) {
	t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(t.Context(), 100*time.Millisecond, soon, true, func(ctx context.Context) (bool, error) {
		if last = c.Get(ctx, client.ObjectKeyFromObject(ns), ns); last == nil && ns.Labels[key] != want {
			last = fmt.Errorf("want %s=%s, the labels are %v", key, want, ns.Labels)
		}
		return last == nil, nil
	})
	if err != nil {
		t.Fatal(errors.Join(err, last))
	}
}

// runOperator runs the operator with the token of the ServiceAccount that the chart
// made, as a process: no kubelet runs its pods. It answers what stops it.
func runOperator(t *testing.T, cluster *controlplane.ControlPlane, program string) func() {
	t.Helper()
	config, err := cluster.ServiceAccountConfig(t.Context(), releaseNamespace, releaseName+"-manager")
	if err != nil {
		t.Fatal(err)
	}
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	if err := controlplane.WriteKubeconfig(kubeconfig, config); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "--kubeconfig="+kubeconfig, "--health-probe-bind-address=0", "--leader-elect", "--leader-election-namespace="+releaseNamespace)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stopped := false
	stop := func() {
		if stopped {
			return
		}
		stopped = true
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait() // it gives the lease back
	}
	t.Cleanup(stop)
	return stop
}
