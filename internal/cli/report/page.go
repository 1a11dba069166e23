// SPDX-License-Identifier: Apache-2.0

package report

import (
	"crypto/sha256"
	_ "embed" // for the parts of the page
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
)

var (
	//go:embed page/page.html
	pageHTML string
	//go:embed page/page.css
	pageCSS string
	//go:embed page/page.js
	pageJS string

	pageTemplate = template.Must(template.New("page").Parse(pageHTML))
)

// page is what the template is filled with.
type page struct {
	Report Report
	// By is the view to begin with.
	By     string
	Style  template.CSS
	Script template.JS
	// Policy lets the browser run the page's own script and style and load nothing at all.
	Policy string
}

// writePage writes one page that holds style, script and data.
func writePage(out io.Writer, r Report, by string) error {
	err := pageTemplate.Execute(out, page{
		Report: r, By: by, Style: template.CSS(pageCSS), Script: template.JS(pageJS),
		Policy: fmt.Sprintf("default-src 'none'; style-src %s; script-src %s", hashOf(pageCSS), hashOf(pageJS)),
	})
	if err != nil {
		return fmt.Errorf("writing the page: %w", err)
	}
	return nil
}

// hashOf is how a Content-Security-Policy names an inline script or style.
func hashOf(inline string) string {
	sum := sha256.Sum256([]byte(inline))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
