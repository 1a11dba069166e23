// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/podsecurity-rollout/operator/test/controlplane"
)

func TestUpAndDown(t *testing.T) {
	t.Setenv("EMULATED_VERSION", "1.36")
	dir := filepath.Join(t.TempDir(), "cluster")
	t.Cleanup(func() {
		if err := controlplane.Stop(dir); err != nil {
			t.Error(err)
		}
	})

	wantOutput(t, []string{"up", "--dir", dir}, "Started Kubernetes", "emulating 1.36", filepath.Join(dir, "kubeconfig"))
	wantPodOfDeployment(t, filepath.Join(dir, "kubeconfig"))
	wantOutput(t, []string{"up", "--dir", dir}, "Already running: Kubernetes", filepath.Join(dir, "kubeconfig"))
	wantOutput(t, []string{"down", "--dir", dir}, "Stopped")
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the directory is left after down: %v", err)
	}
	wantOutput(t, []string{"down", "--dir", dir}, "Nothing runs")
}

func TestUsage(t *testing.T) {
	tests := map[string]struct {
		args []string
		want error
	}{
		"no command":         {nil, errUsage},
		"unknown command":    {[]string{"restart"}, errUsage},
		"unknown flag":       {[]string{"up", "--no-such"}, errUsage},
		"flag of up":         {[]string{"down", "--controller-manager"}, errUsage},
		"unexpected":         {[]string{"down", "now"}, errUsage},
		"empty directory":    {[]string{"down", "--dir="}, errUsage},
		"help":               {[]string{"help"}, nil},
		"help of a command":  {[]string{"up", "--help"}, flag.ErrHelp},
		"nothing to be done": {[]string{"down", "--dir", "/no/such/directory"}, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			if err := run(t.Context(), test.args, &out); !errors.Is(err, test.want) {
				t.Errorf("error = %v, want %v", err, test.want)
			}
		})
	}
}

func wantOutput(t *testing.T, args []string, want ...string) {
	t.Helper()
	var out strings.Builder
	if err := run(t.Context(), args, &out); err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	for _, text := range want {
		if !strings.Contains(out.String(), text) {
			t.Errorf("%v prints %q, want %q in it", args, out.String(), text)
		}
	}
}

// wantPodOfDeployment creates a Deployment and waits for the pod that the controllers make of it.
func wantPodOfDeployment(t *testing.T, kubeconfig string) {
	t.Helper()
	cfg, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		t.Fatal(err)
	}
	labels := map[string]string{"app": "test"}
	deployment := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "test"},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "example.com/c"}}},
			},
		},
	}
	if _, err := client.AppsV1().Deployments("default").Create(t.Context(), deployment, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	err = wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, 30*time.Second, true,
		func(ctx context.Context) (bool, error) {
			pods, err := client.CoreV1().Pods("default").List(ctx, metav1.ListOptions{LabelSelector: "app=test"})
			return err == nil && len(pods.Items) == 1, err
		})
	if err != nil {
		t.Errorf("the Deployment has no pod: %v", err)
	}
}
