// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/client-go/discovery"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

// TestPrinterColumns compares what `kubectl get` and `kubectl get -o wide` show
// with what the API's documentation says.
func TestPrinterColumns(t *testing.T) {
	c := newClient(t)
	rollout := newColumnsRollout(t, c)
	namespaceRollout := newColumnsNamespaceRollout(t, c, rollout)
	cases := map[string]struct {
		path  string
		want  []string
		wide  []string
		cells []any
	}{
		"psr": {
			path:  "podsecurityrollouts/" + rollout.Name,
			want:  []string{"Name", "Mode", "Namespaces", "Complete", "Blocked", "Ready", "Progressing", "Age"},
			wide:  []string{"Version", "Message"},
			cells: []any{rollout.Name, "Observe", int64(12), int64(8), int64(0), "True", "Observing", "v1.37", "nothing is written in mode Observe"},
		},
		"nsr": {
			path:  "namespaces/" + namespaceRollout.Namespace + "/namespacerollouts/" + namespaceRollout.Name,
			want:  []string{"Name", "Rollout", "Enforce", "Warn", "Audit", "Next", "State", "Violating", "Age"},
			wide:  []string{"Message"},
			cells: []any{"pod-security", rollout.Name, "privileged:latest", "baseline:v1.37", "baseline:v1.37", "enforce=baseline:v1.37", "Soaking", int64(0), "clean for 2h of 24h"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			table := getTable(t, tc.path)
			if diff := cmp.Diff(tc.want, columns(table, 0)); diff != "" {
				t.Errorf("columns (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.wide, columns(table, 1)); diff != "" {
				t.Errorf("columns added by -o wide (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.cells, cellsButAge(table)); diff != "" {
				t.Errorf("cells (-want +got):\n%s", diff)
			}
		})
	}
}

// TestResourceNames compares how the kinds are called with the API's documentation.
func TestResourceNames(t *testing.T) {
	d, err := discovery.NewDiscoveryClientForConfig(cluster.Config())
	if err != nil {
		t.Fatalf("making a discovery client: %v", err)
	}
	list, err := d.ServerResourcesForGroupVersion(v1alpha1.GroupVersion.String())
	if err != nil {
		t.Fatalf("discovering the resources: %v", err)
	}
	got := map[string]string{}
	for _, r := range list.APIResources {
		got[r.Name] = fmt.Sprint(r.Kind, " namespaced:", r.Namespaced, " short:", r.ShortNames, " categories:", r.Categories)
	}
	want := map[string]string{
		"podsecurityrollouts":        "PodSecurityRollout namespaced:false short:[psr] categories:[podsecurity]",
		"podsecurityrollouts/status": "PodSecurityRollout namespaced:false short:[] categories:[]",
		"namespacerollouts":          "NamespaceRollout namespaced:true short:[nsr] categories:[podsecurity]",
		"namespacerollouts/status":   "NamespaceRollout namespaced:true short:[] categories:[]",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("resources (-want +got):\n%s", diff)
	}
}

// newColumnsRollout makes a rollout that selects nothing, with a status.
func newColumnsRollout(t *testing.T, c client.Client) *v1alpha1.PodSecurityRollout {
	t.Helper()
	rollout := &v1alpha1.PodSecurityRollout{
		ObjectMeta: metav1.ObjectMeta{Name: "columns"},
		Spec: v1alpha1.PodSecurityRolloutSpec{
			Mode: v1alpha1.RolloutModeObserve,
			Targets: []v1alpha1.Target{{
				Name:              "none",
				NamespaceSelector: &v1alpha1.NamespaceSelector{MatchLabels: map[string]string{"columns": "none"}},
				Enforce:           v1alpha1.LevelBaseline,
			}},
		},
	}
	if err := c.Create(t.Context(), rollout); err != nil {
		t.Fatalf("creating the rollout: %v", err)
	}
	cleanup(t, func(ctx context.Context) error { return c.Delete(ctx, rollout) })
	rollout.Status = v1alpha1.PodSecurityRolloutStatus{
		ObservedGeneration: rollout.Generation,
		ClusterVersion:     "v1.37",
		Namespaces:         &v1alpha1.NamespaceCounts{Selected: 12, Complete: 8, Progressing: 4},
		Conditions: []metav1.Condition{
			condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonAccepted, ""),
			condition(v1alpha1.ConditionProgressing, metav1.ConditionFalse, v1alpha1.ReasonObserving, "nothing is written in mode Observe"),
		},
	}
	if err := c.Status().Update(t.Context(), rollout); err != nil {
		t.Fatalf("writing the rollout's status: %v", err)
	}
	return rollout
}

// newColumnsNamespaceRollout makes one that rollout owns, with a status.
func newColumnsNamespaceRollout(t *testing.T, c client.Client, rollout *v1alpha1.PodSecurityRollout) *v1alpha1.NamespaceRollout {
	t.Helper()
	nsr := &v1alpha1.NamespaceRollout{ObjectMeta: metav1.ObjectMeta{
		Namespace: newNamespace(t, nil).Name,
		Name:      v1alpha1.NamespaceRolloutName,
		OwnerReferences: []metav1.OwnerReference{
			{APIVersion: "example.com/v1", Kind: "Other", Name: "other", UID: types.UID("other")},
			*metav1.NewControllerRef(rollout, v1alpha1.GroupVersion.WithKind("PodSecurityRollout")),
		},
	}}
	if err := c.Create(t.Context(), nsr); err != nil {
		t.Fatalf("creating the NamespaceRollout: %v", err)
	}
	nsr.Status = v1alpha1.NamespaceRolloutStatus{
		ObservedGeneration: nsr.Generation,
		Current:            &v1alpha1.Policy{Enforce: "privileged:latest", Warn: "baseline:v1.37", Audit: "baseline:v1.37"},
		Next:               &v1alpha1.Rung{Mode: v1alpha1.ModeEnforce, To: "baseline:v1.37", Rung: "enforce=baseline:v1.37"},
		Conditions: []metav1.Condition{
			condition(v1alpha1.ConditionProgressing, metav1.ConditionTrue, v1alpha1.ReasonSoaking, "clean for 2h of 24h"),
		},
	}
	if err := c.Status().Update(t.Context(), nsr); err != nil {
		t.Fatalf("writing the NamespaceRollout's status: %v", err)
	}
	return nsr
}

func condition(kind string, status metav1.ConditionStatus, reason, message string) metav1.Condition {
	return metav1.Condition{Type: kind, Status: status, Reason: reason, Message: message, LastTransitionTime: metav1.Now()}
}

// getTable asks for an object the way kubectl does when it prints one.
func getTable(t *testing.T, path string) *metav1.Table {
	t.Helper()
	c, err := discovery.NewDiscoveryClientForConfig(cluster.Config())
	if err != nil {
		t.Fatalf("making a client: %v", err)
	}
	data, err := c.RESTClient().Get().
		AbsPath("apis", v1alpha1.GroupVersion.Group, v1alpha1.GroupVersion.Version, path).
		SetHeader("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").
		Do(t.Context()).Raw()
	if err != nil {
		t.Fatalf("getting %s as a table: %v", path, err)
	}
	table := &metav1.Table{}
	if err := utiljson.Unmarshal(data, table); err != nil {
		t.Fatalf("reading the table: %v", err)
	}
	return table
}

// columns names the table's columns of a priority: 0 is always shown, 1 by -o wide.
func columns(table *metav1.Table, priority int32) []string {
	var names []string
	for _, column := range table.ColumnDefinitions {
		if column.Priority == priority {
			names = append(names, column.Name)
		}
	}
	return names
}

// cellsButAge is the table's only row without the one cell that time changes.
func cellsButAge(table *metav1.Table) []any {
	if len(table.Rows) != 1 {
		return nil
	}
	age := slices.IndexFunc(table.ColumnDefinitions, func(c metav1.TableColumnDefinition) bool { return c.Name == "Age" })
	return slices.Delete(slices.Clone(table.Rows[0].Cells), age, age+1)
}
