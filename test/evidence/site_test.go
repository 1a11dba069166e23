// SPDX-License-Identifier: Apache-2.0

package evidence

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/controllers"
	"github.com/podsecurity-rollout/operator/test/controlplane"
	"github.com/podsecurity-rollout/operator/test/e2e/await"
)

// soon is how long a test waits for what ought to take a few seconds. It is for a
// machine busy with other things.
const soon = 60 * time.Second

// exemptUser creates pods that Pod Security does not look at.
const exemptUser = "exempt-user"

// configuration is the API server's own, and the operator's.
const configuration = `apiVersion: apiserver.config.k8s.io/v1
kind: AdmissionConfiguration
plugins:
- name: PodSecurity
  configuration:
    apiVersion: pod-security.admission.config.k8s.io/v1
    kind: PodSecurityConfiguration
    defaults: {enforce: baseline, enforce-version: v1.30, warn: restricted, warn-version: latest}
    exemptions:
      usernames: [` + exemptUser + `]
      namespaces: [exempt-0, exempt-1, exempt-2]
      runtimeClasses: [kata, shared, gone]
`

var (
	directory string
	// configured is a cluster whose API server has the configuration, at configFile.
	configured *controlplane.ControlPlane
	configFile string
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
	if directory, err = os.MkdirTemp("", "podsecurity-rollout-evidence-"); err != nil {
		return 0, fmt.Errorf("making a directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(directory)) }()
	configFile = filepath.Join(directory, "admission.yaml")
	if err := os.WriteFile(configFile, []byte(configuration), 0o600); err != nil {
		return 0, fmt.Errorf("writing the configuration: %w", err)
	}
	configured, err = controlplane.Start(context.Background(), controlplane.Options{
		Dir: filepath.Join(directory, "configured"), PodSecurityConfig: configFile,
	})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, configured.Stop()) }()
	return m.Run(), nil
}

// site is a cluster with the operator in it.
type site struct {
	*testing.T
	client.Client
}

// at runs the operator on a cluster until the test is over.
func at(t *testing.T, cluster *controlplane.ControlPlane, o controllers.Options) *site {
	t.Helper()
	cfg := cluster.Config()
	cfg.QPS, cfg.Burst = 1000, 1000
	c, err := client.New(cfg, client.Options{Scheme: controllers.NewScheme()})
	if err != nil {
		t.Fatalf("making a client: %v", err)
	}
	s := &site{T: t, Client: c}
	s.install(cluster)
	mgr, err := ctrl.NewManager(cluster.Config(), ctrl.Options{
		Scheme: controllers.NewScheme(), Cache: controllers.CacheOptions(), Metrics: metricsserver.Options{BindAddress: "0"},
		Controller: config.Controller{SkipNameValidation: ptr.To(true)},
	})
	if err != nil {
		t.Fatalf("making the manager: %v", err)
	}
	o.Clock = clock.RealClock{}
	if _, err := controllers.AddToManager(mgr, o); err != nil {
		t.Fatalf("adding the operator: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan error, 1)
	go func() { stopped <- mgr.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-stopped; err != nil {
			t.Errorf("running the operator: %v", err)
		}
	})
	return s
}

// install installs the definitions, where they are not yet.
func (s *site) install(cluster *controlplane.ControlPlane) {
	s.Helper()
	_, err := envtest.InstallCRDs(cluster.Config(), envtest.CRDInstallOptions{
		Paths: []string{filepath.Join("..", "..", "config", "crd", "bases")}, ErrorIfPathMissing: true,
	})
	if err != nil {
		s.Fatalf("installing the definitions: %v", err)
	}
}

func (s *site) create(objects ...client.Object) {
	s.Helper()
	for _, object := range objects {
		if err := s.Create(s.Context(), object); err != nil {
			s.Fatalf("creating %T %s: %v", object, object.GetName(), err)
		}
	}
}

// rollout takes namespaces of a label to a level.
func (s *site) rollout(name string, level v1alpha1.Level, change ...func(*v1alpha1.PodSecurityRolloutSpec)) *v1alpha1.PodSecurityRollout {
	s.Helper()
	r := &v1alpha1.PodSecurityRollout{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.PodSecurityRolloutSpec{
		Targets: []v1alpha1.Target{{
			Name: "all", NamespaceSelector: &v1alpha1.NamespaceSelector{MatchLabels: map[string]v1alpha1.LabelValue{"test": v1alpha1.LabelValue(name)}}, Enforce: level,
		}},
		Strategy: &v1alpha1.Strategy{Enforce: &v1alpha1.EnforceStrategy{Bake: &metav1.Duration{}}, Budgets: []v1alpha1.Budget{{Namespaces: "100%"}}},
	}}
	for _, c := range change {
		c(&r.Spec)
	}
	s.create(r)
	s.Cleanup(func() {
		if err := s.Delete(context.Background(), r); client.IgnoreNotFound(err) != nil {
			s.Errorf("deleting rollout %s: %v", name, err)
		}
	})
	return r
}

// await waits until what the operator says of a namespace is as wanted, and answers it.
func (s *site) await(namespace string, wanted func(v1alpha1.NamespaceRolloutStatus) error) *v1alpha1.NamespaceRollout {
	s.Helper()
	claim := &v1alpha1.NamespaceRollout{}
	await.Until(s.T, soon, func() error {
		if err := s.Get(s.Context(), client.ObjectKey{Namespace: namespace, Name: v1alpha1.NamespaceRolloutName}, claim); err != nil {
			return err
		}
		return wanted(claim.Status)
	})
	return claim
}

// state wants the reason of the condition Progressing.
func state(reason string) func(v1alpha1.NamespaceRolloutStatus) error {
	return func(s v1alpha1.NamespaceRolloutStatus) error {
		c := meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionProgressing)
		if c == nil || c.Reason != reason {
			return fmt.Errorf("condition %+v, want %s", c, reason)
		}
		return nil
	}
}

func newNamespace(name, test string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"test": test}}}
}

func podSpec(change ...func(*corev1.PodSpec)) corev1.PodSpec {
	spec := corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "example.com/c"}}}
	for _, c := range change {
		c(&spec)
	}
	return spec
}

func newPod(namespace, name string, change ...func(*corev1.PodSpec)) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: podSpec(change...)}
}

func newDeployment(namespace, name string, change ...func(*corev1.PodSpec)) *appsv1.Deployment {
	labels := map[string]string{"app": name}
	return &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: appsv1.DeploymentSpec{
		Selector: &metav1.LabelSelector{MatchLabels: labels},
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: podSpec(change...)},
	}}
}

func privileged(spec *corev1.PodSpec) {
	spec.Containers[0].SecurityContext = &corev1.SecurityContext{Privileged: ptr.To(true)}
}

// of has a pod name a runtime class.
func of(class string) func(*corev1.PodSpec) {
	return func(spec *corev1.PodSpec) { spec.RuntimeClassName = &class }
}
