// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	applycorev1 "k8s.io/client-go/applyconfigurations/core/v1"
	psaapi "k8s.io/pod-security-admission/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/nslabels"
	"github.com/podsecurity-rollout/operator/test/e2e/await"
	"github.com/podsecurity-rollout/operator/test/e2e/witness"
)

// gitops is the field manager that Argo CD applies by.
const gitops = "argocd-controller"

// fightFor is how long a GitOps tool fights for its labels.
func fightFor() time.Duration {
	if testing.Short() {
		return 20 * time.Second
	}
	return 60 * time.Second
}

// TestFight has a GitOps tool apply namespaces with labels of its own again every
// second, each time another version of them: the operator says whose they are and
// holds still, whoever came first. All are fought for at the same time.
func TestFight(t *testing.T) {
	t.Parallel()
	runOperator(t)
	theirs := map[string]string{psaapi.EnforceLevelLabel: "privileged", psaapi.AuditLevelLabel: "privileged"}
	ours := []string{"audit=baseline", "warn=baseline", "enforce=baseline"}
	var fights []*fight
	for name, tc := range map[string]struct {
		conflicts v1alpha1.LabelConflictPolicy
		// first is what the operator has climbed before the tool comes.
		first []string
		// atMost is how often the operator writes once it has come: each of the three
		// rungs once, before it knows that they are fought for.
		atMost int
	}{
		"the labels are the tool's":             {},
		"the tool comes upon ours":              {first: ours},
		"the rollout takes labels over":         {conflicts: v1alpha1.LabelConflictTakeOver, atMost: 3},
		"the rollout takes its own labels back": {conflicts: v1alpha1.LabelConflictTakeOver, first: ours},
	} {
		s := newScene(t)
		f := &fight{tool: &tool{scene: s, namespace: s.namespace(), labels: theirs}, about: name, atMost: len(tc.first) + tc.atMost}
		if tc.first == nil {
			f.apply()
		}
		f.rollout = s.rollout(levels{enforce: v1alpha1.LevelBaseline}, func(spec *v1alpha1.PodSecurityRolloutSpec) { spec.LabelConflicts = tc.conflicts }).Name
		if tc.first != nil {
			s.awaitState(f.namespace, v1alpha1.ReasonComplete)
			s.wantWrites(f.namespace, tc.first...)
			f.apply()
		}
		fights = append(fights, f)
	}
	each := func(ask func(*fight) error) func() error {
		return func() error {
			for _, f := range fights {
				if err := ask(f); err != nil {
					return fmt.Errorf("%s: %w", f.about, err)
				}
			}
			return nil
		}
	}
	await.Until(t, soon, each((*fight).yields))
	for _, f := range fights {
		f.said = f.saidOf()
	}
	await.Throughout(t, fightFor(), each((*fight).holdsStill))
	for _, f := range fights {
		f.wantTheirs()
	}
}

// TestToolThatRespectsOurLabels has one apply the namespace as Argo CD does with
// RespectIgnoreDifferences: with the values that our field manager has set, in
// the place of its own. The rollout that takes labels over climbs to its target.
func TestToolThatRespectsOurLabels(t *testing.T) {
	t.Parallel()
	runOperator(t)
	s := newScene(t)
	ns := s.namespace()
	tool := &tool{scene: s, namespace: ns, labels: map[string]string{psaapi.EnforceLevelLabel: "privileged", psaapi.AuditLevelLabel: "privileged"}}
	tool.apply()
	s.rollout(levels{enforce: v1alpha1.LevelRestricted}, func(spec *v1alpha1.PodSecurityRolloutSpec) { spec.LabelConflicts = v1alpha1.LabelConflictTakeOver })
	await.Until(t, soon, func() error {
		if err := tool.applyRespecting(); err != nil {
			return err
		}
		return s.wrote(ns, wholeLadder...)
	})
	await.Throughout(t, quiet, func() error {
		if err := tool.applyRespecting(); err != nil {
			return err
		}
		return s.wrote(ns, wholeLadder...)
	})
	s.awaitState(ns, v1alpha1.ReasonComplete)
}

// tool is a GitOps tool that applies a namespace server-side, by force, as Argo
// CD and Flux do.
type tool struct {
	*scene
	namespace string
	labels    map[string]string
	revision  int
	next      time.Time
}

// apply applies the namespace as of another revision of Git.
func (g *tool) apply() {
	g.Helper()
	g.revision++
	g.next = time.Now().Add(time.Second)
	ns := applycorev1.Namespace(g.namespace).WithLabels(g.labels).WithLabels(map[string]string{sceneLabel: g.name}).
		WithAnnotations(map[string]string{"example.com/revision": fmt.Sprint(g.revision)})
	if err := g.Apply(g.Context(), ns, client.FieldOwner(gitops), client.ForceOwnership); err != nil {
		g.Fatalf("applying namespace %s: %v", g.namespace, err)
	}
}

// applyRespecting applies it as it was just read, with the labels that the
// operator owns as they are: a version that has changed meanwhile is left for the
// next time.
func (g *tool) applyRespecting() error {
	g.Helper()
	live := &corev1.Namespace{}
	if err := g.Get(g.Context(), client.ObjectKey{Name: g.namespace}, live); err != nil {
		return err
	}
	ours, err := nslabels.Ours(live)
	if err != nil {
		return err
	}
	labels := maps.Clone(g.labels)
	for mode, key := range map[v1alpha1.Mode]string{v1alpha1.ModeEnforce: psaapi.EnforceLevelLabel, v1alpha1.ModeAudit: psaapi.AuditLevelLabel} {
		if slices.Contains(ours, mode) {
			labels[key] = live.Labels[key]
		}
	}
	g.revision++
	ns := applycorev1.Namespace(g.namespace).WithResourceVersion(live.ResourceVersion).WithLabels(labels).WithLabels(map[string]string{sceneLabel: g.name}).
		WithAnnotations(map[string]string{"example.com/revision": fmt.Sprint(g.revision)})
	err = g.Apply(g.Context(), ns, client.FieldOwner(gitops), client.ForceOwnership)
	if apierrors.IsConflict(err) {
		return nil
	}
	return err
}

// fight is a namespace that a tool fights for.
type fight struct {
	*tool
	about, rollout string
	// atMost is how often the operator may write its labels, and said how often it
	// had written its status when it yielded.
	atMost, said int
}

// holdsStill is whether the operator has written nothing more since it yielded,
// neither labels nor what it says of them, while the tool goes on.
func (f *fight) holdsStill() error {
	if err := f.yields(); err != nil {
		return err
	}
	if now := f.saidOf(); now != f.said {
		return fmt.Errorf("the operator has written the status %d times since it yielded", now-f.said)
	}
	return f.wroteAtMost(f.atMost)
}

// wantTheirs fails the test when the labels are not as the tool has them, or it
// has hardly fought for them.
func (f *fight) wantTheirs() {
	f.Helper()
	ns := &corev1.Namespace{}
	if err := f.Get(f.Context(), client.ObjectKey{Name: f.namespace}, ns); err != nil {
		f.Fatal(err)
	}
	for key, value := range f.labels {
		if ns.Labels[key] != value {
			f.Errorf("%s: %s=%s, want %s as the tool has it", f.about, key, ns.Labels[key], value)
		}
	}
	if least := int(fightFor() / (2 * time.Second)); f.revision < least {
		f.Errorf("%s: the tool has applied %d revisions only, want at least %d for a fight", f.about, f.revision, least)
	}
}

// yields has the tool apply again, when it is time, and is whether both kinds say
// that it owns the labels.
func (f *fight) yields() error {
	if !time.Now().Before(f.next) {
		f.apply()
	}
	claim := &v1alpha1.NamespaceRollout{}
	if err := f.Get(f.Context(), claimKey(f.namespace), claim); err != nil {
		return err
	}
	if err := hasCondition(claim.Status.Conditions, v1alpha1.ConditionProgressing, "False", v1alpha1.ReasonLabelConflict, gitops, "=privileged"); err != nil {
		return err
	}
	of := &v1alpha1.PodSecurityRollout{}
	if err := f.Get(f.Context(), client.ObjectKey{Name: f.rollout}, of); err != nil {
		return err
	}
	return hasCondition(of.Status.Conditions, v1alpha1.ConditionBlocked, "True", v1alpha1.ReasonBlocked, f.namespace+" (LabelConflict)")
}

// saidOf counts the operator's writes of the namespace's status.
func (f *fight) saidOf() int {
	f.Helper()
	requests, err := f.Requests(func(r witness.Request) bool {
		return r.User == operatorUser && r.Namespace == f.namespace && r.Resource == "namespacerollouts" && r.Writes()
	})
	if err != nil {
		f.Fatal(err)
	}
	return len(requests)
}

// wroteAtMost is whether the operator has written labels no more often.
func (f *fight) wroteAtMost(times int) error {
	requests, err := f.Requests(func(r witness.Request) bool {
		return r.User == operatorUser && r.Resource == "namespaces" && r.Name == f.namespace && r.Writes() && r.Succeeded()
	})
	if err == nil && len(requests) > times {
		err = fmt.Errorf("the operator has written labels %d times, want at most %d: %v", len(requests), times, requests)
	}
	return err
}
