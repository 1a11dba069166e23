// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/psaconfig"
	"github.com/podsecurity-rollout/operator/internal/summary"
)

// postbox takes Events, and refuses those it has.
type postbox struct {
	client.Client
	events map[string]*eventsv1.Event
	err    error
}

func (p *postbox) Create(_ context.Context, obj client.Object, _ ...client.CreateOption) error {
	if p.err != nil {
		return p.err
	}
	event, ok := obj.(*eventsv1.Event)
	if !ok {
		return fmt.Errorf("creating a %T", obj)
	}
	if p.events[event.Name] != nil {
		return apierrors.NewAlreadyExists(schema.GroupResource{Resource: "events"}, event.Name)
	}
	p.events[event.Name] = event
	return nil
}

func adviser(box *postbox) *NamespaceRolloutReconciler {
	return &NamespaceRolloutReconciler{
		Client: box, Insight: tells{}, Inventory: &knows{synced: true}, Clock: clocktesting.NewFakePassiveClock(morning),
		Config: func() psaconfig.Config { return psaconfig.Config{} },
	}
}

// violating is a look at a namespace in which so many Deployments violate.
func violating(n int) (*snapshot, summary.NamespaceInput) {
	s := shopSnapshot(func(s *snapshot) { enforcing(v1alpha1.EnforceStrategy{Soak: hours(24)})(s.rollout) })
	evidence := summary.Evidence{Level: baselinePinned, Known: true, ViolatingWorkloads: n}
	for i := range n {
		evidence.Violations = append(evidence.Violations, v1alpha1.Violation{
			Workload: v1alpha1.WorkloadReference{APIVersion: "apps/v1", Kind: "Deployment", Name: fmt.Sprint("web-", i)},
			Check:    "hostPorts", Message: "hostPort", Source: v1alpha1.SourcePod, Owner: "team-a",
		})
	}
	in := summary.NamespaceInput{Evidence: []summary.Evidence{evidence}}
	in.Current.Enforce, in.Target.Enforce = privilegedLatest, baselinePinned
	return s, in
}

func TestAdviseOnce(t *testing.T) {
	box := &postbox{events: map[string]*eventsv1.Event{}}
	r := adviser(box)
	s, in := violating(1)
	if more := r.advise(t.Context(), s, in); more {
		t.Error("there is more to tell")
	}
	if len(box.events) != 1 {
		t.Fatalf("%d events, want 1", len(box.events))
	}
	for _, e := range box.events {
		want := corev1.ObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "web-0", UID: "uid-web-0"}
		if diff := cmp.Diff(want, e.Regarding); diff != "" {
			t.Errorf("regarding (-want +got):\n%s", diff)
		}
		for _, words := range []string{
			"baseline: hostPort", "To comply, ", "enforce=baseline:v1.37 is due once nothing violates it, after a soak of 24h0m0s", "Owner: team-a", "https://kubernetes.io/docs/",
		} {
			if !strings.Contains(e.Note, words) {
				t.Errorf("note %q has no %q", e.Note, words)
			}
		}
	}
	box.err = fmt.Errorf("asked again")
	r.advise(t.Context(), s, in) // would log and not note it, but there is nothing new
	box.err = nil
	again := adviser(box) // after a restart
	again.advise(t.Context(), s, in)
	if len(box.events) != 1 {
		t.Errorf("%d events after a restart, want 1 still", len(box.events))
	}
	in.Evidence[0].Violations[0].Message = "hostPort (container \"c\" uses hostPort 80)"
	r.advise(t.Context(), s, in)
	if len(box.events) != 2 {
		t.Errorf("%d events once the finding has changed, want 2", len(box.events))
	}
}

// Many are told little by little.
func TestAdviseIsBounded(t *testing.T) {
	box := &postbox{events: map[string]*eventsv1.Event{}}
	r := adviser(box)
	s, in := violating(2*advisedAtOnce + 1)
	for i, want := range []struct {
		events int
		more   bool
	}{{advisedAtOnce, true}, {2 * advisedAtOnce, true}, {2*advisedAtOnce + 1, false}, {2*advisedAtOnce + 1, false}} {
		if more := r.advise(t.Context(), s, in); more != want.more || len(box.events) != want.events {
			t.Errorf("look %d: %d events, more %v; want %d, %v", i, len(box.events), more, want.events, want.more)
		}
	}
}

func TestNobodyIsAdvised(t *testing.T) {
	for name, change := range map[string]func(*NamespaceRolloutReconciler, *snapshot){
		"there is no insight": func(r *NamespaceRolloutReconciler, _ *snapshot) { r.Insight = nil },
		"the spec is none":    func(_ *NamespaceRolloutReconciler, s *snapshot) { s.accepted.OK = false },
		"not all is known":    func(r *NamespaceRolloutReconciler, _ *snapshot) { r.Inventory = &knows{} },
		"it is being deleted": func(_ *NamespaceRolloutReconciler, s *snapshot) {
			s.namespace.DeletionTimestamp = &metav1.Time{Time: morning}
		},
		"it is exempt":           func(_ *NamespaceRolloutReconciler, s *snapshot) { s.config.ExemptNamespaces = sets.New("shop") },
		"the API server refuses": func(r *NamespaceRolloutReconciler, _ *snapshot) { r.Client = &postbox{err: fmt.Errorf("forbidden")} },
	} {
		t.Run(name, func(t *testing.T) {
			box := &postbox{events: map[string]*eventsv1.Event{}}
			r := adviser(box)
			s, in := violating(1)
			change(r, s)
			if more := r.advise(t.Context(), s, in); more || len(box.events) > 0 {
				t.Errorf("%d events, more %v; want none", len(box.events), more)
			}
		})
	}
}

// What goes and comes back is told again, and what is gone is not kept.
func TestAdvisedForgets(t *testing.T) {
	var a advised
	one, none := map[string]v1alpha1.Violation{"x": {}}, map[string]v1alpha1.Violation{}
	a.note("shop", "x")
	if news := a.news("shop", one); len(news) > 0 {
		t.Errorf("news %v, want none", news)
	}
	a.news("shop", none)
	if news := a.news("shop", one); len(news) != 1 {
		t.Errorf("news %v once it is back, want it", news)
	}
	a.note("shop", "x")
	a.forget("shop")
	if news := a.news("shop", one); len(news) != 1 {
		t.Errorf("news %v of a namespace made anew, want it", news)
	}
}

func TestAdviceOfOddNames(t *testing.T) {
	s, in := violating(1)
	v := in.Evidence[0].Violations[0]
	v.Workload.Name = "Über App"
	r := adviser(&postbox{})
	if got := r.advice(s, "0123", v, in).Name; got != "workload.0123" {
		t.Errorf("the event is named %q", got)
	}
}
