// SPDX-License-Identifier: Apache-2.0

package nslabels

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	psaapi "k8s.io/pod-security-admission/api"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/gate"
	"github.com/podsecurity-rollout/operator/internal/ladder"
)

const (
	enforce        = "pod-security.kubernetes.io/enforce"
	enforceVersion = "pod-security.kubernetes.io/enforce-version"
	warn           = "pod-security.kubernetes.io/warn"
)

var (
	v1_37    = psaapi.MajorMinorVersion(1, 37)
	baseline = ladder.Rung{Mode: v1alpha1.ModeEnforce, To: psaapi.LevelVersion{Level: psaapi.LevelBaseline, Version: v1_37}}
	defaults = psaapi.Policy{
		Enforce: psaapi.LevelVersion{Level: psaapi.LevelPrivileged, Version: psaapi.LatestVersion()},
		Audit:   psaapi.LevelVersion{Level: psaapi.LevelPrivileged, Version: psaapi.LatestVersion()},
		Warn:    psaapi.LevelVersion{Level: psaapi.LevelPrivileged, Version: psaapi.LatestVersion()},
	}
)

func namespace(labels map[string]string, fields ...metav1.ManagedFieldsEntry) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop", Labels: labels, ManagedFields: fields}}
}

func manages(manager string, op metav1.ManagedFieldsOperationType, keys ...string) metav1.ManagedFieldsEntry {
	raw := `{"f:metadata":{"f:labels":{`
	for i, k := range keys {
		if i > 0 {
			raw += ","
		}
		raw += `"f:` + k + `":{}`
	}
	return metav1.ManagedFieldsEntry{
		Manager: manager, Operation: op, APIVersion: "v1", FieldsType: "FieldsV1",
		FieldsV1: metav1.NewFieldsV1(raw + "}}}"),
	}
}

func TestReadWarnings(t *testing.T) {
	const header = `existing pods in namespace "shop" violate the new PodSecurity enforce level "baseline:v1.37"`
	for name, tc := range map[string]struct {
		texts []string
		want  gate.DryRun
	}{
		"none": {nil, gate.DryRun{}},
		"violations": {
			[]string{header, "web-0: privileged", "web-1 (and 1 other pod): host namespaces", "web-3 (and 4 other pods): hostPath volumes"},
			gate.DryRun{Violations: []string{header, "web-0: privileged", "web-1 (and 1 other pod): host namespaces", "web-3 (and 4 other pods): hostPath volumes"}},
		},
		"warnings of other plugins are none of ours": {
			[]string{"metadata.name: this is used in the Pod's hostname", "unknown field \"x\"", "pod-policy: use another image"},
			gate.DryRun{},
		},
		"the list failed": {
			[]string{"failed to list pods while checking new PodSecurity enforce level"},
			gate.DryRun{Inconclusive: "failed to list pods while checking new PodSecurity enforce level"},
		},
		"out of time": {
			[]string{"new PodSecurity enforce level only checked against the first 812 of 5000 existing pods"},
			gate.DryRun{
				Inconclusive: "new PodSecurity enforce level only checked against the first 812 of 5000 existing pods",
				Partial:      "new PodSecurity enforce level only checked against the first 812 of 5000 existing pods",
			},
		},
		"past the server's own limit": {
			[]string{"new PodSecurity enforce level only checked against the first 3000 of 3500 existing pods"},
			gate.DryRun{Partial: "new PodSecurity enforce level only checked against the first 3000 of 3500 existing pods"},
		},
		"past the limit, with violations": {
			[]string{"new PodSecurity enforce level only checked against the first 3000 of 3500 existing pods", header, "web-0: privileged"},
			gate.DryRun{
				Violations: []string{header, "web-0: privileged"},
				Partial:    "new PodSecurity enforce level only checked against the first 3000 of 3500 existing pods",
			},
		},
		"exempt": {
			[]string{`namespace "shop" is exempt from Pod Security, and the policy (enforce=baseline:v1.37) will be ignored`},
			gate.DryRun{Exempt: `namespace "shop" is exempt from Pod Security, and the policy (enforce=baseline:v1.37) will be ignored`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, readWarnings(tc.texts)); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWarningsBelongToTheirRequest(t *testing.T) {
	var a, b collector
	ctxA, ctxB := withCollector(context.Background(), &a), withCollector(context.Background(), &b)
	h := warningHandler{}
	h.HandleWarningHeaderWithContext(ctxA, 299, "-", "for a")
	h.HandleWarningHeaderWithContext(ctxB, 299, "-", "for b")
	h.HandleWarningHeaderWithContext(ctxB, 199, "-", "not a warning of the API server")
	h.HandleWarningHeaderWithContext(context.Background(), 299, "-", "for nobody")
	if diff := cmp.Diff([]string{"for a"}, a.texts); diff != "" {
		t.Errorf("a (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"for b"}, b.texts); diff != "" {
		t.Errorf("b (-want +got):\n%s", diff)
	}
}

func TestOwners(t *testing.T) {
	const apply, update = metav1.ManagedFieldsOperationApply, metav1.ManagedFieldsOperationUpdate
	privileged := map[string]string{enforce: "privileged"}
	for name, tc := range map[string]struct {
		ns   *corev1.Namespace
		want []gate.Owner
	}{
		"nobody": {namespace(nil), nil},
		"another manager by apply": {
			namespace(privileged, manages("argocd-controller", apply, enforce)),
			[]gate.Owner{{Manager: "argocd-controller", Label: enforce, Value: "privileged"}},
		},
		"another manager by update": {
			namespace(privileged, manages("terraform", update, enforce)),
			[]gate.Owner{{Manager: "terraform", Label: enforce, Value: "privileged"}},
		},
		"kubectl apply is a standing owner": {
			namespace(privileged, manages("kubectl-client-side-apply", update, enforce)),
			[]gate.Owner{{Manager: "kubectl-client-side-apply", Label: enforce, Value: "privileged"}},
		},
		"all owners are named": {
			namespace(map[string]string{enforce: "privileged", enforceVersion: "v1.30"},
				manages("argocd-controller", apply, enforce), manages("flux", apply, enforce, enforceVersion)),
			[]gate.Owner{
				{Manager: "argocd-controller", Label: enforce, Value: "privileged"},
				{Manager: "flux", Label: enforce, Value: "privileged"},
				{Manager: "flux", Label: enforceVersion, Value: "v1.30"},
			},
		},
		"the same value is shared":         {namespace(map[string]string{enforce: "baseline"}, manages("flux", apply, enforce)), nil},
		"another label is none of ours":    {namespace(map[string]string{"team": "shop"}, manages("flux", apply, "team")), nil},
		"another mode is not the rung's":   {namespace(map[string]string{warn: "privileged"}, manages("flux", apply, warn)), nil},
		"kubectl label is a one-off":       {namespace(privileged, manages("kubectl-label", update, enforce)), nil},
		"kubectl edit is a one-off":        {namespace(privileged, manages("kubectl-edit", update, enforce)), nil},
		"a one-off's name by apply is not": {namespace(privileged, manages("kubectl-edit", apply, enforce)), []gate.Owner{{Manager: "kubectl-edit", Label: enforce, Value: "privileged"}}},
		"our own":                          {namespace(privileged, manages(v1alpha1.FieldManager, apply, enforce)), nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Owners(tc.ns, baseline)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("owners (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOurs(t *testing.T) {
	const apply, update = metav1.ManagedFieldsOperationApply, metav1.ManagedFieldsOperationUpdate
	baseline := map[string]string{enforce: "baseline", enforceVersion: "v1.37", warn: "baseline"}
	ofStatus := manages(v1alpha1.FieldManager, apply, enforce, enforceVersion)
	ofStatus.Subresource = "status"
	unreadable := manages(v1alpha1.FieldManager, apply)
	unreadable.FieldsV1 = metav1.NewFieldsV1("{")
	for name, tc := range map[string]struct {
		ns        *corev1.Namespace
		want      []v1alpha1.Mode
		wantOwned map[string]string
		wantErr   bool
	}{
		"nobody wrote anything": {ns: namespace(baseline)},
		"a mode's two labels": {
			ns:        namespace(baseline, manages("flux", apply, warn), manages(v1alpha1.FieldManager, apply, enforce, enforceVersion)),
			want:      []v1alpha1.Mode{v1alpha1.ModeEnforce},
			wantOwned: map[string]string{enforce: "baseline", enforceVersion: "v1.37"},
		},
		"one label is not the mode": {
			ns:        namespace(baseline, manages(v1alpha1.FieldManager, apply, warn)),
			wantOwned: map[string]string{warn: "baseline"},
		},
		"a label that is gone": {
			ns:        namespace(map[string]string{enforce: "baseline"}, manages(v1alpha1.FieldManager, apply, enforce, enforceVersion)),
			wantOwned: map[string]string{enforce: "baseline"},
		},
		"another label": {ns: namespace(map[string]string{"team": "shop"}, manages(v1alpha1.FieldManager, apply, "team"))},
		"by update":     {ns: namespace(baseline, manages(v1alpha1.FieldManager, update, enforce, enforceVersion))},
		"by a status":   {ns: namespace(baseline, ofStatus)},
		"unreadable":    {ns: namespace(baseline, unreadable), wantErr: true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Ours(tc.ns)
			if (err != nil) != tc.wantErr {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("modes (-want +got):\n%s", diff)
			}
			labels, _ := owned(tc.ns)
			if diff := cmp.Diff(tc.wantOwned, labels, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("labels (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadInvalidLabels(t *testing.T) {
	state := Read(namespace(map[string]string{enforce: "strict", enforceVersion: "1.37", warn: "none"}), defaults)
	if state.Policy.Enforce.Level != psaapi.LevelRestricted || !state.Policy.Enforce.Version.Latest() {
		t.Errorf("invalid enforce is %v, want what the API server takes it for: restricted:latest", state.Policy.Enforce)
	}
	if state.Policy.Warn.Level != psaapi.LevelPrivileged {
		t.Errorf("invalid warn is %v, want privileged", state.Policy.Warn)
	}
	if diff := cmp.Diff([]string{enforce + "=strict", enforceVersion + "=1.37", warn + "=none"}, state.InvalidAfter(nil)); diff != "" {
		t.Errorf("invalid (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{warn + "=none"}, state.InvalidAfter(&baseline)); diff != "" {
		t.Errorf("invalid after enforce is written (-want +got):\n%s", diff)
	}
}

func TestLastApplied(t *testing.T) {
	at := metav1.NewTime(time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC))
	ours := manages(v1alpha1.FieldManager, metav1.ManagedFieldsOperationApply, enforce)
	ours.Time = &at
	theirs := manages("flux", metav1.ManagedFieldsOperationApply, enforce)
	theirs.Time = &metav1.Time{Time: at.Add(time.Hour)}
	if got := LastApplied(namespace(nil, theirs, ours)); !got.Equal(at.Time) {
		t.Errorf("got %v, want %v", got, at)
	}
	if got := LastApplied(namespace(nil, theirs)); !got.IsZero() {
		t.Errorf("got %v, want never", got)
	}
}
