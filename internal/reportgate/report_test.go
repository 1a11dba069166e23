// SPDX-License-Identifier: Apache-2.0

package reportgate

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// falco is what falcosidekick writes: events, the source on each, none on the report.
const falco = `
apiVersion: openreports.io/v1alpha1
kind: Report
metadata: {name: falco-report, namespace: shop, labels: {app.kubernetes.io/managed-by: falcosidekick}}
summary: {fail: 3, warn: 1, skip: 1}
results:
- {source: Falco, policy: syscall, rule: Terminal shell in container, severity: high, result: fail, resources: [{apiVersion: v1, kind: Pod, namespace: shop, name: web-1}]}
- {source: Falco, policy: syscall, rule: Terminal shell in container, severity: high, result: fail, resources: [{apiVersion: v1, kind: Pod, namespace: shop, name: web-0}]}
- {source: Falco, policy: k8s_audit, rule: Disallowed K8s User, severity: critical, result: fail, properties: {ka.verb: create}}
- {source: Falco, policy: syscall, rule: Redirect STDOUT, severity: medium, result: warn}
- {source: Falco, policy: syscall, rule: Packet socket, severity: low, result: skip}
`

// falcoBefore is what older ones write: no rule, and holes where results were pruned.
const falcoBefore = `
apiVersion: wgpolicyk8s.io/v1alpha2
kind: PolicyReport
metadata: {name: falco-policy-report-1a2b3c4d, namespace: shop}
summary: {fail: 900}
results:
- null
- {source: Falco, policy: Write below etc, severity: high, result: fail, scored: false, resources: [{namespace: shop}]}
`

// kyverno is what Kyverno writes: one report an object, its name a UID, the object
// its scope; no severity where the policy's author gave none.
const kyverno = `
apiVersion: wgpolicyk8s.io/v1alpha2
kind: PolicyReport
metadata: {name: 0b1e6f8e-1c1e-4e0e-9a8e-2f0d5a6b7c8d, namespace: shop}
scope: {apiVersion: apps/v1, kind: Deployment, namespace: shop, name: web}
summary: {pass: 1, fail: 2, error: 1}
results:
- {source: kyverno, policy: disallow-latest-tag, rule: validate-image-tag, severity: medium, result: fail, scored: true}
- {source: kyverno, policy: require-team, rule: check-team, result: fail, scored: true}
- {source: kyverno, policy: require-team, rule: look-up, severity: medium, result: error}
- {source: kyverno, policy: disallow-privileged, rule: privileged, severity: high, result: pass}
- {source: KyvernoValidatingPolicy, policy: replicas, severity: low, result: fail}
`

// trivy is what the adapter of the Trivy operator writes: the source on both, and
// in the summary what is not among the results.
const trivy = `
apiVersion: openreports.io/v1alpha1
kind: Report
metadata: {name: trivy-vuln-polr-web, namespace: shop}
source: Trivy Vulnerability
scope: {kind: ReplicaSet, name: web-6d4cf56db6}
summary: {fail: 7, warn: 1}
results:
- {source: Trivy Vulnerability, policy: CVE-2026-0002, severity: critical, result: fail}
- {policy: CVE-2026-0001, severity: critical, result: fail}
- {source: Trivy Vulnerability, policy: CVE-2026-0003, severity: low, result: warn}
`

const own = `
apiVersion: openreports.io/v1alpha1
kind: Report
metadata: {name: pod-security, namespace: shop}
source: podsecurity-rollout
results:
- {source: podsecurity-rollout, policy: baseline, rule: privileged, severity: high, result: fail}
- {policy: baseline, rule: hostPorts, severity: high, result: fail}
`

func parse(t testing.TB, text string) *unstructured.Unstructured {
	t.Helper()
	u := &unstructured.Unstructured{}
	data, err := yaml.YAMLToJSON([]byte(text))
	if err == nil {
		err = u.UnmarshalJSON(data)
	}
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// report is one of the namespace shop with a body.
func report(body string) string {
	return "apiVersion: openreports.io/v1alpha1\nkind: Report\nmetadata: {name: r, namespace: shop}\n" + body
}

func TestRead(t *testing.T) {
	long := strings.Repeat("é", 200)
	for name, tc := range map[string]struct {
		report string
		want   []Failures
	}{
		"falcosidekick": {falco, []Failures{
			{"Falco", Critical, 1, "k8s_audit/Disallowed K8s User"},
			{"Falco", High, 2, "syscall/Terminal shell in container (Pod web-0)"},
		}},
		"older falcosidekick": {falcoBefore, []Failures{{"Falco", High, 1, "Write below etc"}}},
		"Kyverno": {kyverno, []Failures{
			{"kyverno", Medium, 2, "disallow-latest-tag/validate-image-tag (Deployment web)"},
			{"KyvernoValidatingPolicy", Low, 1, "replicas (Deployment web)"},
			{"kyverno", Unrated, 1, "require-team/check-team (Deployment web)"},
		}},
		"Trivy":              {trivy, []Failures{{"Trivy Vulnerability", Critical, 2, "CVE-2026-0001 (ReplicaSet web-6d4cf56db6)"}}},
		"the operator's own": {own, nil},
		"a summary only":     {report("source: kube-bench\nsummary: {fail: 2, error: 1, warn: 9}"), []Failures{{"kube-bench", Unrated, 3, ""}}},
		"a summary only, of floats": {
			report("source: kube-bench\nsummary: {fail: 2.0}"), []Failures{{"kube-bench", Unrated, 2, ""}},
		},
		"a summary only, of nobody": {report("summary: {fail: 2}"), nil},
		"a summary that all pass":   {report("source: kube-bench\nsummary: {pass: 2}"), nil},
		"no source anywhere":        {report("results: [{policy: a, result: fail}]"), nil},
		"a severity of another make": {
			report("source: x\nresults: [{policy: a, severity: HIGH, result: Fail}, {policy: b, severity: blocker, result: fail}]"),
			[]Failures{{"x", High, 1, "a"}, {"x", Unrated, 1, "b"}},
		},
		"neither policy nor rule": {report("source: x\nresults: [{result: fail}]"), []Failures{{"x", Unrated, 1, ""}}},
		"a rule of no policy":     {report("source: x\nresults: [{rule: r, result: fail}]"), []Failures{{"x", Unrated, 1, "r"}}},
		"nothing at all":          {report(""), nil},
		"all of the wrong shape": {
			report("source: [x]\nscope: web\nsummary: many\nresults: {fail: 1}"), nil,
		},
		"results of the wrong shape": {
			report("source: x\nresults: [1, fail, [fail], {result: 1}, {policy: {}, rule: 2, severity: 3, source: 4, resources: [web], result: fail}]"),
			[]Failures{{"x", Unrated, 1, ""}},
		},
		"long names": {
			report("source: x\nresults: [{policy: " + long + ", rule: " + long + ", resources: [{kind: " + long + ", name: " + long + "}], result: fail}]"),
			[]Failures{{"x", Unrated, 1, fmt.Sprintf("%[1]s/%[1]s (%[1]s %[1]s)", strings.Repeat("é", 46)+" …")}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := Read(parse(t, tc.report))
			if diff := cmp.Diff(tc.want, got.Failures, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("failures (-want +got):\n%s", diff)
			}
			if got.Namespace != "shop" || got.Name == "" || got.Kind == "" {
				t.Errorf("it is %s %s of %s", got.Kind, got.Name, got.Namespace)
			}
		})
	}
}

// A source that is longer than can be asked for is never taken for one that can.
func TestLongSourcesStayApart(t *testing.T) {
	got := Read(parse(t, report("source: "+strings.Repeat("x", 300)+"\nresults: [{result: fail}]")))
	if n := len(got.Failures[0].Source); n <= 63 || n > maxSource {
		t.Errorf("the source has %d bytes, want more than the API's 63 and at most %d", n, maxSource)
	}
}
