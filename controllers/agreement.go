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

// comparisons remembers what came of asking the API server, by namespace, so that
// violations which stay are not compared at every look. What is forgotten with the
// operator is asked once more. The zero value is ready.
type comparisons struct {
	lock sync.Mutex
	made map[string]comparison
}

type comparison struct {
	rung      string
	evidence  gate.Evidence
	at        time.Time
	agreement gate.Agreement
}

// known answers what came of the comparison, if the same was compared lately.
func (c *comparisons) known(namespace string, in gate.Input) (gate.Agreement, bool) {
	c.lock.Lock()
	defer c.lock.Unlock()
	last, made := c.made[namespace]
	same := made && last.rung == in.Rung.String() && last.evidence == in.Evidence && in.Now.Sub(last.at) < compareAgain
	return last.agreement, same
}

func (c *comparisons) note(namespace string, in gate.Input, came gate.Agreement) {
	c.lock.Lock()
	defer c.lock.Unlock()
	if c.made == nil {
		c.made = map[string]comparison{}
	}
	c.made[namespace] = comparison{rung: in.Rung.String(), evidence: in.Evidence, at: in.Now, agreement: came}
}

func (c *comparisons) forget(namespace string) {
	c.lock.Lock()
	defer c.lock.Unlock()
	delete(c.made, namespace)
}

// dryRun asks the API server about the rung. That it did not answer is an answer,
// and the error is why.
func (r *NamespaceRolloutReconciler) dryRun(ctx context.Context, s *snapshot, in gate.Input) (*gate.DryRun, error) {
	answer, err := r.Labels.DryRun(ctx, s.namespace, in.Rung.To)
	if err != nil {
		answer.Inconclusive = err.Error()
	}
	return &answer, err
}

// compare notes whether the operator and the API server say the same of the rung.
// Where pods that violate hold it, the API server is asked whether it sees them too;
// it does not look at templates.
func (r *NamespaceRolloutReconciler) compare(ctx context.Context, s *snapshot, question gate.Input, in *summary.NamespaceInput) {
	held := in.Decision.Reason == v1alpha1.ReasonViolations && question.Evidence.Pods > 0 && question.ServerJudges()
	if held {
		if came, known := r.comparisons.known(s.namespace.Name, question); known {
			in.Agreement = &came
			return
		}
		question.DryRun, _ = r.dryRun(ctx, s, question) // an error is inconclusive
	}
	came, told := gate.Agree(question)
	switch {
	case told:
		r.comparisons.note(s.namespace.Name, question, came)
		in.Agreement = &came
	case held:
		in.Decision.RequeueAfter = compareAgain
	}
	if came.Disagrees {
		metrics.Disagreed(came.Reason)
	}
}
