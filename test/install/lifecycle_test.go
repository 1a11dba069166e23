// SPDX-License-Identifier: Apache-2.0

package install

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	psaapi "k8s.io/pod-security-admission/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/test/controlplane"
)

var (
	defaults         = filepath.Join(root, "config", "default")
	highAvailability = filepath.Join(root, "config", "high-availability")
	oneFile          = filepath.Join(root, "dist", "install.yaml")
)

// TestLifecycle installs an older release, this one over it, config/high-availability
// over that, removes it and installs from one file, while namespaces climb one
// after the other as they are approved. No label is lowered and no rung is climbed
// twice; rollouts and claims are lost where docs/install.md says so, and only there.
func TestLifecycle(t *testing.T) {
	need(t)
	t.Parallel()
	s := ownSite(t, controlplane.Options{ControllerManager: true})
	seen := s.watchNamespaces(t)
	namespaces := []string{"older", "upgraded", "available", "removed"}
	s.apply(t, s.olderRelease(t), "-f", "-")
	for _, name := range namespaces {
		s.populate(t, name)
	}
	s.declareByApproval(t, namespaces)
	o := s.climb(t, nil, "older", namespaces)
	for _, step := range []struct{ namespace, dir string }{{"upgraded", defaults}, {"available", highAvailability}} {
		before := s.look(t, namespaces)
		s.wantDiffers(t, true, "-k", step.dir)
		s.apply(t, nil, "-k", step.dir)
		s.wantDiffers(t, false, "-k", step.dir)
		if diff := cmp.Diff(before, s.look(t, namespaces)); diff != "" {
			t.Errorf("applying %s changed (-before +after):\n%s", step.dir, diff)
		}
		o = s.climb(t, o, step.namespace, namespaces)
	}

	before := s.labels(t, namespaces)
	s.kubectl(t, "delete", "-k", highAvailability) // the operator runs on, as its pods do for a while
	s.wantNothingLeft(t)
	o.kill()
	build := exec.Command("make", "--no-print-directory", "build-installer")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("making %s: %v\n%s", oneFile, err, out)
	}
	s.apply(t, nil, "-f", oneFile)
	s.wantDiffers(t, false, "-k", defaults)
	if diff := cmp.Diff(before, s.labels(t, namespaces)); diff != "" {
		t.Errorf("removing it and installing it again changed (-before +after):\n%s", diff)
	}
	s.declareByApproval(t, namespaces)
	s.climb(t, nil, "removed", namespaces)
	s.wantRungs(t, seen, namespaces, "audit=baseline", "warn=baseline", "enforce=baseline")
}

// olderRelease is config/default as an older release might have had it: another
// image, one replica, a field of the API and a policy less.
func (s *site) olderRelease(t *testing.T) []byte {
	t.Helper()
	rendered, err := s.Kubectl(t.Context(), nil, "kustomize", defaults)
	if err != nil {
		t.Fatal(err)
	}
	changes := map[string]func(object map[string]any) error{
		"Deployment/podsecurity-rollout-manager": func(object map[string]any) error {
			containers, _, err := unstructured.NestedSlice(object, "spec", "template", "spec", "containers")
			if err != nil {
				return err
			}
			manager, _ := containers[0].(map[string]any)
			return errors.Join(
				unstructured.SetNestedField(manager, "example.com/operator:older", "image"),
				unstructured.SetNestedSlice(object, containers, "spec", "template", "spec", "containers"),
				unstructured.SetNestedField(object, int64(1), "spec", "replicas"))
		},
		"CustomResourceDefinition/podsecurityrollouts.rollout.podsecurity.dev": func(object map[string]any) error {
			versions, _, err := unstructured.NestedSlice(object, "spec", "versions")
			if err != nil {
				return err
			}
			version, _ := versions[0].(map[string]any)
			unstructured.RemoveNestedField(version, strings.Split("schema openAPIV3Schema properties spec properties strategy properties enforce properties reports", " ")...)
			return unstructured.SetNestedSlice(object, versions, "spec", "versions")
		},
		"ValidatingAdmissionPolicyBinding/podsecurity-rollout-latest-version": func(object map[string]any) error {
			clear(object)
			return nil
		},
	}
	return changed(t, rendered, changes)
}

// changed applies changes, by kind and name, to manifests. What is emptied is left out.
func changed(t *testing.T, manifests []byte, changes map[string]func(map[string]any) error) []byte {
	t.Helper()
	var out bytes.Buffer
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(manifests), 4096)
	for {
		var o unstructured.Unstructured
		err := decoder.Decode(&o.Object)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		key := o.GetKind() + "/" + o.GetName()
		if change := changes[key]; change != nil {
			delete(changes, key)
			if err := change(o.Object); err != nil {
				t.Fatalf("changing %s: %v", key, err)
			}
		}
		if len(o.Object) > 0 {
			if err := unstructured.UnstructuredJSONScheme.Encode(&o, &out); err != nil {
				t.Fatal(err)
			}
		}
	}
	for key := range changes {
		t.Errorf("there is no %s to change", key)
	}
	return out.Bytes()
}

// apply is kubectl apply --server-side, as docs/install.md has it.
func (s *site) apply(t *testing.T, input []byte, from ...string) {
	t.Helper()
	if err := s.Apply(t.Context(), input, from...); err != nil {
		t.Fatal(err)
	}
}

func (s *site) kubectl(t *testing.T, args ...string) {
	t.Helper()
	if _, err := s.Kubectl(t.Context(), nil, args...); err != nil {
		t.Fatal(err)
	}
}

// wantDiffers asks kubectl whether applying would change anything.
func (s *site) wantDiffers(t *testing.T, want bool, from ...string) {
	t.Helper()
	_, err := s.Kubectl(t.Context(), nil, append([]string{"diff", "--server-side"}, from...)...)
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) {
		t.Fatal(err)
	}
	if differs := err != nil; differs != want {
		t.Errorf("applying %v would change something: %t, want %t", from, differs, want)
	}
}

// wantNothingLeft waits until what was removed is gone, the rollouts with it.
func (s *site) wantNothingLeft(t *testing.T) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		var rollouts v1alpha1.PodSecurityRolloutList
		if err := s.admin.List(ctx, &rollouts); !meta.IsNoMatchError(err) && !apierrors.IsNotFound(err) {
			return fmt.Errorf("rollouts are still served: %w", err)
		}
		err := s.admin.Get(ctx, client.ObjectKey{Name: operatorNamespace}, &corev1.Namespace{})
		if !apierrors.IsNotFound(err) {
			return fmt.Errorf("namespace %s is still there: %w", operatorNamespace, err)
		}
		return nil
	})
}

// declareByApproval makes a rollout whose enforce rungs wait to be approved.
func (s *site) declareByApproval(t *testing.T, namespaces []string) {
	t.Helper()
	rollout := rolloutOf("lifecycle", v1alpha1.LevelBaseline, namespaces...)
	rollout.Spec.Strategy = &v1alpha1.Strategy{
		Enforce: &v1alpha1.EnforceStrategy{Approval: v1alpha1.ApprovalManual},
		Budgets: []v1alpha1.Budget{{Namespaces: "100%"}},
	}
	s.create(t, rollout)
}

// climb has the operator that runs stop and another one start, as a Deployment
// does when it is changed, and approves the enforce rung of a namespace.
func (s *site) climb(t *testing.T, running *operator, namespace string, namespaces []string) *operator {
	t.Helper()
	if running != nil {
		running.signal(t, syscall.SIGTERM)
	}
	o := s.runReplica(t, "lifecycle-"+namespace, 0)
	for _, name := range namespaces {
		s.awaitLabel(t, name, psaapi.WarnLevelLabel)
	}
	s.approve(t, namespace)
	s.awaitLabel(t, namespace, psaapi.EnforceLevelLabel)
	return o
}

func (s *site) approve(t *testing.T, namespace string) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		claim := &v1alpha1.NamespaceRollout{}
		if err := s.admin.Get(ctx, client.ObjectKey{Namespace: namespace, Name: v1alpha1.NamespaceRolloutName}, claim); err != nil {
			return err
		}
		next := claim.Status.Next
		if next == nil || next.Mode != v1alpha1.ModeEnforce {
			return fmt.Errorf("the next rung of %s is %v, not enforce", namespace, next)
		}
		before := claim.DeepCopy()
		claim.Spec.ApprovedEnforce = string(next.To)
		return s.admin.Patch(ctx, claim, client.MergeFrom(before))
	})
}

func (s *site) awaitLabel(t *testing.T, namespace, label string) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		ns := namespaceOf(namespace)
		if err := s.admin.Get(ctx, client.ObjectKeyFromObject(ns), ns); err != nil {
			return err
		}
		if ns.Labels[label] != string(v1alpha1.LevelBaseline) {
			return fmt.Errorf("the labels of %s are %v, want %s at baseline", namespace, ns.Labels, label)
		}
		return nil
	})
}

// labels answers the labels of the namespaces.
func (s *site) labels(t *testing.T, namespaces []string) map[string]map[string]string {
	t.Helper()
	found := map[string]map[string]string{}
	for _, name := range namespaces {
		ns := namespaceOf(name)
		if err := s.admin.Get(t.Context(), client.ObjectKeyFromObject(ns), ns); err != nil {
			t.Fatal(err)
		}
		found[name] = maps.Clone(ns.Labels)
	}
	return found
}

// look answers what an upgrade must not change: the labels, and which rollout and
// claims there are, with what was approved.
func (s *site) look(t *testing.T, namespaces []string) map[string]map[string]string {
	t.Helper()
	found := s.labels(t, namespaces)
	rollout := &v1alpha1.PodSecurityRollout{}
	if err := s.admin.Get(t.Context(), client.ObjectKey{Name: "lifecycle"}, rollout); err != nil {
		t.Fatal(err)
	}
	found["rollout"] = map[string]string{"uid": string(rollout.UID)}
	for _, name := range namespaces {
		claim := &v1alpha1.NamespaceRollout{}
		if err := s.admin.Get(t.Context(), client.ObjectKey{Namespace: name, Name: v1alpha1.NamespaceRolloutName}, claim); err != nil {
			t.Fatal(err)
		}
		found[name]["claim"], found[name]["approved"] = string(claim.UID), claim.Spec.ApprovedEnforce
	}
	return found
}
