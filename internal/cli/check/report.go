// SPDX-License-Identifier: Apache-2.0

package check

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/podsecurity-rollout/operator/internal/cli/offline"
	"github.com/podsecurity-rollout/operator/internal/manifest"
	"github.com/podsecurity-rollout/operator/internal/standards"
)

// The version and kind of a report.
const (
	APIVersion = "cli.podsecurity.dev/v1alpha1"
	Kind       = "CheckReport"
)

// Report is what a check has found. docs/check.md documents its fields.
type Report struct {
	APIVersion string    `json:"apiVersion"`
	Kind       string    `json:"kind"`
	Summary    Summary   `json:"summary"`
	Findings   []Finding `json:"findings"`
	Errors     []Error   `json:"errors,omitempty"`

	pods []podResult
}

// Summary counts.
type Summary struct {
	// Files that were read, and the pods and pod templates in them.
	Files int `json:"files"`
	Pods  int `json:"pods"`
	// Violating pods are those with findings that are not accepted.
	Violating int `json:"violating"`
	// Exempt pods were not checked for their runtime class.
	Exempt int `json:"exempt"`
	// Findings are those listed, Accepted those left out because the baseline has them.
	Findings int `json:"findings"`
	Accepted int `json:"accepted"`
}

// Finding is a check that a pod violates, at one of the places that it violates it at.
type Finding struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
	Object Object `json:"object"`
	// Level and Version are what the pod is held to.
	Level   string `json:"level"`
	Version string `json:"version"`
	// Check is upstream's ID of the check.
	Check string `json:"check"`
	// Field is at fault, or missing.
	Field string `json:"field"`
	// Message is upstream's, about this place alone.
	Message string `json:"message"`
	// Remedy says what to set to what.
	Remedy string `json:"remedy"`
	URL    string `json:"url"`
	// Fingerprint stays the same when lines move or lists are put in another order.
	Fingerprint string `json:"fingerprint"`
}

// Object is what a finding is about.
type Object struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace,omitempty"`
	Name       string `json:"name"`
}

// Error is something that could not be understood.
type Error struct {
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	Message string `json:"message"`
}

// podResult is one pod that was looked at, for outputs that list those that comply as well.
type podResult struct {
	file     string
	line     int
	object   string
	exempt   bool
	findings []Finding
}

// newReport checks all pods of an input.
func newReport(e *standards.Evaluator, in *offline.Input) *Report {
	r := &Report{APIVersion: APIVersion, Kind: Kind, Findings: []Finding{}}
	r.Summary.Files = len(in.Files)
	for _, file := range in.Files {
		for _, pod := range file.Pods {
			result := podResult{file: file.Name, line: pod.Line, object: pod.Object.String()}
			lv, held := in.Target(pod)
			if result.exempt = !held; held {
				result.findings = findingsOf(e, lv, file.Name, pod)
				slices.SortStableFunc(result.findings, byPlace)
			}
			r.pods = append(r.pods, result)
		}
	}
	for _, err := range in.Errors {
		r.Errors = append(r.Errors, newError(err))
	}
	r.sum()
	return r
}

func newError(err error) Error {
	if at := (*manifest.Error)(nil); errors.As(err, &at) {
		return Error{File: at.File, Line: at.Line, Message: at.Message}
	}
	return Error{Message: err.Error()}
}

// sum lists and counts what the pods have.
func (r *Report) sum() {
	r.Findings, r.Summary.Violating, r.Summary.Exempt = []Finding{}, 0, 0
	for _, pod := range r.pods {
		if len(pod.findings) > 0 {
			r.Summary.Violating++
		}
		if pod.exempt {
			r.Summary.Exempt++
		}
		r.Findings = append(r.Findings, pod.findings...)
	}
	r.Summary.Pods, r.Summary.Findings = len(r.pods), len(r.Findings)
	slices.SortStableFunc(r.Findings, byPlace)
}

func byPlace(a, b Finding) int {
	return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
		cmp.Compare(a.Check, b.Check), cmp.Compare(a.Field, b.Field))
}

// fingerprint is what is the same for a finding wherever it stands. The version of the API is left out: it changes, and the object is the same.
func fingerprint(o Object, check, identity string) string {
	group := schema.FromAPIVersionAndKind(o.APIVersion, o.Kind).Group
	sum := sha256.Sum256([]byte(strings.Join([]string{group, o.Kind, o.Namespace, o.Name, check, identity}, "\x00")))
	return hex.EncodeToString(sum[:16])
}
