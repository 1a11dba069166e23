// SPDX-License-Identifier: Apache-2.0

package evidence

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	corev1 "k8s.io/api/core/v1"
	nodev1 "k8s.io/api/node/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	psaapi "k8s.io/pod-security-admission/api"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podsecurity-rollout/operator/controllers"
	"github.com/podsecurity-rollout/operator/internal/inventory"
	"github.com/podsecurity-rollout/operator/internal/nslabels"
	"github.com/podsecurity-rollout/operator/internal/psaconfig"
	"github.com/podsecurity-rollout/operator/internal/standards"
	"github.com/podsecurity-rollout/operator/test/e2e/await"
)

// generated is how many namespaces there are to agree on.
const generated = 240

// sorts are the pods that namespaces are filled with.
var sorts = []func(*corev1.PodSpec){
	func(*corev1.PodSpec) {},
	hardened,
	privileged,
	func(s *corev1.PodSpec) { s.HostNetwork = true },
	func(s *corev1.PodSpec) {
		s.Volumes = []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/"}}}}
	},
	func(s *corev1.PodSpec) {
		s.Containers[0].Ports = []corev1.ContainerPort{{ContainerPort: 80, HostPort: 80}}
	},
	func(s *corev1.PodSpec) {
		s.SecurityContext = &corev1.PodSecurityContext{Sysctls: []corev1.Sysctl{{Name: "net.ipv4.tcp_slow_start_after_idle", Value: "0"}}}
	},
	func(s *corev1.PodSpec) { privileged(s); of("kata")(s) },
	func(s *corev1.PodSpec) { privileged(s); of("shared")(s) },
	func(s *corev1.PodSpec) { hardened(s); of("plain")(s) },
	func(s *corev1.PodSpec) { privileged(s); of("plain")(s) },
}

func hardened(s *corev1.PodSpec) {
	s.SecurityContext = &corev1.PodSecurityContext{RunAsNonRoot: ptr.To(true), SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}}
	s.Containers[0].SecurityContext = &corev1.SecurityContext{
		AllowPrivilegeEscalation: ptr.To(false), Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
	}
}

// TestAgreement holds the operator's verdict over pods against the API server's own
// dry run: many namespaces, exempt and not, with exempt and plain pods, some of them
// created by an exempt user, under the defaults of the configuration.
func TestAgreement(t *testing.T) {
	config, err := psaconfig.Load(configFile)
	if err != nil {
		t.Fatal(err)
	}
	admin := clientOf(t, "")
	for _, class := range []string{"kata", "shared", "plain"} {
		createClass(t, admin, class)
	}
	namespaces := fill(t, admin, clientOf(t, exemptUser))
	cfg := configured.Config()
	cfg.QPS, cfg.Burst = 1000, 1000
	labels, err := nslabels.NewClient(cfg)
	if err != nil {
		t.Fatal(err)
	}
	o := opinions{config: config, held: watched(t), labels: labels}
	violating := 0
	for _, name := range namespaces {
		ns := &corev1.Namespace{}
		if err := admin.Get(t.Context(), client.ObjectKey{Name: name}, ns); err != nil {
			t.Fatal(err)
		}
		for _, level := range []psaapi.Level{psaapi.LevelBaseline, psaapi.LevelRestricted} {
			if o.compare(t, ns, level) {
				violating++
			}
		}
	}
	compared := 2 * len(namespaces)
	t.Logf("%d comparisons in %d namespaces, %d of them of violations", compared, len(namespaces), violating)
	if violating < compared/10 || violating > compared*9/10 {
		t.Errorf("%d of %d comparisons are of violations: the namespaces are no mixture", violating, compared)
	}
}

// opinions are the operator's and the API server's.
type opinions struct {
	config psaconfig.Config
	held   *inventory.Inventory
	labels *nslabels.Client
}

// compare fails the test when the two differ over a namespace, and answers whether it
// violates the level.
func (o opinions) compare(t *testing.T, ns *corev1.Namespace, level psaapi.Level) bool {
	t.Helper()
	lv := psaapi.LevelVersion{Level: level, Version: psaapi.MajorMinorVersion(1, 37)}
	answer, err := o.labels.DryRun(t.Context(), ns, lv)
	if err != nil {
		t.Fatal(err)
	}
	verdict, _ := o.held.Verdict(ns.Name, inventory.Query{Level: lv, ExemptRuntimeClasses: o.config.ExemptRuntimeClasses})
	exempt := o.config.ExemptNamespaces.Has(ns.Name)
	ours := !verdict.Compliant() && !exempt
	if theirs := len(answer.Violations) > 0; ours != theirs {
		t.Errorf("namespace %s at %s: the operator says %v, the API server %v: %v, %v", ns.Name, lv.String(), ours, theirs, verdict.Violations, answer)
	}
	if exempt != (answer.Exempt != "") {
		t.Errorf("namespace %s: the API server says of its exemption %q", ns.Name, answer.Exempt)
	}
	return ours
}

// createClass makes a RuntimeClass that tests share, and that stays.
func createClass(t *testing.T, c client.Client, name string) {
	t.Helper()
	err := c.Create(t.Context(), &nodev1.RuntimeClass{ObjectMeta: metav1.ObjectMeta{Name: name}, Handler: cmp.Or(handlers[name], "acme")})
	if client.IgnoreAlreadyExists(err) != nil {
		t.Fatalf("creating RuntimeClass %s: %v", name, err)
	}
}

// fill makes the namespaces and their pods. Those that the defaults would refuse are
// created by the exempt user.
func fill(t *testing.T, admin, exempt client.Client) []string {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	var names []string
	for i := range generated {
		name := fmt.Sprintf("agree-%03d", i)
		if i < 3 {
			name = fmt.Sprintf("exempt-%d", i)
		}
		names = append(names, name)
		if err := admin.Create(t.Context(), newNamespace(name, "agreement")); err != nil {
			t.Fatalf("creating namespace %s: %v", name, err)
		}
		for p := range random.IntN(4) {
			pod := newPod(name, fmt.Sprint("pod-", p), sorts[random.IntN(len(sorts))])
			if err := exempt.Create(t.Context(), pod); err != nil {
				t.Fatalf("creating a pod as %s: %v", exemptUser, err)
			}
		}
	}
	return names
}

// clientOf answers a client that acts as a user with all rights, the admin for "".
func clientOf(t *testing.T, user string) client.Client {
	t.Helper()
	cfg := configured.Config()
	if user != "" {
		cfg = configured.UserConfig(user, "system:masters")
	}
	cfg.QPS, cfg.Burst = 1000, 1000
	c, err := client.New(cfg, client.Options{Scheme: controllers.NewScheme()})
	if err != nil {
		t.Fatalf("making a client: %v", err)
	}
	return c
}

// watched answers an inventory of the cluster.
func watched(t *testing.T) *inventory.Inventory {
	t.Helper()
	evaluator, err := standards.NewEvaluator()
	if err != nil {
		t.Fatal(err)
	}
	held := inventory.New(evaluator, inventory.Options{})
	watcher, err := inventory.NewWatcher(configured.Config(), held)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- watcher.Start(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	await.Until(t, soon, func() error {
		if !held.Synced() {
			return fmt.Errorf("not every watch has synced")
		}
		return nil
	})
	return held
}
