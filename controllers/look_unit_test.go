// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	psaapi "k8s.io/pod-security-admission/api"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/summary"
)

// looked is what look answers, in words: what comes next, who is ahead, and the
// levels that are asked about.
type looked struct {
	Next   string
	Ahead  []v1alpha1.Mode
	Levels []string
}

func TestLook(t *testing.T) {
	target := func(change func(*v1alpha1.Target)) func(*snapshot) {
		return func(s *snapshot) { change(&s.target) }
	}
	labels := func(policies ...string) func(*snapshot) {
		return func(s *snapshot) { s.namespace = labelled(ours(), policies...) }
	}
	for name, tc := range map[string]struct {
		change func(*snapshot)
		want   looked
	}{
		"the next rung":           {func(*snapshot) {}, looked{Next: "enforce=baseline:v1.37", Levels: []string{"baseline:v1.37"}}},
		"nothing is labelled":     {labels(), looked{Next: "audit=baseline:v1.37", Levels: []string{"baseline:v1.37"}}},
		"the target is reached":   {enforced(time.Hour), looked{Levels: []string{"baseline:v1.37"}}},
		"a target with two steps": {target(func(t *v1alpha1.Target) { t.Warn = "restricted" }), looked{Next: "enforce=baseline:v1.37", Levels: []string{"baseline:v1.37", "restricted:v1.37"}}},
		"stricter than its target": {
			labels("audit=restricted:v1.37", "warn=baseline:v1.37", "enforce=baseline:v1.37"),
			looked{Ahead: []v1alpha1.Mode{v1alpha1.ModeAudit}, Levels: []string{"baseline:v1.37"}},
		},
		"the cluster's defaults are in force": {
			func(s *snapshot) {
				s.namespace = labelled(ours())
				s.config.Defaults = psaapi.Policy{Enforce: baselinePinned, Warn: baselinePinned, Audit: privilegedLatest}
			},
			looked{Next: "audit=baseline:v1.37", Levels: []string{"baseline:v1.37"}},
		},
		"after a cluster upgrade": {func(s *snapshot) { enforced(time.Hour)(s); s.server = psaapi.MajorMinorVersion(1, 38) }, looked{Next: "audit=baseline:v1.38", Levels: []string{"baseline:v1.38"}}},
	} {
		t.Run(name, func(t *testing.T) {
			in, err := shopSnapshot(tc.change).look()
			if err != nil {
				t.Fatal(err)
			}
			got := looked{Ahead: in.Ahead}
			if in.Next != nil {
				got.Next = in.Next.String()
			}
			for _, e := range in.Evidence {
				got.Levels = append(got.Levels, e.Level.String())
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("looked (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLookGathers(t *testing.T) {
	s := shopSnapshot(func(s *snapshot) {
		s.rollout = platform(enforcing(v1alpha1.EnforceStrategy{Bake: hours(2)}))
		s.claim.Spec.ApprovedEnforce = "baseline:v1.37"
	})
	in, err := s.look()
	if err != nil {
		t.Fatal(err)
	}
	if in.Rollout != "platform" || in.Generation != 2 || !in.Now.Equal(morning) {
		t.Errorf("of rollout %q, generation %d, at %v", in.Rollout, in.Generation, in.Now)
	}
	if in.Approved != "baseline:v1.37" || in.Bake != 2*time.Hour {
		t.Errorf("approved %q, bake %s; want the approval, and a bake of 2h", in.Approved, in.Bake)
	}
	if want := morning.Add(-time.Hour); !in.OursSince.Equal(want) {
		t.Errorf("ours since %v, want %v", in.OursSince, want)
	}
	if diff := cmp.Diff([]v1alpha1.Mode{v1alpha1.ModeAudit, v1alpha1.ModeWarn}, in.Ours); diff != "" {
		t.Errorf("ours (-want +got):\n%s", diff)
	}
}

// A label that cannot be parsed is of no account once the next rung replaces it.
func TestLookAtInvalidLabels(t *testing.T) {
	s := shopSnapshot(func(s *snapshot) { s.namespace.Labels["pod-security.kubernetes.io/warn"] = "none" })
	in, err := s.look()
	if err != nil {
		t.Fatal(err)
	}
	if in.Next == nil || in.Next.Mode != v1alpha1.ModeWarn || in.InvalidLabels != nil {
		t.Errorf("next %v, invalid %v; want the rung of warn to repair its label", in.Next, in.InvalidLabels)
	}
	s.namespace.Labels["pod-security.kubernetes.io/enforce-version"] = "newest"
	if in, err = s.look(); err != nil {
		t.Fatal(err)
	}
	want := []string{"pod-security.kubernetes.io/enforce-version=newest", "pod-security.kubernetes.io/warn=none"}
	if diff := cmp.Diff(want, in.InvalidLabels); diff != "" {
		t.Errorf("invalid labels (-want +got):\n%s", diff)
	}
}

func TestLookAtWhatIsNotAccepted(t *testing.T) {
	refused := summary.Acceptance{Reason: v1alpha1.ReasonVersionNotServed, Message: "pin v1.37"}
	in, err := shopSnapshot(func(s *snapshot) { s.accepted, s.evidence, s.refused = refused, nil, nil }).look()
	if err != nil {
		t.Fatal(err)
	}
	want := summary.NamespaceInput{Now: morning, Generation: 2, Rollout: "platform", Accepted: refused}
	if diff := cmp.Diff(want, in, allowVersions); diff != "" {
		t.Errorf("input (-want +got):\n%s", diff)
	}
	if _, err := shopSnapshot(func(s *snapshot) { s.target.Enforce = "strict" }).look(); err == nil {
		t.Error("a level that is none is looked at")
	}
	ours := func(s *snapshot) { s.namespace.ManagedFields[0].FieldsV1 = metav1.NewFieldsV1(`{"k:labels":{}}`) }
	if _, err := shopSnapshot(ours).look(); err == nil {
		t.Error("labels are looked at of which it cannot be told whether they are the operator's")
	}
}

// Refusals count from the last time that enforce moved, up or back.
func TestLookBack(t *testing.T) {
	back := func(ago time.Duration) func(*snapshot) {
		return func(s *snapshot) {
			enforced(time.Hour)(s)
			s.claim.Status.History = append([]v1alpha1.HistoryEntry{
				{Mode: v1alpha1.ModeWarn, From: "baseline:v1.36", To: "baseline:v1.37", Time: metav1.NewTime(morning)},
				{Mode: v1alpha1.ModeEnforce, From: "baseline:v1.37", To: "privileged:v1.37", Reason: v1alpha1.ReasonRolledBack, Time: metav1.NewTime(morning.Add(-ago))},
			}, s.claim.Status.History...)
		}
	}
	template := webRefused(morning.Add(-time.Minute))
	template.Source = v1alpha1.SourceTemplate
	for name, tc := range map[string]struct {
		change func(*snapshot)
		want   []v1alpha1.Rejection
	}{
		"refused since the rung":     {enforced(time.Hour), []v1alpha1.Rejection{webRefused(morning.Add(-time.Minute))}},
		"refused before the rung":    {enforced(time.Second), nil},
		"refused before it was back": {back(time.Second), nil},
		"refused since it was back":  {back(time.Hour / 2), []v1alpha1.Rejection{webRefused(morning.Add(-time.Minute))}},
		"the workload is gone": {func(s *snapshot) {
			enforced(time.Hour)(s)
			s.present = func(v1alpha1.WorkloadReference) bool { return false }
		}, nil},
		"its template violates the level": {func(s *snapshot) {
			enforced(time.Hour)(s)
			s.evidence = webViolates(baselinePinned, v1alpha1.SourceTemplate)
		}, []v1alpha1.Rejection{template}},
		"its pods violate, its template does not": {
			func(s *snapshot) {
				enforced(time.Hour)(s)
				s.evidence = webViolates(baselinePinned, v1alpha1.SourcePod)
			},
			[]v1alpha1.Rejection{webRefused(morning.Add(-time.Minute))},
		},
		"it violates a stricter level": {func(s *snapshot) {
			enforced(time.Hour)(s)
			s.evidence = webViolates(restrictedPinned, v1alpha1.SourceTemplate)
		}, []v1alpha1.Rejection{webRefused(morning.Add(-time.Minute))}},
	} {
		t.Run(name, func(t *testing.T) {
			in, err := shopSnapshot(refusing, tc.change).look()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, in.Rejected); diff != "" {
				t.Errorf("rejected (-want +got):\n%s", diff)
			}
			if want := (&metav1.Time{Time: morning.Add(-time.Minute)}); !in.RejectionsSeen.Equal(want) {
				t.Errorf("seen up to %v, want %v", in.RejectionsSeen, want)
			}
		})
	}
}

// webViolates has the template or the pods of the Deployment web violate one
// level.
func webViolates(level psaapi.LevelVersion, source v1alpha1.Source) func(psaapi.LevelVersion) summary.Evidence {
	return func(lv psaapi.LevelVersion) summary.Evidence {
		e := summary.Evidence{Level: lv, Known: true, Pods: 2, Workloads: 1}
		if lv == level {
			e.ViolatingWorkloads = 1
			e.Violations = []v1alpha1.Violation{{Workload: webRefused(morning).Workload, Message: "privileged", Source: source}}
		}
		return e
	}
}
