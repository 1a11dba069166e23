// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"path"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	psaapi "k8s.io/pod-security-admission/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/test/e2e/await"
	"github.com/podsecurity-rollout/operator/test/manifests"
)

const asleepLabel = "example.com/asleep"

// TestWorkloadsWithoutPods has workloads that violate restricted and have no pod
// at the moment: the API server's dry run sees nothing, and the operator does.
func TestWorkloadsWithoutPods(t *testing.T) {
	t.Parallel()
	e := need(t)
	c := readCorpus(t, e.version.String())
	for name, tc := range map[string]struct {
		manifest string
		// sleep has the workload make no pod.
		sleep func(manifests.Workload) error
		want  string
	}{
		"a CronJob that runs once a month": {
			manifest: "kubectl/busybox-cronjob",
			sleep: func(w manifests.Workload) error {
				return unstructured.SetNestedField(w.Object, "0 3 1 * *", "spec", "schedule")
			},
			want: "CronJob cronjob-test",
		},
		"a Deployment scaled to zero": {
			manifest: "guestbook/frontend-deployment",
			sleep: func(w manifests.Workload) error {
				return unstructured.SetNestedField(w.Object, int64(0), "spec", "replicas")
			},
			want: "Deployment frontend",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			list := c[namespaceOf(tc.manifest)]
			if len(list) != 1 || list[0].String() != tc.want {
				t.Fatalf("%s has the workloads %v, want %s", tc.manifest, list, tc.want)
			}
			w := manifests.Workload{Unstructured: list[0].DeepCopy()}
			ns := "asleep-" + path.Base(tc.manifest)
			w.SetNamespace(ns)
			if err := tc.sleep(w); err != nil {
				t.Fatal(err)
			}
			e.create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns, Labels: map[string]string{asleepLabel: ns}}})
			if err := e.createWorkload(t, w); err != nil {
				t.Fatal(err)
			}
			server, err := e.serverVerdict(t.Context(), ns, psaapi.LevelVersion{Level: psaapi.LevelRestricted, Version: e.version})
			if err != nil || server.Violating {
				t.Fatalf("the API server's dry run answers %v, %v, want no violation: there is no pod", server, err)
			}

			e.apply(t, rollout{name: ns, label: asleepLabel + ": " + ns, enforce: "restricted", warn: "restricted", audit: "restricted"})
			e.awaitSettled(t, ns, 1)
			e.wantHeldByTemplate(t, ns, tc.want)
			if err := e.wrote(ns, "audit=baseline", "warn=baseline", "enforce=baseline"); err != nil {
				t.Error(err)
			}
		})
	}
}

func (e *environment) wantHeldByTemplate(t *testing.T, namespace, workload string) {
	t.Helper()
	claim := &v1alpha1.NamespaceRollout{}
	await.Until(t, soon, func() error {
		key := client.ObjectKey{Namespace: namespace, Name: v1alpha1.NamespaceRolloutName}
		if err := e.client.Get(t.Context(), key, claim); err != nil {
			return err
		}
		if claim.Status.ViolatingWorkloads != 1 || len(claim.Status.Violations) == 0 {
			return fmt.Errorf("it does not list one violating workload:\n%s", asYAML(claim))
		}
		v := claim.Status.Violations[0]
		if got := v.Workload.Kind + " " + v.Workload.Name; got != workload || v.Source != v1alpha1.SourceTemplate {
			return fmt.Errorf("the first violation is of the %s of %s, want the Template of %s:\n%s", v.Source, got, workload, asYAML(claim))
		}
		return nil
	})
}
