// SPDX-License-Identifier: Apache-2.0

package labels

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	psaapi "k8s.io/pod-security-admission/api"
	"sigs.k8s.io/yaml"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

var server = psaapi.MajorMinorVersion(1, 37)

func policyOf(enforce, warn, audit psaapi.Level) psaapi.Policy {
	at := func(level psaapi.Level) psaapi.LevelVersion {
		if level == psaapi.LevelPrivileged {
			return psaapi.LevelVersion{Level: level, Version: psaapi.LatestVersion()}
		}
		return psaapi.LevelVersion{Level: level, Version: server}
	}
	return psaapi.Policy{Enforce: at(enforce), Warn: at(warn), Audit: at(audit)}
}

func TestAfter(t *testing.T) {
	const p, b, r = psaapi.LevelPrivileged, psaapi.LevelBaseline, psaapi.LevelRestricted
	tests := map[string]struct {
		current, target psaapi.Policy
		whole           bool
		want            psaapi.Policy
		wantRungs       string
	}{
		"the next rung": {policyOf(p, p, p), policyOf(b, b, b), false, policyOf(p, p, b), "audit=baseline:v1.37"},
		"enforce is next": {
			policyOf(p, b, b), policyOf(b, r, r), false, policyOf(b, b, b), "enforce=baseline:v1.37",
		},
		"the target": {
			policyOf(p, b, b), policyOf(b, r, b), true, policyOf(b, r, b), "enforce=baseline:v1.37, warn=restricted:v1.37",
		},
		"nothing is left":              {policyOf(b, b, b), policyOf(b, b, b), false, policyOf(b, b, b), ""},
		"what is ahead is not lowered": {policyOf(r, r, r), policyOf(b, b, b), true, policyOf(r, r, r), ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, rungs := after(test.current, test.target, server, test.whole)
			if got != test.want || rungs != test.wantRungs {
				t.Errorf("%+v by %q, want %+v by %q", got, rungs, test.want, test.wantRungs)
			}
		})
	}
}

// TestPatchHasSixLabels writes every label, those of privileged too: what Git owns and leaves out, it takes away.
func TestPatchHasSixLabels(t *testing.T) {
	got, err := yaml.Marshal(patchOf("shop", policyOf(psaapi.LevelPrivileged, psaapi.LevelBaseline, psaapi.LevelRestricted)))
	if err != nil {
		t.Fatal(err)
	}
	want := `apiVersion: v1
kind: Namespace
metadata:
  labels:
    pod-security.kubernetes.io/audit: restricted
    pod-security.kubernetes.io/audit-version: v1.37
    pod-security.kubernetes.io/enforce: privileged
    pod-security.kubernetes.io/enforce-version: latest
    pod-security.kubernetes.io/warn: baseline
    pod-security.kubernetes.io/warn-version: v1.37
  name: shop
`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("the patch (-want +got):\n%s", diff)
	}
}

// TestTargetOf takes the rollout that the operator would: the oldest of those that select the namespace.
func TestTargetOf(t *testing.T) {
	rollout := func(name string, age time.Duration, level v1alpha1.Level, labels map[string]string) v1alpha1.PodSecurityRollout {
		r := v1alpha1.PodSecurityRollout{ObjectMeta: metav1.ObjectMeta{Name: name, CreationTimestamp: metav1.NewTime(time.Unix(1e9, 0).Add(-age))}}
		r.Spec.Targets = []v1alpha1.Target{{Name: "target", Enforce: level, NamespaceSelector: &v1alpha1.NamespaceSelector{MatchLabels: labels}}}
		return r
	}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop", Labels: map[string]string{"team": "shop"}}}
	older := rollout("older", time.Hour, v1alpha1.LevelBaseline, map[string]string{"team": "shop"})
	newer := rollout("newer", time.Minute, v1alpha1.LevelRestricted, nil)
	other := rollout("other", time.Hour, v1alpha1.LevelRestricted, map[string]string{"team": "other"})

	got, err := targetOf([]v1alpha1.PodSecurityRollout{newer, older, other}, ns, server)
	if err != nil || got.Enforce.Level != psaapi.LevelBaseline {
		t.Errorf("target %+v, %v; want that of the older", got, err)
	}
	if _, err := targetOf([]v1alpha1.PodSecurityRollout{other}, ns, server); err == nil || !strings.Contains(err.Error(), "--level") {
		t.Errorf("error %v of a namespace that nothing selects", err)
	}
}
