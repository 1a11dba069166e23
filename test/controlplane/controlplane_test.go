// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// TestLifecycle keeps one client throughout: whatever happens to the API server, it comes back at the
// same address, with the same certificate, token and data.
func TestLifecycle(t *testing.T) {
	t.Parallel()
	options := Options{Dir: t.TempDir()}
	c := start(t, options)
	client := clientFor(t, c.Config())
	createNamespace(t, client, "kept")
	wantAudited(t, c, "kept")

	t.Run("emulated version", func(t *testing.T) { checkEmulatedVersion(t, c, client) })
	wantNamespace(t, client, "kept")
	t.Run("crash of the API server", func(t *testing.T) { checkCrash(t, c, client) })
	wantNamespace(t, client, "kept")
	t.Run("stop twice", func(t *testing.T) { checkStop(t, c) })
	start(t, options)
	wantNamespace(t, client, "kept")
}

func checkEmulatedVersion(t *testing.T, c *ControlPlane, client kubernetes.Interface) {
	// An open watch must not hold up the restart.
	watch, err := client.CoreV1().Namespaces().Watch(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Stop()
	began := time.Now()
	if err := c.RestartAPIServer(t.Context(), func(o *Options) { o.EmulatedVersion = "1.36" }); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took >= terminateTimeout {
		t.Errorf("the restart took %s: the API server did not end by itself", took)
	}
	version, err := client.Discovery().ServerVersion()
	if err != nil {
		t.Fatal(err)
	}
	if version.EmulationMinor != "36" {
		t.Errorf("emulationMinor = %q, want 36", version.EmulationMinor)
	}
}

func checkCrash(t *testing.T, c *ControlPlane, client kubernetes.Interface) {
	if err := c.KillAPIServer(); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Discovery().ServerVersion(); err == nil {
		t.Error("the API server answers after KillAPIServer")
	}
	if err := c.StartAPIServer(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func checkStop(t *testing.T, c *ControlPlane) {
	for range 2 {
		if err := c.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	if Running(string(c.dir)) {
		t.Fatal("still running after Stop")
	}
}

func TestIdentities(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Dir: t.TempDir()})
	admin := clientFor(t, c.Config())
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "operator"}}
	if _, err := admin.CoreV1().ServiceAccounts("default").Create(t.Context(), account, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	accountConfig, err := c.ServiceAccountConfig(t.Context(), "default", "operator")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := WriteKubeconfig(path, accountConfig); err != nil {
		t.Fatal(err)
	}

	tests := map[string]struct {
		config    *rest.Config
		wantUser  string
		wantAdmin bool
	}{
		"admin":                      {c.Config(), "admin", true},
		"admin's kubeconfig":         {loadKubeconfig(t, c.Kubeconfig()), "admin", true},
		"service account":            {accountConfig, "system:serviceaccount:default:operator", false},
		"service account kubeconfig": {loadKubeconfig(t, path), "system:serviceaccount:default:operator", false},
		"user":                       {c.UserConfig("alice"), "alice", false},
		"user in the admin group":    {c.UserConfig("bob", adminGroup), "bob", true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			client := clientFor(t, test.config)
			review, err := client.AuthenticationV1().SelfSubjectReviews().Create(t.Context(),
				&authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if got := review.Status.UserInfo.Username; got != test.wantUser {
				t.Errorf("user = %q, want %q", got, test.wantUser)
			}
			_, err = client.CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{})
			if got := !apierrors.IsForbidden(err); got != test.wantAdmin {
				t.Errorf("lists namespaces = %t (error %v), want %t", got, err, test.wantAdmin)
			}
		})
	}
}

const podSecurityConfiguration = `apiVersion: pod-security.admission.config.k8s.io/v1
kind: PodSecurityConfiguration
defaults:
  enforce: baseline
exemptions:
  namespaces: [exempt]
`

func TestPodSecurityConfig(t *testing.T) {
	t.Parallel()
	files := t.TempDir()
	bare := filepath.Join(files, "bare.yaml")
	writeFile(t, bare, podSecurityConfiguration)
	c := start(t, Options{Dir: t.TempDir(), PodSecurityConfig: bare})
	client := clientFor(t, c.Config())
	createNamespace(t, client, "exempt")
	createNamespace(t, client, "ordinary")
	wantPrivilegedPod(t, client, "exempt", true)
	wantPrivilegedPod(t, client, "ordinary", false)

	// Now in an AdmissionConfiguration, which finds the file beside it, and with other contents.
	writeFile(t, bare, strings.Replace(podSecurityConfiguration, "[exempt]", "[ordinary]", 1))
	whole := filepath.Join(files, "whole.yaml")
	writeFile(t, whole, strings.Replace(admissionConfiguration, "pod-security.yaml", "bare.yaml", 1))
	err := c.RestartAPIServer(t.Context(), func(o *Options) { o.PodSecurityConfig = whole })
	if err != nil {
		t.Fatal(err)
	}
	wantPrivilegedPod(t, client, "exempt", false)
	wantPrivilegedPod(t, client, "ordinary", true)
}

func TestStartWhereOneRuns(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	options := Options{Dir: dir, Detach: true}
	first := start(t, options)
	second := start(t, options)
	if first.Config().Host != second.Config().Host {
		t.Errorf("a second start answers %s, want the running %s", second.Config().Host, first.Config().Host)
	}
	if got, want := second.processes[apiServerProgram].handle.Pid, first.processes[apiServerProgram].handle.Pid; got != want {
		t.Errorf("a second start has API server process %d, want the running %d", got, want)
	}
	options.EmulatedVersion = "1.36"
	if _, err := Start(t.Context(), options); err == nil || !strings.Contains(err.Error(), "stop it first") {
		t.Errorf("a start with other options answers %v, want advice to stop the running one", err)
	}
	if err := Remove(dir); err == nil {
		t.Error("removing a running control plane answers no error")
	}
	if err := second.Stop(); err != nil {
		t.Fatal(err)
	}
	wantStopped(t, first)
}

func TestStopAndRemoveByDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := start(t, Options{Dir: dir, Detach: true})
	writeFile(t, filepath.Join(dir, "mine"), "not of the control plane")
	for range 2 {
		if err := Stop(dir); err != nil {
			t.Fatal(err)
		}
		if err := Remove(dir); err != nil {
			t.Fatal(err)
		}
	}
	wantStopped(t, c)
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(left) != 1 || left[0].Name() != "mine" {
		t.Errorf("left after Remove: %v, want only the file that was not of the control plane", left)
	}
}

func TestStartFails(t *testing.T) {
	t.Parallel()
	occupied := t.TempDir()
	writeFile(t, filepath.Join(occupied, "logs"), "")
	strange := filepath.Join(t.TempDir(), "strange.yaml")
	writeFile(t, strange, "kind: Pod")

	tests := map[string]struct {
		options Options
		want    string
	}{
		"no directory":        {Options{}, "no directory given"},
		"no binaries":         {Options{Dir: t.TempDir(), Assets: t.TempDir()}, "make controlplane"},
		"directory of others": {Options{Dir: occupied}, "in the way"},
		"a bad flag": {
			Options{Dir: t.TempDir(), ExtraAPIServerArgs: []string{"--no-such-flag"}},
			"unknown flag: --no-such-flag",
		},
		"a missing configuration":  {Options{Dir: t.TempDir(), PodSecurityConfig: "/no/such"}, "no file /no/such"},
		"not a configuration":      {Options{Dir: t.TempDir(), PodSecurityConfig: strange}, `of kind "Pod"`},
		"an impossible emulation":  {Options{Dir: t.TempDir(), EmulatedVersion: "1.2"}, "emulation version"},
		"a detached one that dies": {Options{Dir: t.TempDir(), Detach: true, EmulatedVersion: "1.2"}, "emulation version"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Start(t.Context(), test.options)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("error = %v, want %q in it", err, test.want)
			}
			if dir, err := existingDirectory(test.options.Dir); err == nil && findProcess(dir, etcdProgram) != nil {
				t.Error("etcd still runs after a failed start")
			}
		})
	}
}

// start starts a control plane that ends with the test.
func start(t *testing.T, o Options) *ControlPlane {
	t.Helper()
	c, err := Start(t.Context(), o)
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

// wantStopped checks that the processes are gone, with all that they hold.
func wantStopped(t *testing.T, c *ControlPlane) {
	t.Helper()
	for name, p := range c.processes {
		if p.isOurs() {
			t.Errorf("%s still runs", name)
		}
		listen(t, c.state.Ports[name])
	}
}

func clientFor(t *testing.T, cfg *rest.Config) *kubernetes.Clientset {
	t.Helper()
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func loadKubeconfig(t *testing.T, path string) *rest.Config {
	t.Helper()
	cfg, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func createNamespace(t *testing.T, client kubernetes.Interface, name string) {
	t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if _, err := client.CoreV1().Namespaces().Create(t.Context(), namespace, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

func wantNamespace(t *testing.T, client kubernetes.Interface, name string) {
	t.Helper()
	if _, err := client.CoreV1().Namespaces().Get(t.Context(), name, metav1.GetOptions{}); err != nil {
		t.Errorf("namespace %q was not kept: %v", name, err)
	}
}

func wantPrivilegedPod(t *testing.T, client kubernetes.Interface, namespace string, admitted bool) {
	t.Helper()
	privileged := true
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "privileged-"},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{
			Name:            "c",
			Image:           "example.com/c",
			SecurityContext: &corev1.SecurityContext{Privileged: &privileged},
		}}},
	}
	_, err := client.CoreV1().Pods(namespace).Create(t.Context(), pod, metav1.CreateOptions{})
	if admitted && err != nil {
		t.Errorf("a privileged pod in namespace %q: %v, want it admitted", namespace, err)
	}
	if !admitted && (!apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "violates PodSecurity")) {
		t.Errorf("a privileged pod in namespace %q: %v, want it refused by PodSecurity", namespace, err)
	}
}

// wantAudited waits until the audit log has the creation of the namespace, with the object.
func wantAudited(t *testing.T, c *ControlPlane, namespace string) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), pollInterval, 10*time.Second, true,
		func(context.Context) (bool, error) {
			data, err := os.ReadFile(c.AuditLog())
			return audited(data, namespace), err
		})
	if err != nil {
		t.Errorf("the creation of namespace %q is not in the audit log: %v", namespace, err)
	}
}

func audited(log []byte, namespace string) bool {
	lines := bufio.NewScanner(bytes.NewReader(log))
	lines.Buffer(nil, len(log)+1)
	for lines.Scan() {
		var event struct {
			Verb           string `json:"verb"`
			ResponseObject struct {
				Kind     string            `json:"kind"`
				Metadata metav1.ObjectMeta `json:"metadata"`
			} `json:"responseObject"`
		}
		if json.Unmarshal(lines.Bytes(), &event) == nil && event.Verb == "create" &&
			event.ResponseObject.Kind == "Namespace" && event.ResponseObject.Metadata.Name == namespace {
			return true
		}
	}
	return false
}
