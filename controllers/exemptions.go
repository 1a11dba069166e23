// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/podsecurity-rollout/operator/internal/isolation"
)

// RuntimeClasses answers the cluster's RuntimeClasses.
type RuntimeClasses interface {
	// Classes answers the handler of each class, by name.
	Classes() map[string]string
	// Synced is false until all of them are known.
	Synced() bool
}

// exemptClasses answers the runtime classes whose pods are not judged: those that
// the API server exempts, without the unsafe ones when isolation is required. It
// answers false until that is known.
func (r *NamespaceRolloutReconciler) exemptClasses() (sets.Set[string], bool) {
	exempt := r.Config().ExemptRuntimeClasses
	if !r.RequireIsolatedExemptions || exempt.Len() == 0 {
		return exempt, true
	}
	if !r.RuntimeClasses.Synced() {
		return nil, false
	}
	return isolation.Safe(isolation.Judge(exempt, r.RuntimeClasses.Classes(), &r.RuntimeHandlers)), true
}

// synced is whether all that verdicts are made of has been seen.
func (r *NamespaceRolloutReconciler) synced() bool {
	_, known := r.exemptClasses()
	return known && r.Inventory.Synced()
}
