// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"cmp"
	"unique"
)

// Workload is what owns subjects in a namespace: the topmost controller, or the subject itself when it has none. A controller of a kind that is not
// watched is named as the owner reference names it.
type Workload struct {
	APIVersion, Kind, Name string
}

// compareWorkloads orders by kind, then name, then API version.
func compareWorkloads(a, b Workload) int {
	if c := cmp.Compare(a.Kind, b.Kind); c != 0 {
		return c
	}
	if c := cmp.Compare(a.Name, b.Name); c != 0 {
		return c
	}
	return cmp.Compare(a.APIVersion, b.APIVersion)
}

// workloadRef is a Workload as it is kept: names of kinds are held once however many workloads have them, and freed with the last. The zero ref is none.
type workloadRef struct {
	kind unique.Handle[workloadKind]
	name string
}

// workloadKind is what workloads of one kind have in common.
type workloadKind struct {
	apiVersion, kind string
}

func (w Workload) ref() workloadRef {
	return workloadRef{kind: unique.Make(workloadKind{apiVersion: w.APIVersion, kind: w.Kind}), name: w.Name}
}

// workload writes the ref out. It is not called on the zero ref.
func (r workloadRef) workload() Workload {
	kind := r.kind.Value()
	return Workload{APIVersion: kind.apiVersion, Kind: kind.kind, Name: r.name}
}
