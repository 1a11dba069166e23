// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	psaapi "k8s.io/pod-security-admission/api"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/gate"
	"github.com/podsecurity-rollout/operator/internal/ladder"
	"github.com/podsecurity-rollout/operator/internal/summary"
)

// says is an API server that answers every dry run so, and is asked to write
// nothing.
type says struct {
	Labels
	answer gate.DryRun
	err    error
	asked  []string
}

func (s *says) DryRun(_ context.Context, ns *corev1.Namespace, lv psaapi.LevelVersion) (gate.DryRun, error) {
	s.asked = append(s.asked, ns.Name+" "+lv.String())
	return s.answer, s.err
}

// withTurn has the fleet grant the turn for enforce=baseline.
func withTurn(s *snapshot) {
	s.claim.Status.Fleet = &v1alpha1.FleetStatus{EnforceTurn: v1alpha1.EnforceTurnGranted, GrantedFor: "baseline:v1.37"}
}

func TestDecide(t *testing.T) {
	agrees, disagrees := &says{}, &says{answer: gate.DryRun{Violations: []string{"web-0: privileged"}}}
	fails := &says{err: errors.New("no answer")}
	unlabelled := func(s *snapshot) { s.namespace = labelled(ours()) }
	observed := func(s *snapshot) {
		unlabelled(s)
		s.rollout.Spec.Strategy = &v1alpha1.Strategy{Audit: &v1alpha1.ModeStrategy{Require: v1alpha1.RequirementNone}}
	}
	rejecting := func(s *snapshot) {
		enforced(time.Minute * 5)(s)
		refusing(s)
		enforcing(v1alpha1.EnforceStrategy{OnRejection: v1alpha1.RejectionRollback, Bake: hours(1)})(s.rollout)
	}
	for name, tc := range map[string]struct {
		server  *says
		change  func(*snapshot)
		step    string // empty: none
		reason  string
		message string
		asked   []string
	}{
		"the server agrees":         {agrees, withTurn, "enforce=baseline:v1.37", "Climbing", "Climbing enforce=baseline:v1.37", []string{"shop baseline:v1.37"}},
		"the server disagrees":      {disagrees, withTurn, "", "ServerDisagrees", "web-0: privileged", []string{"shop baseline:v1.37"}},
		"the server does not tell":  {fails, withTurn, "", "Inconclusive", "no answer", []string{"shop baseline:v1.37"}},
		"held, and nobody is asked": {agrees, func(s *snapshot) { withTurn(s); suspend(s.rollout) }, "", "Suspended", "suspended", nil},
		"no turn yet":               {agrees, func(*snapshot) {}, "", "Climbing", "asks for its turn", nil},
		"the first rung":            {agrees, unlabelled, "audit=baseline:v1.37", "Climbing", "", []string{"shop baseline:v1.37"}},
		"a rung that needs nothing": {disagrees, observed, "audit=baseline:v1.37", "Climbing", "", nil},
		"the target is reached":     {agrees, enforced(time.Hour), "", "", "", nil},
		"going back":                {agrees, rejecting, "enforce=privileged:v1.37", "RolledBack", "Rolling back: Pods of Deployment web are refused", nil},
		"not accepted":              {agrees, func(s *snapshot) { s.accepted = summary.Acceptance{Reason: "InvalidSpec"} }, "", "", "", nil},
		"who owns cannot be told":   {agrees, func(s *snapshot) { withTurn(s); unreadable(s) }, "", "Inconclusive", "managedFields", nil},
	} {
		t.Run(name, func(t *testing.T) {
			tc.server.asked = nil
			s := shopSnapshot(tc.change)
			in, err := s.look()
			if err != nil {
				t.Fatal(err)
			}
			step, err := (&NamespaceRolloutReconciler{Labels: tc.server}).decide(t.Context(), s, &in)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if step != nil {
				got = step.String()
			}
			if got != tc.step || step != nil && in.Next != step {
				t.Errorf("step %q, next %v; want %q", got, in.Next, tc.step)
			}
			if in.Decision.Reason != tc.reason || !strings.Contains(in.Decision.Message, tc.message) {
				t.Errorf("%s: %s; want %s: …%s…", in.Decision.Reason, in.Decision.Message, tc.reason, tc.message)
			}
			if diff := cmp.Diff(tc.asked, tc.server.asked); diff != "" {
				t.Errorf("the server was asked (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecideSaysWhenTheSoakEnds(t *testing.T) {
	s := shopSnapshot(withTurn, func(s *snapshot) { enforcing(v1alpha1.EnforceStrategy{Soak: hours(24)})(s.rollout) })
	in, err := s.look()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (&NamespaceRolloutReconciler{}).decide(t.Context(), s, &in); err != nil {
		t.Fatal(err)
	}
	if want := morning.Add(24 * time.Hour); in.Decision.Reason != v1alpha1.ReasonSoaking || !in.SoakUntil.Equal(want) {
		t.Errorf("%s until %v, want Soaking until %v", in.Decision.Reason, in.SoakUntil, want)
	}
	if in.Decision.RequeueAfter != 24*time.Hour {
		t.Errorf("again after %s, want when the soak ends", in.Decision.RequeueAfter)
	}
}

// A step whose write was refused rests until it is time, be it up or back; what
// was refused for another rung does not hold it.
func TestDecideLetsRefusedWritesRest(t *testing.T) {
	unlabelled := func(s *snapshot) { s.namespace = labelled(ours()) }
	back := func(s *snapshot) {
		enforced(time.Minute * 5)(s)
		refusing(s)
		enforcing(v1alpha1.EnforceStrategy{OnRejection: v1alpha1.RejectionRollback, Bake: hours(1)})(s.rollout)
	}
	for name, tc := range map[string]struct {
		change func(*snapshot)
		rung   string
		rests  time.Duration
		step   string
		reason string
	}{
		"refused":                   {unlabelled, "audit=baseline:v1.37", time.Minute, "", v1alpha1.ReasonWriteRefused},
		"refused a while ago":       {unlabelled, "audit=baseline:v1.37", 0, "audit=baseline:v1.37", v1alpha1.ReasonWriteRefused},
		"enforce was refused":       {withTurn, "enforce=baseline:v1.37", 0, "enforce=baseline:v1.37", v1alpha1.ReasonClimbing},
		"another rung was refused":  {unlabelled, "audit=baseline:v1.36", time.Minute, "audit=baseline:v1.37", v1alpha1.ReasonClimbing},
		"no turn is asked for":      {func(*snapshot) {}, "enforce=baseline:v1.37", time.Minute, "", v1alpha1.ReasonWriteRefused},
		"refused to go back":        {back, "enforce=privileged:v1.37", time.Minute, "", v1alpha1.ReasonWriteRefused},
		"refused to go back before": {back, "enforce=privileged:v1.37", 0, "enforce=privileged:v1.37", v1alpha1.ReasonRolledBack},
	} {
		t.Run(name, func(t *testing.T) {
			s := shopSnapshot(tc.change, func(s *snapshot) {
				s.claim.Status.WriteRefusal = &v1alpha1.WriteRefusal{
					Rung: tc.rung, Message: "no right", Attempts: 1, RetryAt: metav1.NewTime(morning.Add(tc.rests)),
				}
			})
			in, err := s.look()
			if err != nil {
				t.Fatal(err)
			}
			step, err := (&NamespaceRolloutReconciler{Labels: &says{}}).decide(t.Context(), s, &in)
			if err != nil {
				t.Fatal(err)
			}
			if step == nil && tc.step != "" || step != nil && step.String() != tc.step {
				t.Errorf("step %v, want %q", step, tc.step)
			}
			if in.Decision.Reason != tc.reason {
				t.Errorf("%s: %s; want %s", in.Decision.Reason, in.Decision.Message, tc.reason)
			}
			if tc.step == "" && in.Decision.RequeueAfter != tc.rests {
				t.Errorf("again after %s, want %s", in.Decision.RequeueAfter, tc.rests)
			}
		})
	}
}

// A dry run that is refused is a write that is refused; one that fails otherwise
// tells nothing, and is asked for again soon.
func TestDecideIsRefusedTheDryRun(t *testing.T) {
	for name, tc := range map[string]struct {
		err    error
		reason string
		rests  time.Duration
	}{
		"forbidden": {apierrors.NewForbidden(corev1.Resource("namespaces"), "shop", errors.New("no label changes")), v1alpha1.ReasonWriteRefused, 16 * time.Second},
		"too late":  {apierrors.NewTimeoutError("too late", 1), v1alpha1.ReasonInconclusive, gate.Soon},
	} {
		t.Run(name, func(t *testing.T) {
			s := shopSnapshot(func(s *snapshot) { s.namespace = labelled(ours()) })
			in, err := s.look()
			if err != nil {
				t.Fatal(err)
			}
			step, err := (&NamespaceRolloutReconciler{Labels: &says{err: tc.err}}).decide(t.Context(), s, &in)
			if step != nil || err != nil {
				t.Errorf("step %v, error %v; want neither", step, err)
			}
			if in.Decision.Reason != tc.reason || in.Decision.RequeueAfter != tc.rests || !strings.Contains(in.Decision.Message, tc.err.Error()) {
				t.Errorf("%+v; want %s with %q, again after %s", in.Decision, tc.reason, tc.err, tc.rests)
			}
			if recorded := in.WriteRefusal != nil; recorded != (tc.reason == v1alpha1.ReasonWriteRefused) {
				t.Errorf("recorded %+v", in.WriteRefusal)
			}
		})
	}
}

// A rollback that cannot be told from what was recorded is an error, and no step.
func TestDecideErrs(t *testing.T) {
	s := shopSnapshot(enforced(time.Minute), func(s *snapshot) { s.claim.Status.History[0].From = "lenient" })
	in := summary.NamespaceInput{Now: morning}
	if step, err := (&NamespaceRolloutReconciler{}).decide(t.Context(), s, &in); err == nil || step != nil {
		t.Errorf("step %v, error %v; want an error", step, err)
	}
}

func TestLookAgain(t *testing.T) {
	bakes := func(after time.Duration) *metav1.Time { return &metav1.Time{Time: morning.Add(after)} }
	one := []v1alpha1.Rejection{{}}
	for name, tc := range map[string]struct {
		held     time.Duration
		bake     *metav1.Time
		rejected []v1alpha1.Rejection
		want     time.Duration
	}{
		"nothing to wait for":           {0, nil, nil, 0},
		"what holds the rung":           {time.Minute, nil, nil, time.Minute},
		"the bake":                      {0, bakes(time.Hour), nil, time.Hour},
		"the bake, held for longer":     {2 * time.Hour, bakes(time.Hour), nil, time.Hour},
		"the bake, held for less":       {time.Minute, bakes(time.Hour), nil, time.Minute},
		"the bake has ended":            {0, bakes(0), nil, 0},
		"refused pods":                  {0, nil, one, summary.QuietFor},
		"refused pods, and a long bake": {0, bakes(time.Hour), one, summary.QuietFor},
		"refused pods, and a bake":      {0, bakes(time.Minute), one, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			in := summary.NamespaceInput{Now: morning, Decision: gate.Decision{RequeueAfter: tc.held}, Rejected: tc.rejected}
			if got := lookAgain(in, v1alpha1.NamespaceRolloutStatus{BakeUntil: tc.bake}); got != tc.want {
				t.Errorf("again after %s, want %s", got, tc.want)
			}
		})
	}
}

func TestRolloutOwner(t *testing.T) {
	ref := ownerReference(platform())
	change := func(change func(*metav1.OwnerReference)) []metav1.OwnerReference {
		changed := *ref.DeepCopy()
		change(&changed)
		return []metav1.OwnerReference{changed}
	}
	for name, tc := range map[string]struct {
		owners    []metav1.OwnerReference
		owned, by bool // by a rollout at all, and by this one
	}{
		"nobody":                         {nil, false, false},
		"this rollout":                   {change(func(*metav1.OwnerReference) {}), true, true},
		"one of the same name, long ago": {change(func(o *metav1.OwnerReference) { o.UID = "uid-before" }), true, false},
		"an owner, no controller":        {change(func(o *metav1.OwnerReference) { o.Controller = nil }), false, false},
		"another kind":                   {change(func(o *metav1.OwnerReference) { o.Kind = "Rollout" }), false, false},
		"the kind of another group":      {change(func(o *metav1.OwnerReference) { o.APIVersion = "example.com/v1alpha1" }), false, false},
	} {
		t.Run(name, func(t *testing.T) {
			claim := claimBy(platform(), "shop", v1alpha1.NamespaceRolloutStatus{})
			claim.OwnerReferences = tc.owners
			if got := rolloutOwner(claim) != nil; got != tc.owned {
				t.Errorf("owned by a rollout: %v, want %v", got, tc.owned)
			}
			if got := ownedBy(claim, platform()); got != tc.by {
				t.Errorf("owned by this rollout: %v, want %v", got, tc.by)
			}
		})
	}
}

// A step is taken only on what it was decided on.
func TestConfirm(t *testing.T) {
	deleted := &metav1.Time{Time: morning}
	for name, tc := range map[string]struct {
		change func(*snapshot)
		want   bool // whether the step is taken
	}{
		"nothing has changed":             {func(*snapshot) {}, true},
		"another status, or another turn": {func(s *snapshot) { s.claim.ResourceVersion = "9" }, false},
		"an approval came or went":        {func(s *snapshot) { s.claim.Generation++ }, false},
		"the claim was made anew":         {func(s *snapshot) { s.claim.UID = "new" }, false},
		"the claim is about to go":        {func(s *snapshot) { s.claim.DeletionTimestamp = deleted }, false},
		"the claim is another rollout's":  {func(s *snapshot) { s.claim.OwnerReferences[0].UID = "other" }, false},
		"the claim is nobody's":           {func(s *snapshot) { s.claim.OwnerReferences = nil }, false},
		"the rollout was edited":          {func(s *snapshot) { s.rollout.Generation++ }, false},
		"the rollout was made anew":       {func(s *snapshot) { s.rollout.UID = "new" }, false},
		"the rollout is about to go":      {func(s *snapshot) { s.rollout.DeletionTimestamp = deleted }, false},
		"the namespace has changed":       {func(s *snapshot) { s.namespace.ResourceVersion = "9" }, false},
		"the namespace was created again": {func(s *snapshot) { s.namespace.UID = "new" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			live := shopSnapshot(withTurn, tc.change)
			err := shopSnapshot(withTurn).confirm(*live)
			if (err == nil) != tc.want || err != nil && !errors.Is(err, errStale) {
				t.Errorf("error %v; want it taken: %v", err, tc.want)
			}
		})
	}
}

// A climb is taken only while pods and reports let it; of rungs that ask for nothing no pod is looked at.
func TestConfirmEvidence(t *testing.T) {
	warn := ladder.Rung{Mode: v1alpha1.ModeWarn, From: privilegedLatest, To: baselinePinned}
	violating := func(s *snapshot) { s.evidence = webViolates(baselinePinned, v1alpha1.SourcePod) }
	for name, tc := range map[string]struct {
		step   ladder.Rung
		change func(*snapshot)
		want   bool // whether the step is taken
	}{
		"all is well":               {enforceBaseline, gatedByFalco, true},
		"a pod violates":            {enforceBaseline, violating, false},
		"a report fails":            {enforceBaseline, func(s *snapshot) { gatedByFalco(s); s.reports = falcoFails("") }, false},
		"a report cannot be read":   {enforceBaseline, func(s *snapshot) { gatedByFalco(s); s.reports = unreadReports }, false},
		"a report fails, of warn":   {warn, func(s *snapshot) { gatedByFalco(s); s.reports = falcoFails("") }, true},
		"a pod violates, of warn":   {warn, violating, false},
		"a rung that needs nothing": {warn, func(s *snapshot) { violating(s); warnRequiresNothing(s) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			err := shopSnapshot(tc.change).confirmEvidence(tc.step)
			if (err == nil) != tc.want || err != nil && !errors.Is(err, errStale) {
				t.Errorf("error %v; want it taken: %v", err, tc.want)
			}
		})
	}
}

func warnRequiresNothing(s *snapshot) {
	s.rollout.Spec.Strategy = &v1alpha1.Strategy{Warn: &v1alpha1.ModeStrategy{Require: v1alpha1.RequirementNone}}
}

// unreachable is an API server that does not answer.
type unreachable struct{ serves }

func (unreachable) Ask(context.Context) (psaapi.Version, error) {
	return psaapi.Version{}, errors.New("no answer")
}

// A pin of latest is a step down once the API server has gone on.
func TestConfirmLatest(t *testing.T) {
	latest := psaapi.LevelVersion{Level: psaapi.LevelBaseline, Version: psaapi.LatestVersion()}
	pin := ladder.Rung{Mode: v1alpha1.ModeWarn, From: latest, To: baselinePinned}
	up := ladder.Rung{Mode: v1alpha1.ModeWarn, From: baselinePinned, To: restrictedPinned}
	newer := serves{psaapi.MajorMinorVersion(1, 38)}
	for name, tc := range map[string]struct {
		server       ServerVersion
		step         ladder.Rung
		stale, fails bool
	}{
		"a pin of latest":                        {serves{served}, pin, false, false},
		"a pin of latest, and the server is new": {newer, pin, true, true},
		"a pin of latest, and nothing answers":   {unreachable{}, pin, false, true},
		"from privileged, of whatever version":   {newer, enforceBaseline, false, false},
		"from a version":                         {newer, up, false, false},
		"nobody has to be asked":                 {unreachable{}, up, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			err := (&NamespaceRolloutReconciler{Server: tc.server}).confirmLatest(t.Context(), shopSnapshot(), tc.step)
			if (err != nil) != tc.fails || errors.Is(err, errStale) != tc.stale {
				t.Errorf("error %v; want one: %v, and out of date: %v", err, tc.fails, tc.stale)
			}
		})
	}
}
