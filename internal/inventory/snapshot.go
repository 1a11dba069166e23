// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"time"
)

// snapshot is what a verdict needs of a namespace. It is taken under the lock; profiles are evaluated afterwards.
type snapshot struct {
	synced                      bool
	pods, exemptPods, workloads int
	// present and gone are the groups that may violate the level: not those that are exempt, nor those known to comply.
	present, gone []shown
}

// shown is a group as a verdict sees it.
type shown struct {
	profile  *profile
	workload Workload
	source   Source
	pods     int
	example  string
	lastSeen time.Time
	// template is the one that pods were made from, nil when it is not known. hasPods is of a template: whether there are pods of its workload.
	template *profile
	hasPods  bool
	// findings are what the query's level holds against it, once it has been judged.
	findings []finding
}

// snapshot locks for reading, unless it has to look for examples.
func (i *Inventory) snapshot(name string, q Query) snapshot {
	i.mu.RLock()
	if n, known := i.namespaces[name]; !known || !n.unsure {
		defer i.mu.RUnlock()
		return i.lockedSnapshot(name, q)
	}
	i.mu.RUnlock()
	i.mu.Lock()
	defer i.mu.Unlock()
	if n, known := i.namespaces[name]; known {
		n.settle()
	}
	return i.lockedSnapshot(name, q)
}

func (i *Inventory) lockedSnapshot(name string, q Query) snapshot {
	s := snapshot{synced: len(i.unsynced) == 0}
	if n, known := i.namespaces[name]; known && s.synced {
		s.pods, s.workloads = len(n.pods), len(n.workloads)
		s.addCohorts(n, q)
		s.addTemplates(n, q)
		s.addGone(n, q, i.options.Clock.Now().Add(-i.options.DepartedFor))
	}
	return s
}

func (s *snapshot) addCohorts(n *namespace, q Query) {
	for _, owner := range n.controllers {
		for _, c := range owner.cohorts {
			if q.exempt(c.profile) {
				s.exemptPods += c.pods
			}
			if q.concerns(c.profile) {
				s.present = append(s.present, shown{
					profile: c.profile, workload: owner.workload.workload(), source: SourcePod, pods: c.pods, example: c.first,
					template: n.templateOf(owner),
				})
			}
		}
	}
}

func (s *snapshot) addTemplates(n *namespace, q Query) {
	var withPods map[workloadRef]bool
	for g := range n.groups {
		if !g.template || !q.concerns(g.profile) {
			continue
		}
		if withPods == nil {
			withPods = n.workloadsWithPods()
		}
		s.present = append(s.present, shown{
			profile: g.profile, workload: g.workload.workload(), source: SourceTemplate, hasPods: withPods[g.workload],
		})
	}
}

// addGone adds the groups last seen after a time.
func (s *snapshot) addGone(n *namespace, q Query, after time.Time) {
	for g, d := range n.departed.groups {
		if !d.at.After(after) || !q.concerns(g.profile) {
			continue
		}
		source := SourcePod
		if g.template {
			source = SourceTemplate
		}
		s.gone = append(s.gone, shown{profile: g.profile, workload: g.workload.workload(), source: source, example: d.example, lastSeen: d.at})
	}
}

func (q Query) exempt(p *profile) bool {
	return p.runtimeClass != "" && q.ExemptRuntimeClasses.Has(p.runtimeClass)
}

// concerns says whether the profile may violate the query's level.
func (q Query) concerns(p *profile) bool {
	if q.exempt(p) {
		return false
	}
	findings, judged := p.judged(q.Level)
	return !judged || len(findings) > 0
}
