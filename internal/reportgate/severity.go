// SPDX-License-Identifier: Apache-2.0

package reportgate

import "strings"

// Severity is how grave a result is; a greater one is graver.
type Severity int8

// The severities of results. Unrated is what has none, or one that is not known.
const (
	Unrated Severity = iota
	Info
	Low
	Medium
	High
	Critical
)

var severities = map[string]Severity{"info": Info, "low": Low, "medium": Medium, "high": High, "critical": Critical}

// severityOf reads a severity, in whatever case it is written.
func severityOf(s string) Severity { return severities[strings.ToLower(strings.TrimSpace(s))] }

// counts is whether a result of the severity counts where a least one is asked for.
// What is unrated may be anything, so it counts.
func (s Severity) counts(least Severity) bool { return s == Unrated || s >= least }
