// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"fmt"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	psaapi "k8s.io/pod-security-admission/api"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/forecast"
	"github.com/podsecurity-rollout/operator/internal/inventory"
	"github.com/podsecurity-rollout/operator/internal/isolation"
	"github.com/podsecurity-rollout/operator/internal/standards"
	"github.com/podsecurity-rollout/operator/internal/summary"
)

// Insight answers what is told of a namespace and decides nothing.
type Insight interface {
	// Owner answers who owns a workload, UID the workload's UID, both "" when they
	// do not know.
	Owner(namespace string, w inventory.Workload) string
	UID(namespace string, w inventory.Workload) types.UID
	RuntimeClasses(namespace string) (uses []inventory.RuntimeClassUse, synced bool)
	LetThrough(namespace string, q inventory.Query) (through inventory.LetThrough, synced bool)
}

// addInsight adds the runtime classes in use and the forecast. While the evidence
// is not complete, what was told before stays.
func (r *NamespaceRolloutReconciler) addInsight(s *snapshot, in *summary.NamespaceInput) {
	in.RuntimeClasses, in.Forecast = s.claim.Status.RuntimeClasses, s.claim.Status.Forecast
	if r.Insight == nil || !s.accepted.OK || !r.synced() {
		return
	}
	uses, synced := r.Insight.RuntimeClasses(s.namespace.Name)
	if !synced {
		return
	}
	in.RuntimeClasses = r.classesInUse(s, in.Target.Enforce, uses)
	in.Forecast = summary.Forecast(r.foresee(s.namespace.Name, forecastFrom(*in, s.server)))
}

// classesInUse says of each runtime class in use what stands behind it.
func (r *NamespaceRolloutReconciler) classesInUse(
	s *snapshot, target psaapi.LevelVersion, uses []inventory.RuntimeClassUse,
) []v1alpha1.RuntimeClassUse {
	handlers := r.RuntimeClasses.Classes()
	unsafe := map[string]bool{}
	for _, e := range isolation.Judge(s.config.ExemptRuntimeClasses, handlers, &r.RuntimeHandlers) {
		unsafe[e.Class] = e.Unsafe
	}
	var out []v1alpha1.RuntimeClassUse
	for _, use := range uses {
		entry := v1alpha1.RuntimeClassUse{Name: use.Name, Isolation: v1alpha1.IsolationUnknown, Pods: int32(use.Pods), Templates: int32(use.Templates)}
		if handler, exists := handlers[use.Name]; exists {
			entry.Handler, entry.Isolation = handler, v1alpha1.Isolation(r.RuntimeHandlers.Kind(handler))
		}
		if s.config.ExemptRuntimeClasses.Has(use.Name) {
			entry.Exemption = v1alpha1.ExemptionIsolated
			if unsafe[use.Name] {
				entry.Exemption = v1alpha1.ExemptionUnsafe
			}
			entry.LetThrough = r.letThrough(s, target, use.Name)
		}
		out = append(out, entry)
	}
	return out
}

// letThrough counts the pods of an exempt class that violate the level to enforce.
func (r *NamespaceRolloutReconciler) letThrough(s *snapshot, target psaapi.LevelVersion, class string) int32 {
	through, _ := r.Insight.LetThrough(s.namespace.Name, inventory.Query{
		Level: standards.Effective(target, s.server), ExemptRuntimeClasses: sets.New(class),
	})
	return int32(through.Pods)
}

// forecastFrom answers where a forecast starts: at the level in force and its
// version; where nothing is enforced, at the version that is to be.
func forecastFrom(in summary.NamespaceInput, server psaapi.Version) psaapi.LevelVersion {
	from := in.Current.Enforce
	if from.Level == psaapi.LevelPrivileged {
		from.Version = in.Target.Enforce.Version
	}
	return standards.Effective(from, server)
}

// foresee asks the inventory about newer versions and the next level.
func (r *NamespaceRolloutReconciler) foresee(namespace string, from psaapi.LevelVersion) forecast.Forecast {
	exempt, _ := r.exemptClasses()
	return forecast.Make(forecast.Input{
		Evaluator: r.Evaluator, InForce: from, Newest: standards.NewestVersion(),
		Verdict: func(lv psaapi.LevelVersion) []forecast.Violation {
			verdict, _ := r.Inventory.Verdict(namespace, inventory.Query{Level: lv, ExemptRuntimeClasses: exempt})
			out := make([]forecast.Violation, 0, len(verdict.Violations))
			for _, v := range verdict.Violations {
				out = append(out, forecast.Violation{Workload: v.Workload.Kind + " " + v.Workload.Name, Check: v.Check, Message: v.Message})
			}
			return out
		},
	})
}

// apart says how pods and template of a workload differ in a violation.
func apart(v inventory.Violation) string {
	switch {
	case !v.Apart:
		return ""
	case v.Source == inventory.SourceTemplate:
		return "Only the template shows it, no pod does yet: the next restart makes a pod that violates, and that is refused once the level is enforced"
	case v.Differs == "":
		return "Only pods show it, their template complies: something changes the pods as they are created"
	default:
		return fmt.Sprintf("Only pods show it, their template complies: something adds to the pods, or changes, container %s", v.Differs)
	}
}

// owner answers who owns a workload, or else its namespace.
func (r *NamespaceRolloutReconciler) owner(s *snapshot, w inventory.Workload) string {
	if r.Insight == nil {
		return ""
	}
	return cmp.Or(r.Insight.Owner(s.namespace.Name, w), inventory.OwnerOf(s.namespace, r.OwnerLabels))
}
