// SPDX-License-Identifier: Apache-2.0

package reportgate

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/podsecurity-rollout/operator/internal/reports"
)

// Kind is a kind of reports.
type Kind struct {
	schema.GroupVersionKind
	// Resource is its plural.
	Resource string
}

// Kinds are those that are read.
var Kinds = []Kind{
	{reports.Kind, "reports"},
	{schema.GroupVersionKind{Group: "wgpolicyk8s.io", Version: "v1alpha2", Kind: "PolicyReport"}, "policyreports"},
}

// GVR answers what clients ask for.
func (k Kind) GVR() schema.GroupVersionResource { return k.GroupVersion().WithResource(k.Resource) }

// Definition answers the name of the kind's CustomResourceDefinition, which also
// names the resource to people.
func (k Kind) Definition() string { return k.Resource + "." + k.Group }

// Access is how far reports of a kind can be read.
type Access int

const (
	// Unknown is before anything is known.
	Unknown Access = iota
	// NotServed is when the API server does not serve the kind: there are no reports of it.
	NotServed
	// Forbidden is when whoever reads has no right to list them.
	Forbidden
	// Listed is when all of them are known.
	Listed
)

// Unread answers why it cannot be told what the reports say, and what to do, empty
// when it can: every kind that is served is listed, and one is. reader is who
// reads them, such as "the operator".
func Unread(reader string, access map[Kind]Access) string {
	by := map[Access][]string{}
	for _, k := range Kinds {
		by[access[k]] = append(by[access[k]], k.Definition())
	}
	switch {
	case len(by[Forbidden]) > 0:
		return fmt.Sprintf("%s may not list and watch %s: give it the right to (docs/reports.md)", reader, strings.Join(by[Forbidden], " and "))
	case len(by[Unknown]) > 0:
		return fmt.Sprintf("%s has not listed %s yet", reader, strings.Join(by[Unknown], " and "))
	case len(by[Listed]) == 0:
		return fmt.Sprintf("the API server serves neither %s: install the CustomResourceDefinition of those that the tools write, "+
			"or remove spec.strategy.enforce.reports", strings.Join(by[NotServed], " nor "))
	}
	return ""
}
