// SPDX-License-Identifier: Apache-2.0

package status

import (
	"cmp"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/cli/cluster"
	"github.com/podsecurity-rollout/operator/internal/cli/output"
	"github.com/podsecurity-rollout/operator/internal/summary"
)

// Fleet is how far the rollouts are: the document that -o json and yaml write.
type Fleet struct {
	output.Header
	Rollouts []Rollout `json:"rollouts"`
}

// Rollout is how far one is.
type Rollout struct {
	Name      string `json:"name"`
	Observes  bool   `json:"observes,omitempty"`
	Suspended bool   `json:"suspended,omitempty"`
	// State and Message are those of its condition Progressing; Stalled is the message of that condition when it is true.
	State      string                   `json:"state"`
	Message    string                   `json:"message,omitempty"`
	Stalled    string                   `json:"stalled,omitempty"`
	Namespaces v1alpha1.NamespaceCounts `json:"namespaces"`
	Waves      []v1alpha1.WaveStatus    `json:"waves,omitempty"`
	// States counts the namespaces by what they are at, most first.
	States []StateCount `json:"states,omitempty"`
	// Held are the namespaces that wait for a person, by name.
	Held          []Held                  `json:"held,omitempty"`
	TopViolations []v1alpha1.TopViolation `json:"topViolations,omitempty"`
}

// StateCount counts the namespaces of one state.
type StateCount struct {
	State      string `json:"state"`
	Namespaces int    `json:"namespaces"`
}

// Held is a namespace that waits for a person.
type Held struct {
	Namespace string `json:"namespace"`
	Wave      string `json:"wave,omitempty"`
	Next      string `json:"next,omitempty"`
	Reason    string `json:"reason"`
	Message   string `json:"message,omitempty"`
}

// fleetOf sums up rollouts and the namespaces under them, both in any order.
func fleetOf(rollouts []v1alpha1.PodSecurityRollout, claims []v1alpha1.NamespaceRollout) Fleet {
	by := map[string][]*v1alpha1.NamespaceRollout{}
	for i := range claims {
		owner := cluster.OwnerOf(&claims[i])
		by[owner] = append(by[owner], &claims[i])
	}
	fleet := Fleet{Header: output.NewHeader("FleetStatus"), Rollouts: []Rollout{}}
	for i := range rollouts {
		fleet.Rollouts = append(fleet.Rollouts, rolloutOf(&rollouts[i], by[rollouts[i].Name]))
	}
	slices.SortFunc(fleet.Rollouts, func(a, b Rollout) int { return cmp.Compare(a.Name, b.Name) })
	return fleet
}

func rolloutOf(r *v1alpha1.PodSecurityRollout, claims []*v1alpha1.NamespaceRollout) Rollout {
	out := Rollout{
		Name: r.Name, Observes: r.Spec.Mode == v1alpha1.RolloutModeObserve, Suspended: ptr.Deref(r.Spec.Suspend, false),
		Namespaces: ptr.Deref(r.Status.Namespaces, v1alpha1.NamespaceCounts{}), Waves: r.Status.Waves, TopViolations: r.Status.TopViolations,
	}
	if c := meta.FindStatusCondition(r.Status.Conditions, v1alpha1.ConditionProgressing); c != nil {
		out.State, out.Message = c.Reason, c.Message
	}
	if c := meta.FindStatusCondition(r.Status.Conditions, v1alpha1.ConditionStalled); c != nil && c.Status == metav1.ConditionTrue {
		out.Stalled = c.Message
	}
	states := map[string]int{}
	for _, claim := range claims {
		state, message := summary.State(claim.Status)
		if state == "" {
			continue
		}
		states[state]++
		if summary.Blocked(claim.Status) {
			held := Held{Namespace: claim.Namespace, Reason: state, Message: message}
			if claim.Status.Next != nil {
				held.Next = claim.Status.Next.Rung
			}
			if claim.Status.Fleet != nil {
				held.Wave = claim.Status.Fleet.Wave
			}
			out.Held = append(out.Held, held)
		}
	}
	slices.SortFunc(out.Held, func(a, b Held) int { return cmp.Compare(a.Namespace, b.Namespace) })
	for state, n := range states {
		out.States = append(out.States, StateCount{State: state, Namespaces: n})
	}
	slices.SortFunc(out.States, func(a, b StateCount) int {
		return cmp.Or(-cmp.Compare(a.Namespaces, b.Namespaces), cmp.Compare(a.State, b.State))
	})
	return out
}
