// SPDX-License-Identifier: Apache-2.0

package evidence

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	nodev1 "k8s.io/api/node/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/controllers"
	"github.com/podsecurity-rollout/operator/test/e2e/await"
)

// handlers are those of the RuntimeClasses of these tests.
var handlers = map[string]string{
	"kata": "kata-qemu", "shared": "crun", "plain": "runc", "gvisor": "runsc", "wasm": "wasmtime", "odd": "acme",
}

// ownConfig is the configuration in a file of the test's own.
func ownConfig(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "admission.yaml")
	if err := os.WriteFile(path, []byte(configuration), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestRuntimeClasses has pods of every kind of isolation: what stands behind each
// class is told, and the exemptions that isolate nothing are reported with what they
// let through, until the configuration or the class is put right.
func TestRuntimeClasses(t *testing.T) {
	config := ownConfig(t)
	s := at(t, configured, controllers.Options{PodSecurityConfig: config})
	exempt := clientOf(t, exemptUser)
	s.create(newNamespace("classes", "classes"))
	for _, name := range []string{"kata", "shared", "gvisor", "wasm", "odd", "gone"} {
		createClass(t, s.Client, name)
		if err := exempt.Create(t.Context(), newPod("classes", name, privileged, of(name))); err != nil {
			t.Fatalf("creating a pod of class %s: %v", name, err)
		}
	}
	// A class has to be there while its pods are created.
	if err := s.Delete(t.Context(), &nodev1.RuntimeClass{ObjectMeta: metav1.ObjectMeta{Name: "gone"}}); err != nil {
		t.Fatal(err)
	}
	rollout := s.rollout("classes", v1alpha1.LevelBaseline)

	want := []v1alpha1.RuntimeClassUse{
		{Name: "gone", Isolation: v1alpha1.IsolationUnknown, Pods: 1, Exemption: v1alpha1.ExemptionUnsafe, LetThrough: 1},
		{Name: "gvisor", Handler: "runsc", Isolation: v1alpha1.IsolationUserSpaceKernel, Pods: 1},
		{Name: "kata", Handler: "kata-qemu", Isolation: v1alpha1.IsolationVirtualMachine, Pods: 1, Exemption: v1alpha1.ExemptionIsolated, LetThrough: 1},
		{Name: "odd", Handler: "acme", Isolation: v1alpha1.IsolationUnknown, Pods: 1},
		{Name: "shared", Handler: "crun", Isolation: v1alpha1.IsolationSharedKernel, Pods: 1, Exemption: v1alpha1.ExemptionUnsafe, LetThrough: 1},
		{Name: "wasm", Handler: "wasmtime", Isolation: v1alpha1.IsolationWebAssembly, Pods: 1},
	}
	claim := s.await("classes", func(status v1alpha1.NamespaceRolloutStatus) error {
		if diff := cmp.Diff(want, status.RuntimeClasses); diff != "" {
			return fmt.Errorf("runtime classes (-want +got):\n%s", diff)
		}
		return state(v1alpha1.ReasonViolations)(status)
	})
	for _, c := range claim.Status.Compliance {
		if c.ExemptPods != 3 || c.ViolatingWorkloads != 3 {
			t.Errorf("%+v, want 3 exempt pods and 3 violating workloads", c)
		}
	}
	s.awaitCondition(rollout, v1alpha1.ConditionUnsafeExemption, metav1.ConditionTrue,
		`exemption of runtime class gone lets 1 violating pod through in namespaces classes. RuntimeClass "gone" does not exist`,
		`exemption of runtime class shared lets 1 violating pod through in namespaces classes. The handler "crun"`)

	// A bad file keeps the last good one, and says so.
	write(t, config, "kind: Nonsense")
	s.awaitCondition(rollout, v1alpha1.ConditionConfigurationInvalid, metav1.ConditionTrue, "The last good configuration counts meanwhile")
	s.awaitCondition(rollout, v1alpha1.ConditionUnsafeExemption, metav1.ConditionTrue, "runtime class shared")
	write(t, config, strings.ReplaceAll(configuration, "[kata, shared, gone]", "[kata]"))
	s.awaitCondition(rollout, v1alpha1.ConditionConfigurationInvalid, metav1.ConditionFalse)
	s.awaitCondition(rollout, v1alpha1.ConditionUnsafeExemption, metav1.ConditionFalse)
	// The API server still exempts them: it is asked, and both answers are told.
	s.await("classes", func(status v1alpha1.NamespaceRolloutStatus) error {
		for _, c := range status.Compliance {
			if c.ViolatingWorkloads != 5 {
				return fmt.Errorf("%+v, want 5 violating workloads", c)
			}
		}
		return nil
	})
}

func write(t *testing.T, path, content string) {
	t.Helper()
	next := path + ".next"
	if err := os.WriteFile(next, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, path); err != nil {
		t.Fatal(err)
	}
}

// awaitCondition waits until a rollout's condition is so and has the words.
func (s *site) awaitCondition(rollout *v1alpha1.PodSecurityRollout, kind string, status metav1.ConditionStatus, words ...string) {
	s.Helper()
	await.Until(s.T, soon, func() error {
		now := &v1alpha1.PodSecurityRollout{}
		if err := s.Get(s.Context(), client.ObjectKeyFromObject(rollout), now); err != nil {
			return err
		}
		c := meta.FindStatusCondition(now.Status.Conditions, kind)
		if c == nil || c.Status != status {
			return fmt.Errorf("condition %+v, want %s %s", c, kind, status)
		}
		for _, w := range words {
			if !strings.Contains(c.Message, w) {
				return fmt.Errorf("the message of %s, %q, has no %q", kind, c.Message, w)
			}
		}
		return nil
	})
}

// TestRequireIsolatedExemptions has the pods judged that an unsafe exemption lets
// through, and those that are isolated not.
func TestRequireIsolatedExemptions(t *testing.T) {
	s := at(t, configured, controllers.Options{PodSecurityConfig: ownConfig(t), RequireIsolatedExemptions: true})
	exempt := clientOf(t, exemptUser)
	for _, name := range []string{"kata", "shared"} {
		createClass(t, s.Client, name)
		s.create(newNamespace("isolated-"+name, "isolated"))
		if err := exempt.Create(t.Context(), newPod("isolated-"+name, "p", privileged, of(name))); err != nil {
			t.Fatal(err)
		}
	}
	s.rollout("isolated", v1alpha1.LevelBaseline)
	s.await("isolated-kata", func(status v1alpha1.NamespaceRolloutStatus) error {
		if !meta.IsStatusConditionTrue(status.Conditions, v1alpha1.ConditionComplete) {
			return fmt.Errorf("not complete: %+v", status.Conditions)
		}
		return nil
	})
	s.await("isolated-shared", state(v1alpha1.ReasonViolations))
}

// TestUndeclaredExemptions has an operator that was not given the API server's
// configuration: the namespaces are held, and the condition gives both answers.
func TestUndeclaredExemptions(t *testing.T) {
	s := at(t, configured, controllers.Options{})
	exempt := clientOf(t, exemptUser)
	if err := s.Create(t.Context(), newNamespace("exempt-0", "undeclared")); client.IgnoreAlreadyExists(err) != nil {
		t.Fatal(err)
	}
	relabel := newNamespace("exempt-0", "undeclared")
	if err := s.Patch(t.Context(), relabel, client.Merge, client.FieldOwner("kubectl-label")); err != nil {
		t.Fatal(err)
	}
	createClass(t, s.Client, "kata")
	ns := newNamespace("undeclared", "undeclared")
	ns.Labels["pod-security.kubernetes.io/enforce"] = "privileged"
	s.create(ns)
	if err := exempt.Create(t.Context(), newPod("undeclared", "p", privileged, of("kata"))); err != nil {
		t.Fatal(err)
	}
	s.rollout("undeclared", v1alpha1.LevelRestricted)
	disagrees := func(reason string, words ...string) func(v1alpha1.NamespaceRolloutStatus) error {
		return func(status v1alpha1.NamespaceRolloutStatus) error {
			c := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionEvaluatorDisagrees)
			if c == nil || c.Status != metav1.ConditionTrue || c.Reason != reason {
				return fmt.Errorf("condition %+v, want %s", c, reason)
			}
			for _, w := range words {
				if !strings.Contains(c.Message, w) {
					return errors.New("the message has no " + w + ": " + c.Message)
				}
			}
			return nil
		}
	}
	s.await("exempt-0", disagrees(v1alpha1.ReasonUndeclaredExemption, "is exempt from Pod Security", "--pod-security-config"))
	s.await("undeclared", disagrees(v1alpha1.ReasonServerLaxer, "Pod p: privileged", "The API server says: no pod violates"))
}
