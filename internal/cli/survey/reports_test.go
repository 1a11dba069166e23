// SPDX-License-Identifier: Apache-2.0

package survey

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	fakedynamic "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/gate"
	"github.com/podsecurity-rollout/operator/internal/inventory"
	"github.com/podsecurity-rollout/operator/internal/ladder"
	"github.com/podsecurity-rollout/operator/internal/reportgate"
)

// falco is a report of a namespace in which a shell is told of.
func falco(namespace string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{Object: map[string]any{"results": []any{
		map[string]any{"source": "Falco", "policy": "syscall", "rule": "shell", "severity": "high", "result": "fail"},
	}}}
	u.SetGroupVersionKind(reportgate.Kinds[0].GroupVersionKind)
	u.SetNamespace(namespace)
	u.SetName("falco-report")
	return u
}

func TestAddReports(t *testing.T) {
	open, old := reportgate.Kinds[0], reportgate.Kinds[1]
	gated := []v1alpha1.ReportGate{{Source: "falco"}}
	failing := []string{"falco: Report falco-report has 1 failing result, such as syscall/shell"}
	for name, tc := range map[string]struct {
		gates       []v1alpha1.ReportGate
		mode        v1alpha1.Mode
		namespace   string
		served      []reportgate.Kind
		forbidden   string // resource
		want        []string
		wantUnread  string // words
		wantNoLists bool
	}{
		"no gates":                     {nil, v1alpha1.ModeEnforce, "shop", []reportgate.Kind{open}, "", nil, "", true},
		"another mode":                 {gated, v1alpha1.ModeWarn, "shop", []reportgate.Kind{open}, "", nil, "", true},
		"a report fails":               {gated, v1alpha1.ModeEnforce, "shop", []reportgate.Kind{open, old}, "", failing, "", false},
		"none in this namespace":       {gated, v1alpha1.ModeEnforce, "bank", []reportgate.Kind{open}, "", nil, "", false},
		"nothing is served":            {gated, v1alpha1.ModeEnforce, "shop", nil, "", nil, "serves neither", true},
		"may not list":                 {gated, v1alpha1.ModeEnforce, "shop", []reportgate.Kind{open}, "reports", nil, "this user may not list and watch reports.openreports.io", false},
		"may not list the other":       {gated, v1alpha1.ModeEnforce, "shop", []reportgate.Kind{open, old}, "policyreports", failing, "this user may not list and watch policyreports", false},
		"may not list what is no kind": {gated, v1alpha1.ModeEnforce, "shop", []reportgate.Kind{open}, "policyreports", failing, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			kube := fake.NewClientset()
			for _, k := range tc.served {
				kube.Resources = append(kube.Resources, &metav1.APIResourceList{
					GroupVersion: k.GroupVersion().String(), APIResources: []metav1.APIResource{{Name: k.Resource + "/status"}, {Name: k.Resource}},
				})
			}
			client := fakedynamic.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), map[schema.GroupVersionResource]string{
				open.GVR(): "ReportList", old.GVR(): "PolicyReportList",
			}, falco("shop"))
			if tc.forbidden != "" {
				client.PrependReactor("list", tc.forbidden, func(clienttesting.Action) (bool, runtime.Object, error) {
					return true, nil, apierrors.NewForbidden(schema.GroupResource{Resource: tc.forbidden}, "", errors.New("no role"))
				})
			}
			c := Case{Namespace: &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: tc.namespace}}, Rollout: &v1alpha1.PodSecurityRollout{
				Spec: v1alpha1.PodSecurityRolloutSpec{Strategy: &v1alpha1.Strategy{Enforce: &v1alpha1.EnforceStrategy{Reports: tc.gates}}},
			}}
			in := gate.Input{Rung: ladder.Rung{Mode: tc.mode}}
			if err := c.AddReports(t.Context(), inventory.Clients{Typed: kube, Dynamic: client}, &in); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, in.FailingReports, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("failing (-want +got):\n%s", diff)
			}
			if (in.UnreadReports == "") != (tc.wantUnread == "") || !strings.Contains(in.UnreadReports, tc.wantUnread) {
				t.Errorf("unread %q, want %q", in.UnreadReports, tc.wantUnread)
			}
			if (len(client.Actions()) == 0) != tc.wantNoLists {
				t.Errorf("it listed %v", client.Actions())
			}
		})
	}
}
