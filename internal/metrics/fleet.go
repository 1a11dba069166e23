// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/summary"
)

// groupConflicted counts the namespaces that belong to an older rollout: they have
// no claim by this one.
const groupConflicted, stateConflicted = "conflicted", v1alpha1.ReasonConflicted

// statePending is the state of a claim that has not been looked at yet.
const statePending = "Pending"

var (
	namespaces = newGauge("namespaces",
		"Namespaces by the group that they are counted in (complete, progressing, blocked, inconclusive, exempt, conflicted) and by state: the reason "+
			"of the condition Progressing, Conflicted where an older rollout has the namespace, Pending before the first look.",
		"rollout", "group", "state")
	namespacesAtLevel = newGauge("namespaces_at_level",
		"Namespaces by mode and the level that is in force for it. Each namespace counts once for each of the three modes.",
		"rollout", "mode", "level")
	rungsHeld = newGauge("rungs_held",
		"Rungs that are not climbed yet, by mode, level and what holds them back: the reason of the condition Progressing.",
		"rollout", "mode", "level", "reason")
	conditionStatus = newGauge("condition",
		"1 when the condition of the PodSecurityRollout is True, otherwise 0.",
		"rollout", "condition")
	lastProgress = newGauge("last_progress_timestamp_seconds",
		"When a namespace of the rollout last climbed a rung or completed, in seconds since 1970.",
		"rollout")
	namespaceState = newGauge("namespace_state",
		"Always 1: the state of one namespace, with the mode and level of its next rung; both are empty where the target is reached.",
		"rollout", "namespace", "group", "state", "mode", "level")
	blockedSince = newGauge("namespace_blocked_since_timestamp_seconds",
		"Since when nothing moves in a namespace that waits for a person, in seconds since 1970. The state may have been another meanwhile. "+
			"There is none for other namespaces.",
		"rollout", "namespace", "state")
	soakRemaining = newGauge("namespace_soak_remaining_seconds",
		"How long the soak of the next rung lasts if nothing restarts it, for namespaces that soak.",
		"rollout", "namespace")
	violatingTotal = newGauge("namespace_violating_workloads",
		"Workloads of a namespace that violate a level on the way to its target.",
		"rollout", "namespace")
	violating = newGauge("violating_workloads",
		"Workloads of a namespace that violate a check, of those that its status lists: 32 violations at most, the worst first.",
		"rollout", "namespace", "check")
	rejected = newGauge("namespace_rejected_workloads",
		"Workloads of a namespace whose pods were refused since the last enforce rung and that have not recovered, 16 at most. "+
			"There is none for namespaces in which no pod is refused.",
		"rollout", "namespace")
	disagreeing = newGauge("namespace_evaluator_disagrees",
		"Always 1, for namespaces in which the operator's own verdict and the API server's dry run differ, by reason.",
		"rollout", "namespace", "reason")
)

// fleetGauges in the order of docs/metrics.md.
var fleetGauges = []*gauge{
	namespaces, namespacesAtLevel, rungsHeld, conditionStatus, lastProgress, namespaceState, blockedSince, soakRemaining,
	violatingTotal, violating, rejected, disagreeing,
}

// Fleet collects what the objects in the cluster say.
type Fleet struct {
	Reader client.Reader
	Clock  clock.PassiveClock
}

// Describe implements prometheus.Collector.
func (f *Fleet) Describe(ch chan<- *prometheus.Desc) { describe(ch, fleetGauges) }

// Collect implements prometheus.Collector. A scrape fails when the objects cannot
// be listed: no series would read as no namespaces.
func (f *Fleet) Collect(ch chan<- prometheus.Metric) {
	var claims v1alpha1.NamespaceRolloutList
	var rollouts v1alpha1.PodSecurityRolloutList
	for _, list := range []client.ObjectList{&claims, &rollouts} {
		if err := f.Reader.List(context.Background(), list, client.UnsafeDisableDeepCopy); err != nil {
			ch <- prometheus.NewInvalidMetric(namespaces.desc, err)
			return
		}
	}
	send(ch, fleetSamples(claims.Items, rollouts.Items, f.Clock.Now()))
}

func describe(ch chan<- *prometheus.Desc, gauges []*gauge) {
	for _, g := range gauges {
		ch <- g.desc
	}
}

// fleetSamples translates statuses. It changes nothing of what it is given.
func fleetSamples(claims []v1alpha1.NamespaceRollout, rollouts []v1alpha1.PodSecurityRollout, now time.Time) []sample {
	var out []sample
	counts, levels, held := tally{}, tally{}, tally{}
	for i := range rollouts {
		rollout := &rollouts[i]
		out = append(out, rolloutSamples(rollout)...)
		if n := rollout.Status.Namespaces; n != nil && n.Conflicted > 0 {
			counts.add(float64(n.Conflicted), rollout.Name, groupConflicted, stateConflicted)
		}
	}
	for i := range claims {
		c := look(&claims[i])
		counts.add(1, c.rollout, c.group, c.state)
		for mode, level := range c.levels() {
			levels.add(1, c.rollout, mode, level)
		}
		if c.held() {
			held.add(1, c.rollout, c.mode, c.level, c.state)
		}
		out = append(out, c.samples(now)...)
	}
	out = append(out, counts.samples(namespaces)...)
	out = append(out, levels.samples(namespacesAtLevel)...)
	return append(out, held.samples(rungsHeld)...)
}

func rolloutSamples(r *v1alpha1.PodSecurityRollout) []sample {
	var out []sample
	for _, c := range r.Status.Conditions {
		value := 0.0
		if c.Status == metav1.ConditionTrue {
			value = 1
		}
		out = append(out, conditionStatus.of(value, r.Name, c.Type))
	}
	if at := r.Status.LastProgressTime; at != nil {
		out = append(out, lastProgress.of(float64(at.Unix()), r.Name))
	}
	return out
}

// claim is what is told of one namespace.
type claim struct {
	status                    *v1alpha1.NamespaceRolloutStatus
	rollout, namespace        string
	group, state, mode, level string
}

func look(from *v1alpha1.NamespaceRollout) claim {
	c := claim{status: &from.Status, namespace: from.Namespace, group: summary.Group(from.Status)}
	if owner := metav1.GetControllerOfNoCopy(from); owner != nil {
		c.rollout = owner.Name
	}
	if c.state, _ = summary.State(from.Status); c.state == "" {
		c.state = statePending
	}
	if next := from.Status.Next; next != nil {
		c.mode, c.level = string(next.Mode), levelOf(next.To)
	}
	return c
}

// held is whether there is a rung that something holds back.
func (c claim) held() bool {
	return c.status.Next != nil && c.state != v1alpha1.ReasonClimbing && c.state != statePending
}

func (c claim) levels() map[string]string {
	current := c.status.Current
	if current == nil {
		return nil
	}
	out := map[string]string{}
	for mode, lv := range map[v1alpha1.Mode]v1alpha1.LevelVersion{
		v1alpha1.ModeEnforce: current.Enforce, v1alpha1.ModeWarn: current.Warn, v1alpha1.ModeAudit: current.Audit,
	} {
		out[string(mode)] = levelOf(lv)
	}
	return out
}

func (c claim) samples(now time.Time) []sample {
	out := []sample{
		namespaceState.of(1, c.rollout, c.namespace, c.group, c.state, c.mode, c.level),
		violatingTotal.of(float64(c.status.ViolatingWorkloads), c.rollout, c.namespace),
	}
	if progressing := meta.FindStatusCondition(c.status.Conditions, v1alpha1.ConditionProgressing); progressing != nil && summary.Blocked(*c.status) {
		out = append(out, blockedSince.of(float64(progressing.LastTransitionTime.Unix()), c.rollout, c.namespace, c.state))
	}
	if until := c.status.SoakUntil; until != nil {
		out = append(out, soakRemaining.of(max(0, until.Sub(now).Seconds()), c.rollout, c.namespace))
	}
	if meta.IsStatusConditionTrue(c.status.Conditions, v1alpha1.ConditionRejecting) {
		out = append(out, rejected.of(float64(len(c.status.Rejections)), c.rollout, c.namespace))
	}
	if d := meta.FindStatusCondition(c.status.Conditions, v1alpha1.ConditionEvaluatorDisagrees); d != nil && d.Status == metav1.ConditionTrue {
		out = append(out, disagreeing.of(1, c.rollout, c.namespace, d.Reason))
	}
	return append(out, c.violations()...)
}

// violations counts workloads by check. A workload may violate a check in its pods
// and in its template.
func (c claim) violations() []sample {
	type violator struct {
		check    string
		workload v1alpha1.WorkloadReference
	}
	seen, by := map[violator]bool{}, tally{}
	for _, v := range c.status.Violations {
		who := violator{v.Check, v.Workload}
		if v.LastSeen != nil || seen[who] {
			continue
		}
		seen[who] = true
		by.add(1, c.rollout, c.namespace, v.Check)
	}
	return by.samples(violating)
}
