// SPDX-License-Identifier: Apache-2.0

package check

import (
	"io"
	"net/url"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"

	"github.com/podsecurity-rollout/operator/internal/remedy"
)

const (
	toolName = "kubectl-podsecurity"
	toolURL  = "https://github.com/podsecurity-rollout/operator"
	// fingerprintName tells how the fingerprint is made, as SARIF asks.
	fingerprintName = "podsecurityFinding/v1"
)

// writeSARIF writes SARIF 2.1.0.
func writeSARIF(w io.Writer, r *Report, version string) error {
	return newSARIF(r, version).PrettyWrite(w)
}

func newSARIF(r *Report, version string) *sarif.Report {
	run := sarif.NewRunWithInformationURI(toolName, toolURL)
	run.Tool.Driver.WithVersion(version)
	run.WithColumnKind("unicodeCodePoints")
	for _, f := range r.Findings {
		known, _ := remedy.For(f.Check)
		run.AddRule(f.Check).WithShortDescription(sarif.NewMultiformatMessageString().WithText(known.Text)).
			WithHelp(sarif.NewMultiformatMessageString().WithText(known.Text + "\n" + known.URL())).WithHelpURI(known.URL())
		result := sarif.NewRuleResult(f.Check).WithLevel("error").WithMessage(sarif.NewTextMessage(f.Object.String() + ": " + f.Message))
		result.WithPartialFingerprints(map[string]string{fingerprintName: f.Fingerprint})
		region := sarif.NewRegion().WithStartLine(f.Line).WithStartColumn(f.Column)
		run.AddResult(result.WithLocations([]*sarif.Location{location(f.File, region)}))
	}
	invocation := sarif.NewInvocation().WithExecutionSuccessful(len(r.Errors) == 0)
	for _, e := range r.Errors {
		notification := sarif.NewNotification().WithLevel("error").WithMessage(sarif.NewTextMessage(e.Message))
		if e.File != "" {
			notification.WithLocations([]*sarif.Location{location(e.File, sarif.NewRegion().WithStartLine(max(e.Line, 1)))})
		}
		invocation.AddToolExecutionNotification(notification)
	}
	run.AddInvocation(invocation)
	report := sarif.NewReport()
	report.AddRun(run)
	return report
}

// location names a file as a URI relative to where the command ran.
func location(file string, region *sarif.Region) *sarif.Location {
	artifact := sarif.NewArtifactLocation().WithURI((&url.URL{Path: file}).String())
	return sarif.NewLocationWithPhysicalLocation(sarif.NewPhysicalLocation().WithArtifactLocation(artifact).WithRegion(region))
}
