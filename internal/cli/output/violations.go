// SPDX-License-Identifier: Apache-2.0

package output

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/cli/term"
	"github.com/podsecurity-rollout/operator/internal/remedy"
)

// Violation is one check that a workload violates.
type Violation struct {
	Level   string `json:"level"`
	Check   string `json:"check"`
	Message string `json:"message"`
	// Source is Pod or Template.
	Source  string `json:"source"`
	Pods    int32  `json:"pods"`
	Example string `json:"example,omitempty"`
	// Remedy says which field to set to what, and URL where that is documented.
	Remedy string `json:"remedy,omitempty"`
	URL    string `json:"url,omitempty"`
}

// Workload is who owns what violates: the topmost controller, or a pod without one.
type Workload struct {
	APIVersion string `json:"apiVersion,omitempty"`
	Kind       string `json:"kind"`
	Name       string `json:"name"`
	// Owner is whoever owns the workload, as its labels or its namespace's say.
	Owner      string      `json:"owner,omitempty"`
	Violations []Violation `json:"violations"`
}

// String is the kind and the name.
func (w Workload) String() string { return w.Kind + " " + w.Name }

// Checks are the checks that the workload violates, each once.
func (w Workload) Checks() []string {
	var checks []string
	for _, v := range w.Violations {
		if !slices.Contains(checks, v.Check) {
			checks = append(checks, v.Check)
		}
	}
	return checks
}

// ByWorkload groups violations by the workload that has to be put right. What both its pods and its template show stands once, for the pods.
func ByWorkload(violations []v1alpha1.Violation) []Workload {
	sorted := slices.Clone(violations)
	slices.SortStableFunc(sorted, func(a, b v1alpha1.Violation) int {
		return cmp.Or(
			cmp.Compare(a.Workload.Kind, b.Workload.Kind), cmp.Compare(a.Workload.Name, b.Workload.Name),
			cmp.Compare(a.Workload.APIVersion, b.Workload.APIVersion),
			cmp.Compare(a.Level, b.Level), cmp.Compare(a.Check, b.Check), cmp.Compare(a.Message, b.Message), cmp.Compare(a.Source, b.Source),
		)
	})
	var workloads []Workload
	for i, v := range sorted {
		if i == 0 || sorted[i-1].Workload != v.Workload {
			workloads = append(workloads, Workload{APIVersion: v.Workload.APIVersion, Kind: v.Workload.Kind, Name: v.Workload.Name, Owner: v.Owner})
		} else if before := sorted[i-1]; before.Check == v.Check && before.Message == v.Message {
			continue
		}
		last := &workloads[len(workloads)-1]
		last.Violations = append(last.Violations, violationOf(v))
	}
	return workloads
}

func violationOf(v v1alpha1.Violation) Violation {
	out := Violation{
		Level: string(v.Level), Check: v.Check, Message: v.Message, Source: string(v.Source), Pods: v.Pods, Example: v.Example,
	}
	if r, known := remedy.For(v.Check); known {
		out.Remedy, out.URL = r.Text, r.URL()
	}
	return out
}

// Where says what shows the violation.
func (v Violation) Where() string {
	switch {
	case v.Source == string(v1alpha1.SourceTemplate):
		return "in its pod template, so in the next pod"
	case v.Pods == 1:
		return "in pod " + v.Example
	default:
		return fmt.Sprintf("in %d pods, such as %s", v.Pods, v.Example)
	}
}

// WriteWorkloads writes workloads with each check that they violate, where it shows, what puts it right, and where that is documented.
func WriteWorkloads(t *term.Terminal, indent int, workloads []Workload) {
	margin := strings.Repeat(" ", indent)
	for _, w := range workloads {
		heading := t.Paint(term.Strong, w.String())
		if w.Owner != "" {
			heading += ", owned by " + w.Owner
		}
		t.Line(margin + heading)
		for _, v := range w.Violations {
			t.Text(term.Bad, indent+2, fmt.Sprintf("%s  %s", v.Check, v.Message))
			t.Text(term.Muted, indent+4, v.Where())
			if v.Remedy != "" {
				t.Text(term.Plain, indent+4, "→ "+v.Remedy)
			}
		}
	}
	for _, url := range urls(workloads) {
		t.Text(term.Muted, indent, "see "+url)
	}
}

// urls are where the checks are documented that workloads violate, each once.
func urls(workloads []Workload) []string {
	var all []string
	for _, w := range workloads {
		for _, v := range w.Violations {
			if v.URL != "" && !slices.Contains(all, v.URL) {
				all = append(all, v.URL)
			}
		}
	}
	return all
}

// LevelStyle is how a level is written: the stricter the better.
func LevelStyle(level string) term.Style {
	switch level {
	case string(v1alpha1.LevelRestricted):
		return term.Good
	case string(v1alpha1.LevelBaseline):
		return term.Warn
	default:
		return term.Bad
	}
}

// StateStyle is how a state is written: green is over, yellow moves by itself, red waits for a person.
func StateStyle(state string) term.Style {
	switch state {
	case v1alpha1.ReasonComplete, v1alpha1.ReasonAheadOfTarget, v1alpha1.ReasonExempt:
		return term.Good
	case v1alpha1.ReasonClimbing, v1alpha1.ReasonSoaking, v1alpha1.ReasonAwaitingTurn, v1alpha1.ReasonBaking, v1alpha1.ReasonInconclusive,
		v1alpha1.ReasonServerDisagrees, v1alpha1.ReasonObserving, v1alpha1.ReasonSuspended, v1alpha1.ReasonTerminating:
		return term.Warn
	default:
		return term.Bad
	}
}
