// SPDX-License-Identifier: Apache-2.0

package summary

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/equality"
	"pgregory.net/rapid"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

// anyRollout is a look at a rollout of namespaces that have been looked at.
func anyRollout(t *rapid.T, now time.Time) RolloutInput {
	in := RolloutInput{
		Now: now, Generation: rapid.Int64Range(1, 3).Draw(t, "generation"), Server: server, Accepted: Acceptance{OK: true},
		Suspended: rapid.Bool().Draw(t, "suspended"), Observe: rapid.Bool().Draw(t, "observe"),
		Namespaces: namespaces{}, Conflicts: map[string]string{},
		Deadline: time.Duration(rapid.IntRange(0, 2).Draw(t, "deadline")) * time.Hour,
	}
	if rapid.IntRange(0, 5).Draw(t, "accepted") == 0 {
		in.Accepted = Acceptance{Reason: v1alpha1.ReasonVersionNotServed, Message: anyMessage(t)}
	}
	for i := range rapid.IntRange(0, 30).Draw(t, "namespaces") {
		name := fmt.Sprintf("ns-%02d", i)
		switch rapid.IntRange(0, 9).Draw(t, "kind") {
		case 0:
			in.Namespaces[name] = v1alpha1.NamespaceRolloutStatus{}
		case 1:
			in.Conflicts[name] = rapid.SampledFrom([]string{"old", "older"}).Draw(t, "owner")
		case 2:
			in.Namespaces[name] = Unaccepted(complete(), NamespaceInput{Now: now, Accepted: Acceptance{Reason: v1alpha1.ReasonInvalidSpec, Message: "x"}})
		case 3, 4:
			in.Namespaces[name] = complete()
		case 5:
			in.Namespaces[name] = lately(now.Add(-time.Duration(rapid.IntRange(0, 300).Draw(t, "climbed")) * time.Minute))
		default:
			look := held(rapid.SampledFrom(reasons).Draw(t, "reason"), "why")
			look.Evidence = []Evidence{anyEvidence(t, baseline, now)}
			in.Namespaces[name] = Namespace(v1alpha1.NamespaceRolloutStatus{}, look)
		}
	}
	return in
}

func TestRolloutAlways(t *testing.T) {
	all := []string{
		v1alpha1.ConditionReady, v1alpha1.ConditionStalled, v1alpha1.ConditionProgressing,
		v1alpha1.ConditionComplete, v1alpha1.ConditionBlocked,
		v1alpha1.ConditionUnsafeExemption, v1alpha1.ConditionConfigurationInvalid,
	}
	rapid.Check(t, func(t *rapid.T) {
		var old v1alpha1.PodSecurityRolloutStatus
		now := nine.Add(time.Duration(rapid.IntRange(0, 999).Draw(t, "ms")) * time.Millisecond)
		for range rapid.IntRange(1, 3).Draw(t, "looks") {
			in := anyRollout(t, now)
			before := *old.DeepCopy()
			status := Rollout(old, in)
			if diff := cmp.Diff(before, old); diff != "" {
				t.Fatalf("the old status was written to (-before +after):\n%s", diff)
			}
			checkConditions(t, all, in.Generation, in.Now, old.Conditions, status.Conditions)
			checkCounts(t, in, *status.Namespaces)
			checkLists(t, status)
			back := written(t, status)
			if again := Rollout(back, in); !equality.Semantic.DeepEqual(back, again) {
				t.Fatalf("the second status differs (-first +second):\n%s", cmp.Diff(back, again))
			}
			old = back
			now = now.Add(time.Duration(rapid.IntRange(1, 5000).Draw(t, "passed")) * time.Second)
		}
	})
}

// checkCounts holds every namespace to be counted exactly once.
func checkCounts(t *rapid.T, in RolloutInput, n v1alpha1.NamespaceCounts) {
	if want := int32(len(in.Namespaces) + len(in.Conflicts)); n.Selected != want {
		t.Fatalf("%d are selected, want %d", n.Selected, want)
	}
	if sum := n.Complete + n.Progressing + n.Blocked + n.Inconclusive + n.Exempt + n.Conflicted; n.Selected != sum {
		t.Fatalf("%d are selected, and %d counted: %+v", n.Selected, sum, n)
	}
	if n.Conflicted != int32(len(in.Conflicts)) {
		t.Fatalf("%d are conflicted, want %d", n.Conflicted, len(in.Conflicts))
	}
	var alone v1alpha1.NamespaceCounts
	for name, s := range in.Namespaces {
		one := *summed(holding(namespaces{name: s})).Namespaces
		alone.Complete += one.Complete
		alone.Progressing += one.Progressing
		alone.Blocked += one.Blocked
		alone.Inconclusive += one.Inconclusive
		alone.Exempt += one.Exempt
	}
	alone.Selected, alone.Conflicted = n.Selected, n.Conflicted
	if diff := cmp.Diff(alone, n); diff != "" {
		t.Fatalf("counts (-each alone +together):\n%s", diff)
	}
}

func checkLists(t *rapid.T, s v1alpha1.PodSecurityRolloutStatus) {
	if want := min(s.Namespaces.Blocked, 20); int32(len(s.Blocked)) != want {
		t.Fatalf("%d are listed as blocked, want %d", len(s.Blocked), want)
	}
	if !slices.IsSortedFunc(s.Blocked, func(a, b v1alpha1.BlockedNamespace) int {
		if a.Namespace < b.Namespace {
			return -1
		}
		return 1
	}) {
		t.Fatalf("blocked is not in the order of names: %v", s.Blocked)
	}
	if len(s.TopViolations) > 10 {
		t.Fatalf("%d checks are listed, want at most 10", len(s.TopViolations))
	}
}
