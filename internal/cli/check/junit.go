// SPDX-License-Identifier: Apache-2.0

package check

import (
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"
)

// The part of the JUnit schema that CI systems agree on: a suite for each file, a case for each pod.
type (
	testSuites struct {
		XMLName xml.Name `xml:"testsuites"`
		Name    string   `xml:"name,attr"`
		counts
		Suites []*testSuite `xml:"testsuite"`
	}
	counts struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Errors   int `xml:"errors,attr"`
		Skipped  int `xml:"skipped,attr"`
	}
	testSuite struct {
		Name string `xml:"name,attr"`
		counts
		Cases []testCase `xml:"testcase"`
	}
	testCase struct {
		Name      string  `xml:"name,attr"`
		ClassName string  `xml:"classname,attr"`
		File      string  `xml:"file,attr,omitempty"`
		Line      int     `xml:"line,attr,omitempty"`
		Skipped   *result `xml:"skipped"`
		Error     *result `xml:"error"`
		Failure   *result `xml:"failure"`
	}
	result struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr,omitempty"`
		Text    string `xml:",chardata"`
	}
)

func writeJUnit(w io.Writer, r *Report) error {
	suites := &testSuites{Name: "kubectl podsecurity check"}
	for _, pod := range r.pods {
		suites.add(pod.file, pod.testCase())
	}
	for _, e := range r.Errors {
		name := "input"
		if e.Line > 0 {
			name = fmt.Sprintf("line %d", e.Line)
		}
		suites.add(e.File, testCase{Name: name, Line: e.Line, Error: &result{Message: e.Message, Type: "input"}})
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
	c.ClassName, c.File = file, file
	suite := s.suite(file)
	suite.Cases = append(suite.Cases, c)
	suite.count(c)
	s.count(c)
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

func (n *counts) count(c testCase) {
	n.Tests++
	switch {
	case c.Skipped != nil:
		n.Skipped++
	case c.Error != nil:
		n.Errors++
	case c.Failure != nil:
		n.Failures++
	}
}

func (p podResult) testCase() testCase {
	c := testCase{Name: p.object, Line: p.line}
	switch {
	case p.exempt:
		c.Skipped = &result{Message: "its runtime class is exempt"}
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
