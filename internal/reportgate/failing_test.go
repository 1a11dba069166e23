// SPDX-License-Identifier: Apache-2.0

package reportgate

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

// second is another report of Falco.
const second = `
apiVersion: openreports.io/v1alpha1
kind: Report
metadata: {name: another, namespace: shop}
results: [{source: Falco, policy: p, severity: high, result: fail}]
`

// gate is one gate by a source.
func gate(source, least string) []v1alpha1.ReportGate {
	return []v1alpha1.ReportGate{{Source: source, MinSeverity: least}}
}

var failingTests = map[string]struct {
	gates   []v1alpha1.ReportGate
	reports []string
	want    []string
}{
	"no gate":    {nil, []string{falco}, nil},
	"no reports": {gate("falco", "high"), nil, nil},
	"a source in another case, every severity": {
		gate("falco", ""), []string{falco}, []string{"falco: Report falco-report has 3 failing results, such as k8s_audit/Disallowed K8s User"},
	},
	"high or worse": {
		gate("Falco", "high"), []string{falco}, []string{"Falco (high or worse): Report falco-report has 3 failing results, such as k8s_audit/Disallowed K8s User"},
	},
	"critical": {
		gate("falco", "critical"), []string{falco},
		[]string{"falco (critical or worse): Report falco-report has 1 failing result, such as k8s_audit/Disallowed K8s User"},
	},
	"nothing so grave": {gate("KyvernoValidatingPolicy", "medium"), []string{kyverno}, nil},
	"what is unrated counts": {
		gate("kyverno", "critical"), []string{kyverno},
		[]string{"kyverno (critical or worse): PolicyReport 0b1e6f8e-1c1e-4e0e-9a8e-2f0d5a6b7c8d has 1 failing result, such as require-team/check-team (Deployment web)"},
	},
	"a source is not its beginning": {gate("Trivy", ""), []string{trivy}, nil},
	"two reports, the worst is named": {
		gate("falco", ""), []string{second, falcoBefore, falco},
		[]string{"falco: Report falco-report has 3 failing results, such as k8s_audit/Disallowed K8s User, and 2 more reports"},
	},
	"one more report": {
		gate("falco", ""), []string{second, falcoBefore},
		[]string{"falco: PolicyReport falco-policy-report-1a2b3c4d has 1 failing result, such as Write below etc, and 1 more report"},
	},
	"many results of a summary": {
		gate("kube-bench", "high"), []string{report("source: kube-bench\nsummary: {fail: 5000}")},
		[]string{"kube-bench (high or worse): Report r has more than 20 failing results"},
	},
	"the operator's own never gates": {gate("podsecurity-rollout", ""), []string{own}, nil},
	"gates in their order, those that pass left out": {
		[]v1alpha1.ReportGate{{Source: "trivy vulnerability"}, {Source: "kubescape"}, {Source: "falco", MinSeverity: "critical"}},
		[]string{falco, trivy, own},
		[]string{
			"trivy vulnerability: Report trivy-vuln-polr-web has 2 failing results, such as CVE-2026-0001 (ReplicaSet web-6d4cf56db6)",
			"falco (critical or worse): Report falco-report has 1 failing result, such as k8s_audit/Disallowed K8s User",
		},
	},
}

func TestFailing(t *testing.T) {
	for name, tc := range failingTests {
		t.Run(name, func(t *testing.T) {
			var read []Report
			for _, text := range tc.reports {
				read = append(read, Read(parse(t, text)))
			}
			if diff := cmp.Diff(tc.want, Failing(tc.gates, read), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("failing (-want +got):\n%s", diff)
			}
			slices.Reverse(read)
			if diff := cmp.Diff(tc.want, Failing(tc.gates, read), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("failing, the reports the other way round (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSeveritiesCount(t *testing.T) {
	order := []string{"info", "low", "medium", "high", "critical"}
	for i, severity := range order {
		for j, least := range order {
			if got := severityOf(severity).counts(severityOf(least)); got != (i >= j) {
				t.Errorf("%s counts where %s is asked for: %v", severity, least, got)
			}
		}
		if !Unrated.counts(severityOf(severity)) || !severityOf(severity).counts(severityOf("")) {
			t.Errorf("%s: what is unrated does not count, or not everything does where no least severity is given", severity)
		}
	}
}

func TestUnread(t *testing.T) {
	const open, old = "reports.openreports.io", "policyreports.wgpolicyk8s.io"
	for name, tc := range map[string]struct {
		open, old Access
		want      string
	}{
		"both are listed":                               {Listed, Listed, ""},
		"one is not served":                             {Listed, NotServed, ""},
		"the other is not":                              {NotServed, Listed, ""},
		"nothing is known yet":                          {Unknown, Unknown, "the operator has not listed " + open + " and " + old + " yet"},
		"one is not known yet":                          {Listed, Unknown, "the operator has not listed " + old + " yet"},
		"no right to one":                               {Forbidden, Listed, "the operator may not list and watch " + open + ": give it the right to (docs/reports.md)"},
		"no right to either":                            {Forbidden, Forbidden, "the operator may not list and watch " + open + " and " + old + ": give it the right to (docs/reports.md)"},
		"no right to what is served, the other unknown": {Forbidden, Unknown, "the operator may not list and watch " + open + ": give it the right to (docs/reports.md)"},
		"neither is served": {NotServed, NotServed, "the API server serves neither " + open + " nor " + old +
			": install the CustomResourceDefinition of those that the tools write, or remove spec.strategy.enforce.reports"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Unread("the operator", map[Kind]Access{Kinds[0]: tc.open, Kinds[1]: tc.old}); got != tc.want {
				t.Errorf("got  %q\nwant %q", got, tc.want)
			}
		})
	}
}
