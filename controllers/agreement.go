// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"sync"
	"time"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/gate"
	"github.com/podsecurity-rollout/operator/internal/metrics"
	"github.com/podsecurity-rollout/operator/internal/summary"
)

// compareAgain is how long the API server is not asked again about violations that
// have not changed.
const compareAgain = 10 * time.Minute

// comparisons remembers what the API server was last asked about, by namespace, so
// that violations which stay are not compared at every look. What is forgotten with
// the operator is asked once more. The zero value is ready.
type comparisons struct {
	lock sync.Mutex
	made map[string]comparison
}

type comparison struct {
	rung     string
	evidence gate.Evidence
	at       time.Time
}

// due is whether the API server is to be asked about a namespace that is held by
// violations, to learn whether it sees them too.
func (c *comparisons) due(namespace string, in gate.Input) bool {
	if in.Evidence.Pods == 0 {
		return false // the API server does not look at templates
	}
	c.lock.Lock()
	defer c.lock.Unlock()
	last, known := c.made[namespace]
	return !known || last.rung != in.Rung.String() || last.evidence != in.Evidence || in.Now.Sub(last.at) >= compareAgain
}

// note has a comparison count as made.
func (c *comparisons) note(namespace string, in gate.Input) {
	c.lock.Lock()
	defer c.lock.Unlock()
	if c.made == nil {
		c.made = map[string]comparison{}
	}
	c.made[namespace] = comparison{rung: in.Rung.String(), evidence: in.Evidence, at: in.Now}
}

func (c *comparisons) forget(namespace string) {
	c.lock.Lock()
	defer c.lock.Unlock()
	delete(c.made, namespace)
}

// dryRun asks the API server about the rung. That it did not answer is an answer.
func (r *NamespaceRolloutReconciler) dryRun(ctx context.Context, s *snapshot, in gate.Input) *gate.DryRun {
	answer, err := r.Labels.DryRun(ctx, s.namespace, in.Rung.To)
	if err != nil {
		answer.Inconclusive = err.Error()
	}
	return &answer
}

// compare asks the API server, where that is due, whether it sees the violations
// that hold the rung, and notes whether both say the same.
func (r *NamespaceRolloutReconciler) compare(ctx context.Context, s *snapshot, question gate.Input, in *summary.NamespaceInput) {
	if question.DryRun == nil && in.Decision.Reason == v1alpha1.ReasonViolations && r.comparisons.due(s.namespace.Name, question) {
		question.DryRun = r.dryRun(ctx, s, question)
	}
	agreement, told := gate.Agree(question)
	if !told {
		return
	}
	r.comparisons.note(s.namespace.Name, question)
	in.Agreement = &agreement
	if agreement.Disagrees {
		metrics.Disagreed(agreement.Reason)
	}
}
