// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	psaapi "k8s.io/pod-security-admission/api"
	"sigs.k8s.io/yaml"
)

func objectOf(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	object := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), &object.Object); err != nil {
		t.Fatal(err)
	}
	return object
}

func TestJudge(t *testing.T) {
	s, err := newSurveyor(nil, psaapi.MajorMinorVersion(1, 37))
	if err != nil {
		t.Fatal(err)
	}
	f := newFinding()
	for _, text := range []string{
		`{kind: Pod, metadata: {name: web}, spec: {containers: [{name: c, image: i}]}}`,
		`{kind: CronJob, metadata: {name: report}, spec: {jobTemplate: {spec: {template: {spec: {hostNetwork: true, containers: [{name: c, image: i}]}}}}}}`,
	} {
		each, err := subjectOf(objectOf(t, text))
		if err != nil {
			t.Fatal(err)
		}
		s.judge(f, each)
	}
	if f.pods != 1 || f.templates != 1 {
		t.Errorf("%d pods and %d templates, want one each", f.pods, f.templates)
	}
	if got, want := f.violator[psaapi.LevelBaseline], "CronJob report: host namespaces"; got != want {
		t.Errorf("violator of baseline is %q, want %q", got, want)
	}
	if got := f.podViolator[psaapi.LevelBaseline]; got != "" {
		t.Errorf("a pod violates baseline: %q", got)
	}
	if got := f.podViolator[psaapi.LevelRestricted]; !strings.HasPrefix(got, "Pod web: allowPrivilegeEscalation") {
		t.Errorf("pod that violates restricted is %q", got)
	}
	if diff := cmp.Diff(map[psaapi.Level]bool{psaapi.LevelBaseline: false, psaapi.LevelRestricted: false}, f.complies()); diff != "" {
		t.Errorf("complies (-want +got):\n%s", diff)
	}
}

func TestIsOldRevision(t *testing.T) {
	for name, tc := range map[string]struct {
		text string
		want bool
	}{
		"of a Deployment, scaled to zero": {`{kind: ReplicaSet, metadata: {ownerReferences: [{kind: Deployment, controller: true}]}, spec: {replicas: 0}}`, true},
		"of a Deployment, in use":         {`{kind: ReplicaSet, metadata: {ownerReferences: [{kind: Deployment, controller: true}]}, spec: {replicas: 1}}`, false},
		"of nobody, scaled to zero":       {`{kind: ReplicaSet, metadata: {}, spec: {replicas: 0}}`, false},
		"a Deployment, scaled to zero":    {`{kind: Deployment, metadata: {}, spec: {replicas: 0}}`, false},
	} {
		object := objectOf(t, tc.text)
		if replicas, ok, _ := unstructured.NestedFloat64(object.Object, "spec", "replicas"); ok {
			// The API server's decoder answers integers.
			_ = unstructured.SetNestedField(object.Object, int64(replicas), "spec", "replicas")
		}
		if got := isOldRevision(object); got != tc.want {
			t.Errorf("%s: %t, want %t", name, got, tc.want)
		}
	}
}

func TestVerdictTable(t *testing.T) {
	complying, violating := newFinding(), newFinding()
	for _, level := range levels {
		violating.violator[level] = "CronJob report: hostPath volumes"
	}
	all := []verdict{
		{namespace: "batch", goal: &goal{}, finding: violating, unseen: violating.violator[psaapi.LevelBaseline]},
		{namespace: "kube-system", finding: complying},
		{namespace: "shop", goal: &goal{}, finding: complying, got: policyLabels("-", "baseline:v1.37", "-"), wrong: []string{"it should be restricted"}},
	}
	want := strings.Trim(`
  NAMESPACE        MEETS      ENFORCE    WARN       AUDIT      VERDICT
  batch            privileged -          -          -          as it should be
      the dry run sees no pod of CronJob report: hostPath volumes
  shop             restricted -          baseline   -          WRONG
      it should be restricted
`, "\n")
	if diff := cmp.Diff(strings.Split(want, "\n"), verdictTable(all, 80, style{})); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"shop: it should be restricted"}, wrongs(all)); diff != "" {
		t.Errorf("wrongs (-want +got):\n%s", diff)
	}
}
