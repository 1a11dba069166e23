// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/reportgate"
)

// noReports is a cluster in which no other tool reports anything.
type noReports struct{}

func (noReports) Reports(string) ([]reportgate.Report, string) { return nil, "" }

func (noReports) Settled() bool { return true }

// gatedByFalco has enforce rungs held by reports of Falco, of which there are none.
func gatedByFalco(s *snapshot) {
	enforcing(v1alpha1.EnforceStrategy{Reports: []v1alpha1.ReportGate{{Source: "falco", MinSeverity: "high"}}})(s.rollout)
	s.reports = func() ([]reportgate.Report, string) { return nil, "" }
}

// falcoFails has Falco report a shell in a pod, and why there may be more.
func falcoFails(unread string) func() ([]reportgate.Report, string) {
	return func() ([]reportgate.Report, string) {
		return []reportgate.Report{{Kind: "Report", Namespace: "shop", Name: "falco-report", Failures: []reportgate.Failures{
			{Source: "Falco", Severity: reportgate.High, Results: 2, Example: "syscall/shell (Pod web-0)"},
		}}}, unread
	}
}

// unreadReports are those that the operator must not list.
func unreadReports() ([]reportgate.Report, string) { return nil, "no right to list them" }

func TestGatingReportsAreForEnforceOnly(t *testing.T) {
	s := shopSnapshot(gatedByFalco, func(s *snapshot) { s.reports = falcoFails("more to come") })
	want := []string{"falco (high or worse): Report falco-report has 2 failing results, such as syscall/shell (Pod web-0)"}
	for mode, want := range map[v1alpha1.Mode][]string{v1alpha1.ModeAudit: nil, v1alpha1.ModeWarn: nil, v1alpha1.ModeEnforce: want} {
		failing, unread := s.gatingReports(mode)
		if diff := cmp.Diff(want, failing, cmpopts.EquateEmpty()); diff != "" || (unread != "") != (want != nil) {
			t.Errorf("%s: unread %q, failing (-want +got):\n%s", mode, unread, diff)
		}
	}
}

func TestAsked(t *testing.T) {
	reports := enforcing(v1alpha1.EnforceStrategy{Reports: []v1alpha1.ReportGate{{Source: "falco"}}})
	plain := *platform()
	for name, tc := range map[string]struct {
		rollouts []v1alpha1.PodSecurityRollout
		want     bool
	}{
		"no rollout":         {nil, false},
		"no strategy":        {[]v1alpha1.PodSecurityRollout{plain}, false},
		"another strategy":   {[]v1alpha1.PodSecurityRollout{*platform(enforcing(v1alpha1.EnforceStrategy{Soak: hours(1)}))}, false},
		"reports":            {[]v1alpha1.PodSecurityRollout{plain, *platform(reports)}, true},
		"suspended, reports": {[]v1alpha1.PodSecurityRollout{*platform(reports, suspend)}, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := asked(tc.rollouts); got != tc.want {
				t.Errorf("asked: %v, want %v", got, tc.want)
			}
		})
	}
}
