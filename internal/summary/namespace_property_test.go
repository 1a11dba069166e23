// SPDX-License-Identifier: Apache-2.0

package summary

import (
	"fmt"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/ladder"
)

// life looks at a namespace several times, as the operator does: each status is
// made from the one read back before, and the labels have moved as announced, or
// otherwise.
func life(t *rapid.T, look func(old v1alpha1.NamespaceRolloutStatus, in NamespaceInput, status v1alpha1.NamespaceRolloutStatus)) {
	var old v1alpha1.NamespaceRolloutStatus
	now := nine.Add(time.Duration(rapid.IntRange(0, 999).Draw(t, "ms")) * time.Millisecond)
	current := anyPolicy(t, "first")
	for range rapid.IntRange(1, 6).Draw(t, "looks") {
		in := anyInput(t, current, now)
		status := Namespace(old, in)
		look(old, in, status)
		old = written(t, status)
		now = now.Add(time.Duration(rapid.IntRange(1, 5000).Draw(t, "passed")) * time.Second)
		if in.Next != nil && rapid.Bool().Draw(t, "as announced") {
			current = ladder.With(current, in.Next.Mode, in.Next.To)
		} else {
			current = anyPolicy(t, "now")
		}
	}
}

// Equal input makes an equal status, also from the status just written: where
// nothing changes nothing is written.
func TestNamespaceWritesOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		life(t, func(_ v1alpha1.NamespaceRolloutStatus, in NamespaceInput, status v1alpha1.NamespaceRolloutStatus) {
			back := written(t, status)
			again := Namespace(back, in)
			if !equality.Semantic.DeepEqual(back, again) {
				t.Fatalf("the second status differs (-first +second):\n%s", cmp.Diff(back, again))
			}
			if status.BakeUntil != nil {
				return
			}
			in.Now = in.Now.Add(24 * time.Hour)
			if later := Namespace(back, in); !equality.Semantic.DeepEqual(back, later) {
				t.Fatalf("time alone makes a difference (-first +later):\n%s", cmp.Diff(back, later))
			}
		})
	})
}

// What a status is made from comes out of a cache, and is not written to.
func TestNamespaceLeavesItsInputAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		life(t, func(old v1alpha1.NamespaceRolloutStatus, in NamespaceInput, _ v1alpha1.NamespaceRolloutStatus) {
			before := *old.DeepCopy()
			order := make([][]v1alpha1.Violation, len(in.Evidence))
			for i, e := range in.Evidence {
				order[i] = append(order[i], e.Violations...)
			}
			Namespace(old, in)
			Unaccepted(old, in)
			if diff := cmp.Diff(before, old); diff != "" {
				t.Fatalf("the old status was written to (-before +after):\n%s", diff)
			}
			for i, e := range in.Evidence {
				if diff := cmp.Diff(order[i], e.Violations, cmpopts.EquateEmpty()); diff != "" {
					t.Fatalf("the evidence was written to (-before +after):\n%s", diff)
				}
			}
		})
	})
}

func TestNamespaceConditionsAlways(t *testing.T) {
	all := []string{
		v1alpha1.ConditionReady, v1alpha1.ConditionStalled, v1alpha1.ConditionProgressing, v1alpha1.ConditionComplete,
		v1alpha1.ConditionCompliant, v1alpha1.ConditionRejecting, v1alpha1.ConditionEvaluatorDisagrees,
	}
	rapid.Check(t, func(t *rapid.T) {
		life(t, func(old v1alpha1.NamespaceRolloutStatus, in NamespaceInput, status v1alpha1.NamespaceRolloutStatus) {
			checkConditions(t, all, in.Generation, in.Now, old.Conditions, status.Conditions)
			if in.Next != nil && meta.IsStatusConditionTrue(status.Conditions, v1alpha1.ConditionComplete) {
				t.Fatalf("complete, with %s to come", in.Next)
			}
		})
	})
}

// checkConditions holds for the conditions of both kinds.
func checkConditions(t failer, all []string, generation int64, now time.Time, old, conditions []metav1.Condition) {
	var types []string
	for _, c := range conditions {
		types = append(types, c.Type)
		if c.ObservedGeneration != generation {
			t.Fatalf("%s is of generation %d, want %d", c.Type, c.ObservedGeneration, generation)
		}
		if c.Reason == "" || c.Message == "" || len(c.Message) > 1024 || !utf8.ValidString(c.Message) {
			t.Fatalf("%s has reason %q and a message of %d bytes: %q", c.Type, c.Reason, len(c.Message), c.Message)
		}
		since := at(now)
		if before := meta.FindStatusCondition(old, c.Type); before != nil && before.Status == c.Status {
			since = before.LastTransitionTime
		}
		if !c.LastTransitionTime.Equal(&since) {
			t.Fatalf("%s is %s since %v, want %v", c.Type, c.Status, c.LastTransitionTime, since)
		}
	}
	if diff := cmp.Diff(all, types); diff != "" {
		t.Fatalf("conditions (-want +got):\n%s", diff)
	}
}

// A verdict has been what it is since it became so, or since the last violation
// that has gone; while it is not known, what was known stays.
func TestSinceAlways(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		life(t, func(old v1alpha1.NamespaceRolloutStatus, in NamespaceInput, status v1alpha1.NamespaceRolloutStatus) {
			for i, e := range in.Evidence {
				want := v1alpha1.Compliance{Verdict: e.Verdict(), Since: atOrNil(in.Now)}
				if e.Verdict() == v1alpha1.VerdictCompliant {
					want.Since = ptr.To(notBefore(in.Now)) // a soak from there is never cut short
				}
				if before, known := find(old.Compliance, e.Level); known && (!e.Known || before.Verdict == want.Verdict) {
					want = v1alpha1.Compliance{Verdict: before.Verdict, Since: before.Since}
				}
				for _, gone := range e.Departed {
					if seen := notBefore(gone.LastSeen.Time); e.Verdict() == v1alpha1.VerdictCompliant && want.Since.Before(&seen) {
						want.Since = &seen
					}
				}
				got := status.Compliance[i]
				if got.Verdict != want.Verdict || !got.Since.Equal(want.Since) {
					t.Fatalf("%v is %s since %v, want %s since %v", e.Level, got.Verdict, got.Since, want.Verdict, want.Since)
				}
			}
		})
	})
}

// The history only grows at its beginning, and only by rungs that were seen.
func TestHistoryAlways(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		life(t, func(old v1alpha1.NamespaceRolloutStatus, in NamespaceInput, status v1alpha1.NamespaceRolloutStatus) {
			grown := len(Climbed(old, in))
			want := append(append([]v1alpha1.HistoryEntry(nil), status.History[:grown]...), old.History...)
			if diff := cmp.Diff(want[:min(len(want), 12)], status.History, cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("history (-want +got):\n%s", diff)
			}
			if old.Current == nil && grown > 0 {
				t.Fatal("the first look saw a rung climbed")
			}
			for _, h := range status.History[:grown] {
				if h.From == h.To || string(modeOf(status.Current, h.Mode)) != string(h.To) {
					t.Fatalf("%s went from %s to %s, and is at %s", h.Mode, h.From, h.To, modeOf(status.Current, h.Mode))
				}
			}
		})
	})
}

func TestNamespaceIsBounded(t *testing.T) {
	in := midway()
	in.Evidence[1].Violations = nil
	for i := range 100 {
		in.Evidence[1].Violations = append(in.Evidence[1].Violations, violation(fmt.Sprintf("w-%03d", i), "privileged", v1alpha1.SourcePod))
	}
	var old v1alpha1.NamespaceRolloutStatus
	for i := range 100 {
		old.History = append(old.History, climbed(v1alpha1.ModeAudit, privileged, baseline, nine.Add(-time.Duration(i)*time.Hour)))
	}
	got := Namespace(old, in)
	if len(got.History) != 12 || !got.History[0].Time.Equal(&old.History[0].Time) {
		t.Errorf("%d rungs in the history, want the newest 12", len(got.History))
	}
	if len(got.Violations) != 32 || got.Violations[0].Workload.Name != "w-000" || got.ViolationsTotal != 100 {
		t.Errorf("%d of %d violations are listed, want the first 32 of 100", len(got.Violations), got.ViolationsTotal)
	}
}
