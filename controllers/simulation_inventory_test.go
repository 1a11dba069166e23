// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	psaapi "k8s.io/pod-security-admission/api"

	"github.com/podsecurity-rollout/operator/internal/inventory"
	"github.com/podsecurity-rollout/operator/internal/rejections"
)

// known is what the operator's inventory knows of one namespace.
type known struct {
	shown
	departed []departure
}

type departure struct {
	group
	at time.Time
}

// take takes in what a namespace shows now: what it no longer shows departs.
func (k *known) take(now time.Time, next shown) {
	k.departed = slices.DeleteFunc(k.departed, func(d departure) bool { return slices.Contains(next.groups, d.group) })
	for _, g := range k.groups {
		if !slices.Contains(next.groups, g) && g.profile != hardened {
			k.departed = append(k.departed, departure{g, now})
		}
	}
	k.shown = next
}

// simInventory is the operator's inventory. Its memory of what has gone ends
// with the operator.
type simInventory struct{ o *operator }

func (i simInventory) Synced() bool { return i.o.synced }

func (i simInventory) ForgetNamespace(name string) {
	if k := i.o.inventory[name]; k != nil {
		k.departed = nil
	}
}

func (i simInventory) Topmost(namespace string, object inventory.Workload) inventory.Workload {
	if k := i.o.inventory[namespace]; k != nil {
		for _, g := range k.groups {
			owns := object.Kind == "ReplicaSet" && g.Kind == "Deployment" || object.Kind == "Job" && g.Kind == "CronJob"
			if owns && strings.HasPrefix(object.Name, g.Name+"-") {
				return g.Workload
			}
		}
	}
	return object
}

func (i simInventory) Pods(namespace string, w inventory.Workload) (count int, present bool) {
	if k := i.o.inventory[namespace]; k != nil {
		for n, g := range k.groups {
			if g.Workload == w {
				count += k.pods[n]
				present = true
			}
		}
	}
	return count, present
}

func (i simInventory) Verdict(namespace string, q inventory.Query) (inventory.Verdict, bool) {
	if !i.o.synced {
		return inventory.Verdict{}, false
	}
	k := i.o.inventory[namespace]
	if k == nil {
		return inventory.Verdict{}, true
	}
	var v inventory.Verdict
	for n, g := range k.groups {
		if n == 0 || g.Workload != k.groups[n-1].Workload {
			v.Workloads++
		}
		v.Pods += k.pods[n]
		v.Violations = append(v.Violations, violationsOf(g, k.pods[n], q.Level)...)
	}
	for _, d := range k.departed {
		v.Departed = append(v.Departed, departed(d, q.Level, v.Violations)...)
	}
	if i.o.w.sabotage.ignoreViolations {
		v.Violations = nil
	}
	if i.o.w.sabotage.restless {
		v.Pods += i.o.w.IntN(1000)
	}
	if i.o.w.sabotage.forgetDeparted {
		v.Departed = nil
	}
	sortViolations(v.Violations)
	sortViolations(v.Departed)
	v.ViolatingWorkloads = countWorkloads(v.Violations)
	return v, true
}

func violationsOf(g group, pods int, lv psaapi.LevelVersion) []inventory.Violation {
	found := findings(g.profile, lv)
	if len(found) == 0 {
		return nil
	}
	out := make([]inventory.Violation, 0, len(found))
	for _, f := range found {
		v := inventory.Violation{Workload: g.Workload, Source: inventory.SourcePod, Level: f.Level, Check: f.Check, Message: f.Message(), Pods: pods}
		if g.template {
			v.Source = inventory.SourceTemplate
		} else {
			v.Example = (&workload{Workload: g.Workload}).podName(g.profile)
		}
		out = append(out, v)
	}
	return out
}

// departed are the violations of what has gone that nothing present shows too.
func departed(d departure, lv psaapi.LevelVersion, present []inventory.Violation) []inventory.Violation {
	var out []inventory.Violation
	for _, v := range violationsOf(d.group, 0, lv) {
		shows := slices.ContainsFunc(present, func(p inventory.Violation) bool {
			return p.Workload == v.Workload && p.Source == v.Source && p.Check == v.Check && p.Message == v.Message
		})
		if !shows {
			v.LastSeen = d.at
			out = append(out, v)
		}
	}
	return out
}

func sortViolations(vs []inventory.Violation) {
	slices.SortFunc(vs, func(a, b inventory.Violation) int {
		return cmp.Or(cmp.Compare(a.Level, b.Level), cmp.Compare(a.Workload.Kind, b.Workload.Kind), cmp.Compare(a.Workload.Name, b.Workload.Name),
			cmp.Compare(a.Check, b.Check), cmp.Compare(a.Source, b.Source), cmp.Compare(a.Message, b.Message))
	})
}

func countWorkloads(vs []inventory.Violation) (n int) {
	seen := map[inventory.Workload]bool{}
	for _, v := range vs {
		seen[v.Workload] = true
	}
	return len(seen)
}

// simRefusals are the refusals that the operator knows of.
type simRefusals struct{ o *operator }

func (r simRefusals) Rejections(namespace string) []rejections.Rejection {
	return r.o.refused[namespace]
}

// simVersion is the API server's version as the operator last heard it.
type simVersion struct{ o *operator }

// Version implements ServerVersion.
func (v simVersion) Version() psaapi.Version { return v.o.version }

// Ask asks the API server itself.
func (v simVersion) Ask(ctx context.Context) (psaapi.Version, error) {
	return v.o.w.server, v.o.call(ctx, reading)
}
