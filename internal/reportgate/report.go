// SPDX-License-Identifier: Apache-2.0

package reportgate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/podsecurity-rollout/operator/internal/reports"
	"github.com/podsecurity-rollout/operator/internal/summary"
)

const (
	// maxSource bounds a source as the API bounds the one that is asked for, and more:
	// what is cut must not become equal to one.
	maxSource = 128
	// maxName bounds each name that a message repeats, in bytes.
	maxName = 96
)

// Report is all that the gate reads of a report: what fails.
type Report struct {
	Kind, Namespace, Name string
	// Failures are sorted, the gravest first.
	Failures []Failures
}

// Failures are the failing results of a report that have source and severity in common.
type Failures struct {
	Source   string
	Severity Severity
	Results  int
	// Example names one of them, always the same of the same results: policy, rule and
	// what they are about. It is empty when the report does not say.
	Example string
}

// Read reduces a report to what the gate reads. The operator's own results are left out.
func Read(u *unstructured.Unstructured) Report {
	source, scope := text(u.Object, "source"), subject(field(u.Object, "scope"))
	failures := groups{}
	results, _ := u.Object["results"].([]any)
	for _, element := range results {
		if result, _ := element.(map[string]any); fails(text(result, "result")) {
			failures.add(cmp.Or(text(result, "source"), source), text(result, "severity"), 1, example(result, scope))
		}
	}
	if len(results) == 0 {
		failures.add(source, "", failed(u.Object), "")
	}
	return Report{
		Kind: strings.Clone(u.GetKind()), Namespace: strings.Clone(u.GetNamespace()), Name: strings.Clone(u.GetName()),
		Failures: failures.sorted(),
	}
}

// fails is whether a result fails, or could not be found out.
func fails(result string) bool {
	return strings.EqualFold(result, "fail") || strings.EqualFold(result, "error")
}

// failed counts the failures of a report that has a summary and no results. Of one
// that has results the summary is not read: what is pruned from the results, or
// left out of them as double, is in many summaries for ever.
func failed(report map[string]any) int {
	sum := field(report, "summary")
	return number(sum["fail"]) + number(sum["error"])
}

// group is what failures have in common.
type group struct {
	source   string
	severity Severity
}

// groups gather failures.
type groups map[group]*Failures

// add counts failures of a source and severity.
func (g groups) add(source, severity string, results int, example string) {
	if results <= 0 || source == "" || strings.EqualFold(source, reports.Source) {
		return
	}
	key := group{summary.Clip(source, maxSource), severityOf(severity)}
	f := g[key]
	if f == nil {
		f = &Failures{Source: strings.Clone(key.source), Severity: key.severity}
		g[key] = f
	}
	f.Results += results
	if example != "" && (f.Example == "" || example < f.Example) {
		f.Example = strings.Clone(example)
	}
}

// sorted answers the failures, the gravest first.
func (g groups) sorted() []Failures {
	out := make([]Failures, 0, len(g))
	for _, f := range g {
		out = append(out, *f)
	}
	slices.SortFunc(out, graver)
	return out
}

func graver(a, b Failures) int {
	return cmp.Or(cmp.Compare(b.Severity, a.Severity), cmp.Compare(a.Source, b.Source))
}

// example names a result: its policy, its rule if it has one, and the first of what
// it is about, which is the report's scope when it does not say.
func example(result map[string]any, scope string) string {
	name := summary.Clip(text(result, "policy"), maxName)
	if rule := text(result, "rule"); rule != "" {
		name = strings.TrimPrefix(name+"/"+summary.Clip(rule, maxName), "/")
	}
	about := scope
	if resources, _ := result["resources"].([]any); len(resources) > 0 {
		first, _ := resources[0].(map[string]any)
		about = cmp.Or(subject(first), about)
	}
	if about == "" {
		return name
	}
	return fmt.Sprintf("%s (%s)", name, about)
}

// subject names the object of a reference, such as "Deployment web".
func subject(reference map[string]any) string {
	name := text(reference, "name")
	if name == "" {
		return ""
	}
	return strings.TrimSpace(summary.Clip(text(reference, "kind"), maxName) + " " + summary.Clip(name, maxName))
}

func field(object map[string]any, name string) map[string]any {
	value, _ := object[name].(map[string]any)
	return value
}

func text(object map[string]any, name string) string {
	value, _ := object[name].(string)
	return strings.TrimSpace(value)
}

func number(value any) int {
	switch n := value.(type) {
	case int64:
		return int(n)
	case float64:
		return int(n)
	}
	return 0
}
