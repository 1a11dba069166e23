// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

// Rollout is a PodSecurityRollout made ready for matching.
type Rollout struct {
	Name    string
	UID     types.UID
	Created time.Time

	Strategy Strategy

	excluded sets.Set[string]
	targets  []matcher
}

// matcher is a named selector: a target's or a wave's.
type matcher struct {
	name     string
	selector labels.Selector
}

// Namespace is what of a namespace matching depends on.
type Namespace struct {
	Name   string
	Labels map[string]string
}

// Compile makes a rollout ready. It errs on a selector, schedule or count that is
// none, naming the field; the API server refuses most of those before they get
// here. What is answered beside an error matches nothing.
func Compile(r *v1alpha1.PodSecurityRollout) (Rollout, error) {
	out := Rollout{
		Name: r.Name, UID: r.UID, Created: r.CreationTimestamp.Time,
		excluded: sets.New(r.Spec.ExcludedNamespaces...),
	}
	for _, t := range r.Spec.Targets {
		m, err := compile(t.Name, t.NamespaceSelector)
		if err != nil {
			return Rollout{}, fmt.Errorf("spec.targets: target %q: %w", t.Name, err)
		}
		out.targets = append(out.targets, m)
	}
	var err error
	if out.Strategy, err = CompileStrategy(r.Spec.Strategy); err != nil {
		return Rollout{}, err
	}
	return out, nil
}

func compile(name string, s *v1alpha1.NamespaceSelector) (matcher, error) {
	selector, err := metav1.LabelSelectorAsSelector(s.LabelSelector())
	if err != nil {
		return matcher{}, fmt.Errorf("namespaceSelector: %w", err)
	}
	return matcher{name: name, selector: selector}, nil
}

// Target answers the index of the first target that selects the namespace, and
// false when none does or the namespace is excluded.
func (r Rollout) Target(ns Namespace) (int, bool) {
	if r.excluded.Has(ns.Name) {
		return 0, false
	}
	i := slices.IndexFunc(r.targets, func(m matcher) bool { return m.selector.Matches(labels.Set(ns.Labels)) })
	return i, i >= 0
}

// Claimant answers the rollout that a namespace belongs to: of those that
// select it the oldest, then the first by name.
func Claimant(rollouts []Rollout, ns Namespace) (Rollout, bool) {
	var best Rollout
	found := false
	for _, r := range rollouts {
		if _, ok := r.Target(ns); ok && (!found || before(r, best) < 0) {
			best, found = r, true
		}
	}
	return best, found
}

func before(a, b Rollout) int {
	return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.Name, b.Name))
}

// Assignment is what of all namespaces concerns one rollout.
type Assignment struct {
	// Targets are the namespaces that belong to the rollout, with the index of
	// the target.
	Targets map[string]int
	// Conflicts are the namespaces that it selects and that belong to an older
	// rollout, with that one's name.
	Conflicts map[string]string
}

// Assign answers which namespaces belong to self, given all rollouts.
func Assign(self Rollout, all []Rollout, namespaces []Namespace) Assignment {
	out := Assignment{Targets: map[string]int{}, Conflicts: map[string]string{}}
	for _, ns := range namespaces {
		target, selects := self.Target(ns)
		if !selects {
			continue
		}
		owner, _ := Claimant(all, ns)
		if owner.UID == self.UID {
			out.Targets[ns.Name] = target
		} else {
			out.Conflicts[ns.Name] = owner.Name
		}
	}
	return out
}
