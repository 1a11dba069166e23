// SPDX-License-Identifier: Apache-2.0

package summary

import (
	"fmt"
	"strings"
	"time"

	psaapi "k8s.io/pod-security-admission/api"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/remedy"
)

// Pace is what stands between a namespace that complies and its enforce rung.
type Pace struct {
	Soak            time.Duration
	Manual, Waves   bool
	Suspended, Only bool // Only is for a rollout that only observes
}

// Due says when a level is enforced in a namespace that something still violates.
func Due(current, target psaapi.LevelVersion, level v1alpha1.Level, p Pace) string {
	wanted := psaapi.Level(level)
	switch {
	case psaapi.CompareLevels(current.Level, wanted) >= 0:
		return fmt.Sprintf("enforce=%s is in force: new pods are refused", current.String())
	case psaapi.CompareLevels(target.Level, wanted) < 0:
		return fmt.Sprintf("%s is not to be enforced here, only warned of and audited", level)
	}
	rung := "enforce=" + psaapi.LevelVersion{Level: wanted, Version: target.Version}.String()
	switch {
	case p.Suspended:
		return rung + " is suspended"
	case p.Only:
		return rung + " is not written while the rollout only observes"
	}
	var after []string
	if p.Soak > 0 {
		after = append(after, fmt.Sprintf("a soak of %s", p.Soak))
	}
	if p.Manual {
		after = append(after, "an approval")
	}
	if p.Waves {
		after = append(after, "the turn of its wave")
	}
	if len(after) == 0 {
		return rung + " is due as soon as nothing violates it"
	}
	list := after[len(after)-1]
	if before := strings.Join(after[:len(after)-1], ", "); before != "" {
		list = before + " and " + list
	}
	return fmt.Sprintf("%s is due once nothing violates it, after %s", rung, list)
}

// Advice says to the owner of a workload what it violates, which field to set to
// what, and when that is enforced.
func Advice(v v1alpha1.Violation, due string) string {
	parts := []string{fmt.Sprintf("%s: %s", v.Level, v.Message)}
	if v.Apart != "" {
		parts = append(parts, v.Apart)
	}
	known, ok := remedy.For(v.Check)
	if ok {
		parts = append(parts, "To comply, "+known.Text)
	}
	parts = append(parts, upperFirst(due))
	if v.Owner != "" {
		parts = append(parts, "Owner: "+v.Owner)
	}
	if ok {
		parts = append(parts, "See "+known.URL())
	}
	return strings.Join(parts, ". ")
}

func upperFirst(s string) string {
	if s == "" || strings.HasPrefix(s, "enforce=") {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
