// SPDX-License-Identifier: Apache-2.0

package forecast

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	psaapi "k8s.io/pod-security-admission/api"
)

// maxMessage bounds the message of a violation in a sentence, in bytes.
const maxMessage = 160

// Tally counts the workloads of some violations and names the first.
type Tally struct {
	Workloads int
	// First is the first violation by workload, check and message, the zero value when there is none.
	First Violation
}

// tally counts violations that are ordered by workload.
func tally(violations []Violation) Tally {
	var t Tally
	for i, v := range violations {
		if i == 0 {
			t.First = v
		}
		if i == 0 || v.Workload != violations[i-1].Workload {
			t.Workloads++
		}
	}
	return t
}

// String names the first violation and counts the other workloads, e.g. "Deployment web: hostPort (…), and 2 more"; "" for none.
func (t Tally) String() string {
	switch t.Workloads {
	case 0:
		return ""
	case 1:
		return t.First.String()
	default:
		return fmt.Sprintf("%s, and %d more", t.First, t.Workloads-1)
	}
}

// String is the workload and what is held against it, cut when that is long.
func (v Violation) String() string {
	message := v.Message
	if len(message) > maxMessage {
		end := maxMessage
		for !utf8.RuneStart(message[end]) {
			end--
		}
		message = message[:end] + " …"
	}
	return v.Workload + ": " + message
}

// Reason is why the level does not hold: what is newly broken, or else the first violation; "" when it holds.
func (e Entry) Reason() string {
	if e.Broken.Workloads > 0 {
		return e.Broken.String()
	}
	return e.Violating.String()
}

// String is the forecast, a sentence for each level, e.g.
//
//	baseline holds at v1.33; from v1.34 2 workloads would violate, because Deployment web: probe or lifecycle host (…), and 1 more
func (f Forecast) String() string {
	var sentences []string
	for _, level := range []psaapi.Level{psaapi.LevelBaseline, psaapi.LevelRestricted} {
		if sentence := f.Sentence(level); sentence != "" {
			sentences = append(sentences, sentence)
		}
	}
	if f.Omitted > 0 {
		sentences = append(sentences, fmt.Sprintf("%d later changes are left out", f.Omitted))
	}
	return strings.Join(sentences, "\n")
}

// Sentence is what is forecast of one level, "" when nothing is.
func (f Forecast) Sentence(level psaapi.Level) string {
	entries := slices.DeleteFunc(slices.Clone(f.Entries), func(e Entry) bool { return e.Level != level })
	if len(entries) == 0 {
		return ""
	}
	clauses := []string{string(level) + " " + entries[0].opening()}
	for i := range entries[1:] {
		clauses = append(clauses, entries[i+1].clause())
	}
	return strings.Join(clauses, "; ")
}

// opening is the clause of a level's first stretch.
func (e Entry) opening() string {
	versions := "at " + e.From.String()
	if e.From != e.To {
		versions = fmt.Sprintf("from %s to %s", e.From, e.To)
	}
	if e.Holds() {
		return "holds " + versions
	}
	return fmt.Sprintf("is violated %s by %s, because %s", versions, e.count(), e.Reason())
}

// clause is that of a later stretch. Versions end where the next one begins.
func (e Entry) clause() string {
	if e.Holds() {
		return fmt.Sprintf("from %s it would hold, which allows %s", e.From, e.Allowed)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "from %s %s would violate", e.From, e.count())
	switch e.Broken.Workloads {
	case 0:
	case e.Violating.Workloads:
		fmt.Fprintf(&b, ", because %s", e.Broken)
	default:
		fmt.Fprintf(&b, ", newly %s", e.Broken)
	}
	if e.Allowed.Workloads > 0 {
		fmt.Fprintf(&b, ", but no longer %s", e.Allowed)
	}
	return b.String()
}

func (e Entry) count() string {
	if e.Violating.Workloads == 1 {
		return "1 workload"
	}
	return fmt.Sprintf("%d workloads", e.Violating.Workloads)
}
