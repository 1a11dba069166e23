// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podsecurity-rollout/operator/test/e2e/await"
	"github.com/podsecurity-rollout/operator/test/manifests"
)

// corpusLabel is on every namespace of the corpus.
const corpusLabel = "example.com/corpus"

// corpus is what runs in the cluster: of each namespace the workloads.
type corpus map[string][]manifests.Workload

// fill makes a namespace of each manifest of Kubernetes that has workloads, and
// waits until each that is to have pods has one.
func (e *environment) fill(t *testing.T) corpus {
	t.Helper()
	c := readCorpus(t, e.version.String())
	e.create(t, nodeFor(c))
	for namespace, list := range c {
		e.create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace, Labels: map[string]string{corpusLabel: "kubernetes"}}})
		c[namespace] = slices.DeleteFunc(list, func(w manifests.Workload) bool {
			w.SetNamespace(namespace)
			w.SetName(strings.ReplaceAll(w.GetName(), "_", "-"))
			err := e.createWorkload(t, w)
			if err != nil {
				t.Logf("the API server does not take %s of namespace %s: %v", w, namespace, err)
			}
			return err != nil
		})
	}
	e.awaitPods(t, c)
	return c
}

// readCorpus reads the manifests of Kubernetes that can be understood without
// the scripts that fill them in. Hardly any meets restricted, and some checks
// none violates, so the pods that upstream tests its checks with join them.
func readCorpus(t *testing.T, version string) corpus {
	t.Helper()
	c := corpus{}
	read := func(module, in, prefix, dir string) {
		sources, err := manifests.ModuleDir(t.Context(), module, filepath.Join(root, in))
		if err != nil {
			t.Fatal(err)
		}
		files, err := manifests.Under(filepath.Join(sources, filepath.FromSlash(dir)))
		if err != nil {
			t.Fatal(err)
		}
		for path, list := range files {
			c[namespaceOf(prefix+path)] = append(c[namespaceOf(prefix+path)], list...)
		}
	}
	for _, dir := range []string{"cluster/addons", "test/e2e/testing-manifests", "test/fixtures/doc-yaml"} {
		read("k8s.io/kubernetes", filepath.Join("hack", "controlplane"), "", dir)
	}
	for _, level := range levels {
		for _, answer := range []string{"pass", "fail"} {
			read("k8s.io/pod-security-admission", "", fmt.Sprintf("%s-%s-", level, answer), fmt.Sprintf("test/testdata/%s/%s/%s", level, version, answer))
		}
	}
	return c
}

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// namespaceOf names a namespace after the last of a manifest's path.
func namespaceOf(path string) string {
	name, _, _ := strings.Cut(path, ".")
	name = notInNames.ReplaceAllString(strings.ToLower(name), "-")
	return strings.Trim(name[max(0, len(name)-60):], "-")
}

// nodeFor answers a node for the DaemonSets to run on. Nothing stands behind it:
// a DaemonSet's pods are made for a node that exists, with the labels it asks for.
func nodeFor(c corpus) *corev1.Node {
	labels := map[string]string{}
	for _, list := range c {
		for _, w := range list {
			if template, err := w.Template(); err == nil && w.GetKind() == "DaemonSet" {
				maps.Copy(labels, template.Spec.NodeSelector)
				maps.Copy(labels, labelsThatExist(template.Spec.Affinity))
			}
		}
	}
	return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node", Labels: labels}}
}

// labelsThatExist answers the labels that a node has to have, with any value.
func labelsThatExist(affinity *corev1.Affinity) map[string]string {
	labels := map[string]string{}
	if affinity == nil || affinity.NodeAffinity == nil || affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution == nil {
		return labels
	}
	for _, term := range affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms {
		for _, e := range term.MatchExpressions {
			if e.Operator == corev1.NodeSelectorOpExists {
				labels[e.Key] = "any"
			}
		}
	}
	return labels
}

func (e *environment) create(t *testing.T, object client.Object) {
	t.Helper()
	if err := e.client.Create(t.Context(), object); client.IgnoreAlreadyExists(err) != nil {
		t.Fatalf("creating %T %s: %v", object, object.GetName(), err)
	}
}

// createWorkload creates the workload, and before it the ServiceAccount of its
// pods: without, they would be refused for that. It errs when the API server
// does not take the workload, which may be from another age or half a template.
func (e *environment) createWorkload(t *testing.T, w manifests.Workload) error {
	t.Helper()
	template, err := w.Template()
	if err != nil {
		return err
	}
	if name := cmp.Or(template.Spec.ServiceAccountName, template.Spec.DeprecatedServiceAccount); name != "" {
		e.create(t, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: w.GetNamespace(), Name: name}})
	}
	if w.GetKind() == "Pod" {
		// The default one is made a moment after the namespace.
		account := client.ObjectKey{Namespace: w.GetNamespace(), Name: "default"}
		await.Until(t, soon, func() error { return e.client.Get(t.Context(), account, &corev1.ServiceAccount{}) })
	}
	// What is judged later is what the API server has made of it.
	err = e.client.Create(t.Context(), w.Unstructured)
	if apierrors.IsAlreadyExists(err) {
		err = e.client.Get(t.Context(), client.ObjectKeyFromObject(w), w.Unstructured)
	}
	return err
}

// awaitPods waits until every workload that is to have pods has one: what is
// judged later is then what runs, and not how quick the controllers are.
func (e *environment) awaitPods(t *testing.T, c corpus) {
	t.Helper()
	await.Until(t, soon, func() error {
		missing, err := e.withoutPods(t.Context(), c)
		if err == nil && len(missing) > 0 {
			err = fmt.Errorf("no pods of %s", strings.Join(missing, ", "))
		}
		return err
	})
}

func (e *environment) withoutPods(ctx context.Context, c corpus) ([]string, error) {
	var pods corev1.PodList
	if err := e.client.List(ctx, &pods); err != nil {
		return nil, err
	}
	have := map[string]bool{}
	for i := range pods.Items {
		have[pods.Items[i].Namespace+"/"+maker(&pods.Items[i])] = true
	}
	var missing []string
	for namespace, list := range c {
		for _, w := range list {
			if w.WantsPods() && !have[namespace+"/"+w.String()] {
				missing = append(missing, namespace+"/"+w.String())
			}
		}
	}
	slices.Sort(missing)
	return missing, nil
}

// maker answers who of the corpus a pod comes from. A ReplicaSet of a Deployment
// is named after it.
func maker(pod *corev1.Pod) string {
	owner := metav1.GetControllerOf(pod)
	if owner == nil {
		return "Pod " + pod.Name
	}
	deployment, ok := strings.CutSuffix(owner.Name, "-"+pod.Labels["pod-template-hash"])
	if owner.Kind == "ReplicaSet" && ok {
		return "Deployment " + deployment
	}
	return owner.Kind + " " + owner.Name
}
