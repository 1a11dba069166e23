// SPDX-License-Identifier: Apache-2.0

package check

import (
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// JUnit as both schemas have it that CI systems go by: Ant's (JUnit.xsd, of which older copies know no <skipped>) and that of Jenkins (junit-4.xsd to
// junit-10.xsd). A suite for each file, a case for each pod. Their order is that of the schemas. Lines of files have no attribute in either: they are in
// the text of a failure.
type (
	testSuites struct {
		XMLName xml.Name     `xml:"testsuites"`
		Suites  []*testSuite `xml:"testsuite"`
	}
	testSuite struct {
		ID       int    `xml:"id,attr"`
		Name     string `xml:"name,attr"`
		Package  string `xml:"package,attr"`
		Hostname string `xml:"hostname,attr"`
		// Timestamp is without a zone, in UTC.
		Timestamp string `xml:"timestamp,attr"`
		Tests     int    `xml:"tests,attr"`
		Failures  int    `xml:"failures,attr"`
		Errors    int    `xml:"errors,attr"`
		// Time is in seconds; none is measured for one pod.
		Time       int        `xml:"time,attr"`
		Properties []property `xml:"properties>property"`
		Cases      []testCase `xml:"testcase"`
		SystemOut  string     `xml:"system-out"`
		SystemErr  string     `xml:"system-err"`
	}
	property struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	testCase struct {
		Name      string  `xml:"name,attr"`
		ClassName string  `xml:"classname,attr"`
		Time      int     `xml:"time,attr"`
		Skipped   string  `xml:"skipped,omitempty"`
		Error     *result `xml:"error"`
		Failure   *result `xml:"failure"`
	}
	result struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
)

func writeJUnit(w io.Writer, r *Report, toolVersion string, now time.Time) error {
	suites := &testSuites{}
	for _, pod := range r.pods {
		suites.add(pod.file, pod.testCase())
	}
	for _, e := range r.Errors {
		name := "input"
		if e.Line > 0 {
			name = fmt.Sprintf("line %d", e.Line)
		}
		suites.add(e.File, testCase{Name: name, Error: &result{Message: e.Message, Type: "input"}})
	}
	for i, suite := range suites.Suites {
		suite.ID, suite.Package, suite.Hostname, suite.Timestamp = i, "podsecurity", "localhost", now.UTC().Format("2006-01-02T15:04:05")
		suite.Properties = []property{{Name: "kubectl-podsecurity", Value: toolVersion}}
	}
	encoded, err := xml.MarshalIndent(suites, "", "  ")
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, xml.Header+string(encoded)+"\n")
	return err
}

// add puts a case into the suite of its file.
func (s *testSuites) add(file string, c testCase) {
	if file == "" {
		file = "input"
	}
	c.ClassName = file
	suite := s.suite(file)
	suite.Cases = append(suite.Cases, c)
	suite.Tests++
	switch {
	case c.Error != nil:
		suite.Errors++
	case c.Failure != nil:
		suite.Failures++
	}
}

func (s *testSuites) suite(name string) *testSuite {
	for _, suite := range slices.Backward(s.Suites) { // mostly the last one
		if suite.Name == name {
			return suite
		}
	}
	suite := &testSuite{Name: name}
	s.Suites = append(s.Suites, suite)
	return suite
}

func (p podResult) testCase() testCase {
	c := testCase{Name: p.object}
	switch {
	case p.exempt:
		c.Skipped = "its runtime class is exempt"
	case len(p.findings) > 0:
		var lines []string
		for _, f := range p.findings {
			lines = append(lines, fmt.Sprintf("%s:%d:%d: %s: %s\n  %s", f.File, f.Line, f.Column, f.Check, f.Message, f.Remedy))
		}
		first := p.findings[0]
		c.Failure = &result{
			Message: fmt.Sprintf("violates %s:%s in %d places", first.Level, first.Version, len(lines)), Type: first.Level, Text: strings.Join(lines, "\n"),
		}
	}
	return c
}
