// SPDX-License-Identifier: Apache-2.0

package check

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/podsecurity-rollout/operator/internal/cli/offline"
	"github.com/podsecurity-rollout/operator/internal/standards"
)

var everything = []string{"-f", "testdata/shop.yaml", "-f", "testdata/odd, 100%.yaml", "--exempt-runtime-classes", "gvisor"}

func TestOutputs(t *testing.T) {
	for output := range outputs {
		t.Run(output, func(t *testing.T) {
			got := undated(run(t, "", append(everything, "-o", output)...))
			compareGolden(t, "output."+output, got.out)
			if got.code != 2 {
				t.Errorf("exit code %d, want 2", got.code)
			}
			if again := undated(run(t, "", append(everything, "-o", output)...)); again != got {
				t.Errorf("the second time it is written otherwise:\n%s", cmp.Diff(got, again))
			}
		})
	}
}

// undated is without the time that JUnit has in it.
func undated(r ran) ran {
	r.out = regexp.MustCompile(`timestamp="[0-9T:-]+"`).ReplaceAllString(r.out, `timestamp="now"`)
	return r
}

func TestColours(t *testing.T) {
	always := run(t, "", "-f", "testdata/shop.yaml", "--color", "always").out
	never := run(t, "", "-f", "testdata/shop.yaml", "--color", "never").out
	if got := regexp.MustCompile("\x1b\\[[0-9]+m").ReplaceAllString(always, ""); always == never || got != never {
		t.Errorf("without its colours the table is\n%s\nwant\n%s", got, never)
	}
	if auto := run(t, "", "-f", "testdata/shop.yaml").out; auto != never {
		t.Errorf("colours where there is no terminal: %q", auto)
	}
}

// newTestReport checks everything.
func newTestReport(t *testing.T, args ...string) *Report {
	t.Helper()
	e, err := standards.NewEvaluator()
	if err != nil {
		t.Fatal(err)
	}
	in, err := (&offline.Options{ExemptRuntimeClasses: []string{"gvisor"}}).Read(args, strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	return newReport(e, in)
}

// The library has the schema of SARIF 2.1.0, and checks a report against it.
func TestSARIFMeetsItsSchema(t *testing.T) {
	for name, args := range map[string][]string{"everything": {"testdata/shop.yaml", "testdata/odd, 100%.yaml"}, "findings": {"testdata/shop.yaml"}} {
		report := newSARIF(newTestReport(t, args...), "v1.2.3")
		if err := report.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	clean := newSARIF(&Report{}, "v1.2.3")
	if err := clean.Validate(); err != nil {
		t.Errorf("without findings: %v", err)
	}
	var written struct {
		Version string
		Runs    []struct{ Results []any }
	}
	var out bytes.Buffer
	if err := writeSARIF(&out, &Report{}, "v1.2.3"); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out.Bytes(), &written); err != nil || written.Version != "2.1.0" || len(written.Runs) != 1 || written.Runs[0].Results == nil {
		t.Errorf("without findings, %v, %+v: GitHub wants a run with an empty list of results\n%s", err, written, out.Bytes())
	}
}

// junitElements are the elements that are valid by both schemas of JUnit, Ant's and that of Jenkins (junit-4.xsd): all the attributes that one of them
// requires and both allow, and the order of the children.
var junitElements = map[string]struct{ attributes, children []string }{
	"testsuites": {children: []string{"testsuite"}},
	"testsuite": {
		attributes: []string{"id", "name", "package", "hostname", "timestamp", "tests", "failures", "errors", "time"},
		children:   []string{"properties", "testcase", "system-out", "system-err"},
	},
	"properties": {children: []string{"property"}},
	"property":   {attributes: []string{"name", "value"}},
	"testcase":   {attributes: []string{"name", "classname", "time"}, children: []string{"skipped", "error", "failure"}},
	"skipped":    {},
	"error":      {attributes: []string{"message", "type"}},
	"failure":    {attributes: []string{"message", "type"}},
	"system-out": {},
	"system-err": {},
}

func TestJUnitMeetsItsSchemas(t *testing.T) {
	var out bytes.Buffer
	if err := writeJUnit(&out, newTestReport(t, "testdata/shop.yaml", "testdata/odd, 100%.yaml"), "v1.2.3", time.Unix(0, 0)); err != nil {
		t.Fatal(err)
	}
	count := countElements(t, out.Bytes())
	want := map[string]int{
		"testsuites": 1, "testsuite": 2, "properties": 2, "property": 2, "testcase": 5, "failure": 1, "skipped": 1, "error": 2, "system-out": 2, "system-err": 2,
	}
	if diff := cmp.Diff(want, count); diff != "" {
		t.Errorf("elements (-want +got):\n%s", diff)
	}
	var suites testSuites
	if err := xml.Unmarshal(out.Bytes(), &suites); err != nil {
		t.Fatal(err)
	}
	for _, s := range suites.Suites {
		s.Cases = nil
	}
	suite := func(id int, name string, tests, failures, errors int) *testSuite {
		return &testSuite{
			ID: id, Name: name, Package: "podsecurity", Hostname: "localhost", Timestamp: "1970-01-01T00:00:00", Tests: tests, Failures: failures, Errors: errors,
			Properties: []property{{Name: "kubectl-podsecurity", Value: "v1.2.3"}},
		}
	}
	if diff := cmp.Diff([]*testSuite{suite(0, "testdata/shop.yaml", 3, 1, 0), suite(1, "testdata/odd, 100%.yaml", 2, 0, 2)}, suites.Suites); diff != "" {
		t.Errorf("suites (-want +got):\n%s", diff)
	}
}

// countElements counts the elements, and fails for one that the schema does not have there.
func countElements(t *testing.T, document []byte) map[string]int {
	t.Helper()
	decoder := xml.NewDecoder(bytes.NewReader(document))
	var open []string
	count := map[string]int{}
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return count
		}
		if err != nil {
			t.Fatal(err)
		}
		switch element := token.(type) {
		case xml.StartElement:
			checkElement(t, open, element)
			count[element.Name.Local]++
			open = append(open, element.Name.Local)
		case xml.EndElement:
			open = open[:len(open)-1]
		}
	}
}

// checkElement fails the test when an element is not allowed there, or has not
// exactly the attributes that it is to have.
func checkElement(t *testing.T, open []string, element xml.StartElement) {
	t.Helper()
	name := element.Name.Local
	allowed := []string{"testsuites"}
	if len(open) > 0 {
		allowed = junitElements[open[len(open)-1]].children
	}
	if !slices.Contains(allowed, name) {
		t.Errorf("<%s> in %v", name, open)
	}
	var attributes []string
	for _, a := range element.Attr {
		attributes = append(attributes, a.Name.Local)
	}
	if diff := cmp.Diff(junitElements[name].attributes, attributes); diff != "" {
		t.Errorf("the attributes of <%s> (-want +got):\n%s", name, diff)
	}
}

// gitHubCommand is the syntax of a workflow command (actions/runner, src/Runner.Common/ActionCommand.cs): neither a comma nor a colon in a property.
var gitHubCommand = regexp.MustCompile(`^::error file=([^,:\r\n]+),line=([1-9]\d*)(,col=[1-9]\d*)?,title=([^,:\r\n]+)::(.+)$`)

func TestGitHubSyntax(t *testing.T) {
	var out bytes.Buffer
	r := newTestReport(t, "testdata/shop.yaml", "testdata/odd, 100%.yaml")
	if err := writeGitHub(&out, r); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != len(r.Findings)+len(r.Errors) {
		t.Errorf("%d lines for %d findings and %d errors", len(lines), len(r.Findings), len(r.Errors))
	}
	for _, line := range lines {
		match := gitHubCommand.FindStringSubmatch(line)
		if match == nil {
			t.Errorf("no workflow command: %s", line)
			continue
		}
		if file := strings.NewReplacer("%2C", ",", "%3A", ":", "%25", "%").Replace(match[1]); file != "testdata/shop.yaml" && file != "testdata/odd, 100%.yaml" {
			t.Errorf("file %s", file)
		}
	}
}

// JSON and YAML say the same, and are read back to what was written.
func TestReportIsReadBack(t *testing.T) {
	r := newTestReport(t, "testdata/shop.yaml")
	r.pods = nil
	writers := map[string]func(*bytes.Buffer) error{
		"json": func(b *bytes.Buffer) error { return writeJSON(b, r) }, "yaml": func(b *bytes.Buffer) error { return writeYAML(b, r) },
	}
	for name, write := range writers {
		var out bytes.Buffer
		if err := write(&out); err != nil {
			t.Fatal(err)
		}
		var got Report
		if err := yaml.UnmarshalStrict(out.Bytes(), &got); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(*r, got, cmp.AllowUnexported(Report{}, podResult{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// What is wrong with no file in particular is said all the same.
func TestNothingToCheckIsSaidInEachOutput(t *testing.T) {
	for output := range outputs {
		got := run(t, "", "-f", "-", "-o", output)
		if said := strings.Contains(got.out, "nothing to check"); got.code != 2 || !said && output != "table" {
			t.Errorf("%s: exit code %d\n%s", output, got.code, got.out)
		}
	}
}

// A file whose one document holds a pod and whose other is broken is one suite.
func TestJUnitSuites(t *testing.T) {
	var suites testSuites
	two := write(t, "two.yaml", pod+"---\na: [\n")
	other := write(t, "other.yaml", pod)
	if err := xml.Unmarshal([]byte(run(t, "", "-f", two, "-f", other, "-o", "junit").out), &suites); err != nil {
		t.Fatal(err)
	}
	if len(suites.Suites) != 2 || suites.Suites[0].Name != two || len(suites.Suites[0].Cases) != 2 {
		t.Errorf("suites %+v", suites.Suites)
	}
}
