// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	applycorev1 "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

const prefix = "pod-security.kubernetes.io/"

// write is one request on a namespace.
type write func(ctx context.Context, c client.Client, ns *corev1.Namespace) error

// labels reads "enforce=baseline:v1.37 warn=restricted team=a": modes of Pod
// Security with a level and a version, which may be missing, and other labels.
func labels(text string) map[string]string {
	out := map[string]string{}
	for _, field := range strings.Fields(text) {
		key, value, _ := strings.Cut(field, "=")
		switch key {
		case "audit", "warn", "enforce":
			level, version, pinned := strings.Cut(value, ":")
			out[prefix+key] = level
			if pinned {
				out[prefix+key+"-version"] = version
			}
		default:
			out[key] = value
		}
	}
	return out
}

// applies is a server-side apply of labels, as the operator writes.
func applies(text string) write {
	return func(ctx context.Context, c client.Client, ns *corev1.Namespace) error {
		return c.Apply(ctx, applycorev1.Namespace(ns.Name).WithLabels(labels(text)), client.FieldOwner(v1alpha1.FieldManager), client.ForceOwnership)
	}
}

// merges is a merge patch.
func merges(patch string, options ...client.PatchOption) write {
	return func(ctx context.Context, c client.Client, ns *corev1.Namespace) error {
		return c.Patch(ctx, ns, client.RawPatch(types.MergePatchType, []byte(patch)), options...)
	}
}

// sets is a merge patch of labels.
func sets(text string, options ...client.PatchOption) write {
	return merges(labelPatch(labels(text)), options...)
}

// removes is a merge patch without a label.
func removes(keys ...string) write {
	var pairs []string
	for _, key := range keys {
		pairs = append(pairs, fmt.Sprintf("%q:null", key))
	}
	return merges(`{"metadata":{"labels":{` + strings.Join(pairs, ",") + `}}}`)
}

func labelPatch(labels map[string]string) string {
	var pairs []string
	for key, value := range labels {
		pairs = append(pairs, fmt.Sprintf("%q:%q", key, value))
	}
	return `{"metadata":{"labels":{` + strings.Join(pairs, ",") + `}}}`
}

// updates is a PUT of the namespace, changed.
func updates(change func(*corev1.Namespace)) write {
	return func(ctx context.Context, c client.Client, ns *corev1.Namespace) error {
		change(ns)
		return c.Update(ctx, ns)
	}
}

// statuses is a merge patch of the status.
func statuses(patch string) write {
	return func(ctx context.Context, c client.Client, ns *corev1.Namespace) error {
		return c.Status().Patch(ctx, ns, client.RawPatch(types.MergePatchType, []byte(patch)))
	}
}

func finalizes(ctx context.Context, c client.Client, ns *corev1.Namespace) error {
	ns.Spec.Finalizers = nil
	return c.SubResource("finalize").Update(ctx, ns)
}

func deletes(ctx context.Context, c client.Client, ns *corev1.Namespace) error {
	return c.Delete(ctx, ns)
}

// creates makes another namespace.
func creates(ctx context.Context, c client.Client, ns *corev1.Namespace) error {
	return c.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns.Name + "-too"}})
}

// namespace makes a namespace.
func namespace(t *testing.T, text string) *corev1.Namespace {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: "policy-" + strings.ToLower(rand.Text()[:10]), Labels: labels(text),
		Annotations: map[string]string{"example.com/kept": "yes"},
	}}
	if err := admin.Create(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	return ns
}

// claim has a rollout claim the namespace, with what it was rolled back from and
// to, if that is not empty.
func claim(t *testing.T, ns *corev1.Namespace, rung, to string) {
	t.Helper()
	c := &v1alpha1.NamespaceRollout{ObjectMeta: metav1.ObjectMeta{Namespace: ns.Name, Name: v1alpha1.NamespaceRolloutName}}
	if err := admin.Create(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if rung == "" {
		return
	}
	before := c.DeepCopy()
	c.Status.Rollback = &v1alpha1.Rollback{
		Rung: v1alpha1.LevelVersion(rung), To: v1alpha1.LevelVersion(to), Time: metav1.Now(), Message: "Pods of Deployment web are refused",
		RolloutGeneration: 1, ApprovalGeneration: 1,
	}
	if err := admin.Status().Patch(t.Context(), c, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
}

// outcome answers nil when the write ended as wanted: refused by the policy with a
// message that has the words, or carried out when they are empty. The write gets
// the namespace as it is now.
func outcome(ctx context.Context, c client.Client, w write, ns *corev1.Namespace, policy, want string) error {
	now := &corev1.Namespace{}
	if err := admin.Get(ctx, client.ObjectKeyFromObject(ns), now); err != nil {
		return err
	}
	err := w(ctx, c, now)
	switch {
	case want == "" && err != nil:
		return fmt.Errorf("want it carried out, got: %w", err)
	case want == "":
		return nil
	case err == nil:
		return fmt.Errorf("want it refused with %q, got it carried out", want)
	case !apierrors.IsForbidden(err), !strings.Contains(err.Error(), policy), !strings.Contains(err.Error(), want):
		return fmt.Errorf("want it refused by %s with %q, got: %w", policy, want, err)
	}
	return nil
}
