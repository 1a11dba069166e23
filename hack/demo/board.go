// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	psaapi "k8s.io/pod-security-admission/api"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

// tone is how something is to be looked at; it becomes a colour.
type tone int

const (
	plain tone = iota
	good
	moving
	bad
	faint
	strong
)

// row is what is known of one namespace.
type row struct {
	name string
	// labels are its Pod Security labels.
	labels map[string]string
	// next is the rung that it waits for or is about to climb.
	next            string
	reason, message string
}

// note is one change of one namespace.
type note struct {
	namespace, text string
	// rests is whether it is a state to stay in, which is told after what led to it.
	rests bool
}

// board is what the demo shows: the namespaces that a rollout selects.
type board struct {
	rows map[string]*row
}

func newBoard(names []string, labels map[string]map[string]string) *board {
	b := &board{rows: map[string]*row{}}
	for _, name := range names {
		b.rows[name] = &row{name: name, labels: labels[name]}
	}
	return b
}

// sorted answers the rows by name.
func (b *board) sorted() []row {
	var list []row
	for _, name := range slices.Sorted(maps.Keys(b.rows)) {
		list = append(list, *b.rows[name])
	}
	return list
}

// showNamespace takes the labels of a namespace in, and answers what has changed.
func (b *board) showNamespace(ns *corev1.Namespace) []note {
	r := b.rows[ns.Name]
	if r == nil {
		return nil
	}
	now := securityLabels(ns.Labels)
	var notes []note
	for _, mode := range modes {
		before, after := showMode(r.labels, mode), showMode(now, mode)
		if before == after {
			continue
		}
		verb := "climbed to"
		if level := labelKeys[mode][0]; rank(psaapi.Level(now[level])) < rank(psaapi.Level(r.labels[level])) {
			verb = "was lowered to"
		}
		notes = append(notes, note{namespace: ns.Name, text: fmt.Sprintf("%s %s=%s", verb, mode, after)})
	}
	r.labels = now
	return notes
}

// showMode answers one mode's level and version, "none" without a label.
func showMode(labels map[string]string, mode v1alpha1.Mode) string {
	keys := labelKeys[mode]
	switch level, version := labels[keys[0]], labels[keys[1]]; {
	case level == "":
		return "none"
	case version == "":
		return level
	default:
		return level + ":" + version
	}
}

// showClaim takes in what the operator says of a namespace, and answers it when it has come to rest
// in another way than before.
func (b *board) showClaim(claim *v1alpha1.NamespaceRollout) []note {
	r := b.rows[claim.Namespace]
	if r == nil {
		return nil
	}
	before := r.state()
	r.next = ""
	if claim.Status.Next != nil {
		r.next = claim.Status.Next.Rung
	}
	r.reason, r.message = stateOf(claim)
	now := r.state()
	if now == before || r.moving() {
		return nil
	}
	if why := r.why(); why != "" {
		now += ": " + why
	}
	return []note{{namespace: r.name, text: now, rests: true}}
}

func (r row) done() bool {
	return r.reason == v1alpha1.ReasonComplete || r.reason == v1alpha1.ReasonAheadOfTarget
}

// moving tells whether the row will be another one by itself.
func (r row) moving() bool { return !atRest(r.reason) }

func (r row) tone() tone {
	switch {
	case r.done():
		return good
	case r.moving():
		return moving
	default:
		return bad
	}
}

// state is the row's state in a few words.
func (r row) state() string {
	switch {
	case r.reason == v1alpha1.ReasonAheadOfTarget:
		return "complete (ahead)"
	case r.done():
		return "complete"
	case r.reason == "":
		return "not seen yet"
	case r.reason == v1alpha1.ReasonClimbing:
		return "climbing"
	case r.moving():
		return "waits: " + r.reason
	case r.next == "":
		return "held"
	default:
		rung, _, _ := strings.Cut(r.next, ":")
		return "held at " + rung
	}
}

// why is what holds the row, empty when nothing does. That it is violations shows without saying.
func (r row) why() string {
	switch {
	case r.done() || r.moving():
		return ""
	case r.reason == v1alpha1.ReasonViolations:
		return r.message
	default:
		return r.reason + ": " + r.message
	}
}

// counts sums the rows up in a few words.
func (b *board) counts() string {
	var done, climbing, held int
	for _, r := range b.rows {
		switch {
		case r.done():
			done++
		case r.moving():
			climbing++
		default:
			held++
		}
	}
	return fmt.Sprintf("%d namespaces: %d complete, %d climbing, %d held", len(b.rows), done, climbing, held)
}
