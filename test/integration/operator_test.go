// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/zap/zapcore"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	ctrlzap "sigs.k8s.io/controller-runtime/pkg/log/zap"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/yaml"

	"github.com/podsecurity-rollout/operator/controllers"
	"github.com/podsecurity-rollout/operator/test/e2e/witness"
)

// The ServiceAccount that config/rbac makes, before kustomize renames it. The
// operator acts as it, with its rights and no others, so that the audit log
// tells its writes from the tests' own.
const (
	operatorNamespace      = "system"
	operatorServiceAccount = "manager"
	operatorUser           = "system:serviceaccount:" + operatorNamespace + ":" + operatorServiceAccount
)

// operator is an operator that runs in this process.
type operator struct {
	*controllers.Operator
	cancel  context.CancelFunc
	stopped chan error
}

// shared is the one operator of this package: it looks at the whole cluster, so
// there can be no two. It runs while a test needs it, and not during the others.
var shared struct {
	mu       sync.Mutex
	users    int
	operator *operator
}

// runOperator answers the operator, which runs at least until the test is over.
func runOperator(t *testing.T) *operator {
	t.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.operator == nil {
		o, err := startOperator(t)
		if err != nil {
			t.Fatalf("starting the operator: %v", err)
		}
		shared.operator = o
	}
	shared.users++
	t.Cleanup(func() { releaseOperator(t) })
	return shared.operator
}

func releaseOperator(t *testing.T) {
	t.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.users--; shared.users > 0 {
		return
	}
	if err := shared.operator.stop(); err != nil {
		t.Errorf("stopping the operator: %v", err)
	}
	shared.operator = nil
	denied, err := witnessed(t).Requests(func(r witness.Request) bool { return r.User == operatorUser && r.Denied && !maybeDenied(r) })
	if err != nil || len(denied) > 0 {
		t.Errorf("config/rbac does not let the operator do what it does: %v %v", denied, err)
	}
}

// maybeDenied is whether the right to a request is optional, and a test does without it.
func maybeDenied(r witness.Request) bool {
	return !r.Writes() && (r.Resource == "reports" || r.Resource == "policyreports")
}

func startOperator(t *testing.T) (*operator, error) {
	mgr, err := ctrl.NewManager(operatorConfig(t), ctrl.Options{
		Scheme:  controllers.NewScheme(),
		Cache:   controllers.CacheOptions(),
		Metrics: metricsserver.Options{BindAddress: "0"},
		// The names of its controllers were taken by the operator before.
		Controller: config.Controller{SkipNameValidation: ptr.To(true)},
	})
	if err != nil {
		return nil, err
	}
	added, err := controllers.AddToManager(mgr, controllers.Options{
		PodSecurityConfig: podSecurityConfig, RequireIsolatedExemptions: true, Clock: clock.RealClock{}, WorkloadKinds: customKinds(t),
		Reports: true,
	})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	o := &operator{Operator: added, cancel: cancel, stopped: make(chan error, 1)}
	go func() { o.stopped <- mgr.Start(ctx) }()
	return o, nil
}

func (o *operator) stop() error {
	o.cancel()
	return <-o.stopped
}

// operatorConfig answers a configuration of the operator's ServiceAccount, which
// it makes first with the rights that config/rbac gives it.
func operatorConfig(t *testing.T) *rest.Config {
	t.Helper()
	logOnce.Do(keepLog)
	rbacOnce.Do(func() { rbacErr = installRBAC(t.Context(), newClient(t)) })
	if rbacErr != nil {
		t.Fatalf("installing config/rbac: %v", rbacErr)
	}
	cfg, err := cluster.ServiceAccountConfig(t.Context(), operatorNamespace, operatorServiceAccount)
	if err != nil {
		t.Fatalf("acting as the operator: %v", err)
	}
	return cfg
}

var (
	rbacOnce sync.Once
	rbacErr  error
)

// installRBAC creates what config/rbac lists, under the names that it has there.
func installRBAC(ctx context.Context, c client.Client) error {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: operatorNamespace}}
	if err := c.Create(ctx, ns); err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	dir := filepath.Join("..", "..", "config", "rbac")
	var kustomization struct {
		Resources []string `json:"resources"`
	}
	if err := readYAML(filepath.Join(dir, "kustomization.yaml"), &kustomization); err != nil {
		return err
	}
	if len(kustomization.Resources) == 0 {
		return errors.New("config/rbac/kustomization.yaml lists no resources")
	}
	for _, name := range kustomization.Resources {
		object := &unstructured.Unstructured{}
		if err := readYAML(filepath.Join(dir, name), &object.Object); err != nil {
			return err
		}
		if err := c.Create(ctx, object); err != nil && !apierrors.IsAlreadyExists(err) {
			return fmt.Errorf("creating %s: %w", name, err)
		}
	}
	return installReportsRole(ctx, c, "role.yaml")
}

func readYAML(path string, into any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := yaml.Unmarshal(data, into); err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	return nil
}

var (
	witnessOnce sync.Once
	theWitness  *witness.Witness
	witnessErr  error
)

// witnessed answers what tells what was done to namespaces. It has seen every
// version of those that were made after it was first asked for.
func witnessed(t *testing.T) *witness.Witness {
	t.Helper()
	logOnce.Do(keepLog)
	witnessOnce.Do(func() {
		var namespaces *witness.Namespaces
		// It lives as long as the package's tests.
		namespaces, witnessErr = witness.WatchNamespaces(context.Background(), cluster.Config())
		log := witness.OpenAuditLog(cluster.AuditLog(), func(user string) bool { return user != operatorUser })
		theWitness = &witness.Witness{AuditLog: log, Namespaces: namespaces}
	})
	if witnessErr != nil {
		t.Fatalf("watching namespaces: %v", witnessErr)
	}
	return theWitness
}

// operatorLog is what the operator in this process has logged, a JSON object a line.
var (
	operatorLog logBuffer
	logOnce     sync.Once
)

type logBuffer struct {
	mu    sync.Mutex
	lines []string
}

// keepLog is called before anything that may log has started.
func keepLog() {
	log := ctrlzap.New(ctrlzap.WriteTo(&operatorLog), ctrlzap.Level(zapcore.DebugLevel))
	ctrl.SetLogger(log)
	klog.SetLogger(log)
}

// Write takes one line.
func (b *logBuffer) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = append(b.lines, string(bytes.TrimSpace(line)))
	return len(line), nil
}

// about answers the lines that have the word.
func (b *logBuffer) about(word string) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var found []string
	for _, line := range b.lines {
		if strings.Contains(line, word) {
			found = append(found, line)
		}
	}
	return found
}

// errorsAbout answers those of them that are errors.
func (b *logBuffer) errorsAbout(word string) []string {
	var found []string
	for _, line := range b.about(word) {
		var entry struct {
			Level string `json:"level"`
		}
		if err := json.Unmarshal([]byte(line), &entry); err != nil || entry.Level == "error" {
			found = append(found, line)
		}
	}
	return found
}
