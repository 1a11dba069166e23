// SPDX-License-Identifier: Apache-2.0

package check

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"sigs.k8s.io/yaml"
)

// outputs are the values of -o, and what writes each.
var outputs = map[string]func(w io.Writer, r *Report, o *options) error{
	"table":  func(w io.Writer, r *Report, o *options) error { return writeTable(w, r, o.painter(w)) },
	"json":   func(w io.Writer, r *Report, _ *options) error { return writeJSON(w, r) },
	"yaml":   func(w io.Writer, r *Report, _ *options) error { return writeYAML(w, r) },
	"sarif":  func(w io.Writer, r *Report, o *options) error { return writeSARIF(w, r, o.toolVersion) },
	"junit":  func(w io.Writer, r *Report, o *options) error { return writeJUnit(w, r, o.toolVersion, time.Now()) },
	"github": func(w io.Writer, r *Report, _ *options) error { return writeGitHub(w, r) },
}

func writeJSON(w io.Writer, r *Report) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}

func writeYAML(w io.Writer, r *Report) error {
	encoded, err := yaml.Marshal(r)
	if err != nil {
		return err
	}
	_, err = w.Write(encoded)
	return err
}

var (
	gitHubData     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	gitHubProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

// writeGitHub writes the commands that GitHub Actions makes annotations of.
func writeGitHub(w io.Writer, r *Report) error {
	var b strings.Builder
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "::error file=%s,line=%d,col=%d,title=%s::%s\n", gitHubProperty.Replace(f.File), f.Line, f.Column,
			gitHubProperty.Replace(f.Check), gitHubData.Replace(fmt.Sprintf("%s: %s\n%s", f.Object, f.Message, f.Remedy)))
	}
	for _, e := range r.Errors {
		place := ""
		if e.File != "" {
			place = fmt.Sprintf("file=%s,line=%d,", gitHubProperty.Replace(e.File), max(e.Line, 1))
		}
		fmt.Fprintf(&b, "::error %stitle=input::%s\n", place, gitHubData.Replace(e.Message))
	}
	_, err := io.WriteString(w, b.String())
	return err
}
