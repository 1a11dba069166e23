// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"slices"
	"time"

	psaapi "k8s.io/pod-security-admission/api"

	"github.com/podsecurity-rollout/operator/internal/cli/output"
	"github.com/podsecurity-rollout/operator/internal/cli/survey"
	"github.com/podsecurity-rollout/operator/internal/nslabels"
	"github.com/podsecurity-rollout/operator/internal/remedy"
)

// Report is what violates: the document that -o json writes and that the page is made of.
type Report struct {
	output.Header
	ServerVersion string    `json:"serverVersion"`
	Time          time.Time `json:"time"`
	// NotJudged are the kinds that may not be listed: a template of theirs may violate unseen.
	NotJudged  []string    `json:"notJudged,omitempty"`
	Namespaces []Namespace `json:"namespaces"`
	// Violations are ordered by namespace, workload, level and check.
	Violations []Violation `json:"violations"`
	Checks     []Check     `json:"checks"`
}

// Namespace is where one namespace stands.
type Namespace struct {
	Name    string `json:"name"`
	Enforce string `json:"enforce"`
	Exempt  bool   `json:"exempt,omitempty"`
	// Meets is the strictest level that everything in it complies with.
	Meets     string `json:"meets"`
	Pods      int    `json:"pods"`
	Workloads int    `json:"workloads"`
	Violating int    `json:"violatingWorkloads"`
}

// Violation is one check that one workload violates.
type Violation struct {
	// Owner is whoever owns the workload, as its labels or its namespace's say.
	Owner     string `json:"owner,omitempty"`
	Namespace string `json:"namespace"`
	Workload  string `json:"workload"`
	Level     string `json:"level"`
	Check     string `json:"check"`
	Message   string `json:"message"`
	Source    string `json:"source"`
	Pods      int32  `json:"pods"`
	Example   string `json:"example,omitempty"`
}

// Check is one check, and who violates it.
type Check struct {
	Check      string `json:"check"`
	Level      string `json:"level"`
	Workloads  int    `json:"workloads"`
	Namespaces int    `json:"namespaces"`
	Remedy     string `json:"remedy"`
	URL        string `json:"url"`
}

// reportOf makes the report of a survey: of each namespace what violates restricted, which baseline is part of, and baseline's own checks that restricted
// puts others in the place of.
func reportOf(s *survey.Survey, now time.Time) Report {
	r := Report{
		Header: output.NewHeader("Report"), ServerVersion: s.Server.String(), Time: now.UTC().Truncate(time.Second), NotJudged: s.NotJudged,
		Namespaces: []Namespace{}, Violations: []Violation{}, Checks: []Check{},
	}
	for i := range s.Namespaces {
		ns := &s.Namespaces[i]
		standing := s.Standing(ns.Name, s.Server)
		restricted := s.Evidence(ns.Name, psaapi.LevelVersion{Level: psaapi.LevelRestricted, Version: s.Server})
		r.Namespaces = append(r.Namespaces, Namespace{
			Name: ns.Name, Enforce: string(nslabels.Read(ns, s.Config.Defaults).Policy.Enforce.Level), Exempt: s.Exempt(ns.Name),
			Meets: string(standing.Meets), Pods: standing.Pods, Workloads: standing.Workloads, Violating: restricted.ViolatingWorkloads,
		})
		r.add(ns.Name, output.ByWorkload(restricted.Violations))
		if next := standing.Next; next != nil && next.Level.Level == psaapi.LevelBaseline {
			r.add(ns.Name, output.ByWorkload(next.Violations))
		}
	}
	slices.SortFunc(r.Violations, func(a, b Violation) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Workload, b.Workload), cmp.Compare(a.Level, b.Level),
			cmp.Compare(a.Check, b.Check), cmp.Compare(a.Message, b.Message))
	})
	r.Violations = slices.Compact(r.Violations)
	r.Checks = checksOf(r.Violations)
	return r
}

func (r *Report) add(namespace string, workloads []output.Workload) {
	for _, w := range workloads {
		for _, v := range w.Violations {
			r.Violations = append(r.Violations, Violation{
				Owner: w.Owner, Namespace: namespace, Workload: w.String(), Level: v.Level, Check: v.Check, Message: v.Message,
				Source: v.Source, Pods: v.Pods, Example: v.Example,
			})
		}
	}
}

// checksOf counts who violates each check, those that most workloads violate first.
func checksOf(violations []Violation) []Check {
	type who struct{ workloads, namespaces map[string]bool }
	by := map[string]who{}
	for _, v := range violations {
		w, known := by[v.Check]
		if !known {
			w = who{map[string]bool{}, map[string]bool{}}
			by[v.Check] = w
		}
		w.namespaces[v.Namespace] = true
		w.workloads[v.Namespace+"/"+v.Workload] = true
	}
	checks := []Check{}
	for id, w := range by {
		check := Check{Check: id, Workloads: len(w.workloads), Namespaces: len(w.namespaces)}
		if r, known := remedy.For(id); known {
			check.Level, check.Remedy, check.URL = string(r.Level), r.Text, r.URL()
		}
		checks = append(checks, check)
	}
	slices.SortFunc(checks, func(a, b Check) int {
		return cmp.Or(-cmp.Compare(a.Workloads, b.Workloads), cmp.Compare(a.Check, b.Check))
	})
	return checks
}
