// SPDX-License-Identifier: Apache-2.0

package summary

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	psaapi "k8s.io/pod-security-admission/api"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/ladder"
)

// pinned is what enforce goes back to from its first rung.
var pinned = psaapi.LevelVersion{Level: psaapi.LevelPrivileged, Version: server}

// announced is the status of midway, which says that enforce=baseline is next.
func announced() v1alpha1.NamespaceRolloutStatus {
	return Namespace(v1alpha1.NamespaceRolloutStatus{}, midway())
}

// aMinuteLater is midway with another policy in force, all of it set by the
// operator, last half a minute ago.
func aMinuteLater(current psaapi.Policy) NamespaceInput {
	in := midway()
	in.Now, in.OursSince, in.Current = nine.Add(time.Minute), nine.Add(30*time.Second), current
	in.Ours = ladder.Modes
	return in
}

func TestHistoryIsWhatWasSeen(t *testing.T) {
	const enforce, warn = v1alpha1.ModeEnforce, v1alpha1.ModeWarn
	wrote := nine.Add(30 * time.Second)
	earlier := []v1alpha1.HistoryEntry{climbed(warn, privileged, baseline, nine.Add(-time.Hour))}
	announced := announced()
	announced.History = earlier
	asAnnounced := aMinuteLater(psaapi.Policy{Enforce: baseline, Warn: baseline, Audit: baseline})
	for name, tc := range map[string]struct {
		old  v1alpha1.NamespaceRolloutStatus
		now  NamespaceInput
		want []v1alpha1.HistoryEntry
	}{
		"nothing moved": {announced, aMinuteLater(midway().Current), earlier},
		"the rung that was announced": {
			announced, asAnnounced, append([]v1alpha1.HistoryEntry{climbed(enforce, privileged, baseline, wrote)}, earlier...),
		},
		"the rung, and somebody else's move": {
			announced, aMinuteLater(psaapi.Policy{Enforce: baseline, Warn: baseline, Audit: restricted}),
			append([]v1alpha1.HistoryEntry{climbed(enforce, privileged, baseline, wrote)}, earlier...),
		},
		"the same move, but the operator never wrote a label": {
			announced, with(asAnnounced, func(in *NamespaceInput) { in.OursSince = time.Time{} }), earlier,
		},
		"the same move, but by somebody else": {
			announced, with(asAnnounced, func(in *NamespaceInput) { in.Ours = []v1alpha1.Mode{v1alpha1.ModeAudit, warn} }), earlier,
		},
		"another level than announced": {announced, aMinuteLater(psaapi.Policy{Enforce: restricted, Warn: baseline, Audit: baseline}), earlier},
		"another mode than announced":  {announced, aMinuteLater(psaapi.Policy{Enforce: privileged, Warn: restricted, Audit: baseline}), earlier},
		"lowered by somebody":          {announced, aMinuteLater(psaapi.Policy{Enforce: privileged, Warn: privileged, Audit: baseline}), earlier},
		"the first look":               {v1alpha1.NamespaceRolloutStatus{}, asAnnounced, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, History(tc.old, tc.now)); diff != "" {
				t.Errorf("history (-want +got):\n%s", diff)
			}
		})
	}
}

func TestHistoryOfARollback(t *testing.T) {
	wrote := nine.Add(30 * time.Second)
	was := []v1alpha1.HistoryEntry{climbed(v1alpha1.ModeEnforce, privileged, baseline, nine.Add(-time.Minute))}
	decided := v1alpha1.NamespaceRolloutStatus{
		Current:  &v1alpha1.Policy{Enforce: "baseline:v1.37", Warn: "baseline:v1.37", Audit: "baseline:v1.37"},
		Next:     &v1alpha1.Rung{Mode: v1alpha1.ModeEnforce, To: "privileged:v1.37"},
		Rollback: &v1alpha1.Rollback{Rung: "baseline:v1.37", To: "privileged:v1.37"},
		History:  was,
	}
	auditNext := with(decided, func(s *v1alpha1.NamespaceRolloutStatus) {
		s.Next = rung(&ladder.Rung{Mode: v1alpha1.ModeAudit, To: restricted})
	})
	back := aMinuteLater(psaapi.Policy{Enforce: pinned, Warn: baseline, Audit: baseline})
	for name, tc := range map[string]struct {
		old  v1alpha1.NamespaceRolloutStatus
		now  NamespaceInput
		want []v1alpha1.HistoryEntry
	}{
		"taken back":                  {decided, back, append([]v1alpha1.HistoryEntry{rolledBack(baseline, pinned, wrote)}, was...)},
		"taken back, but by somebody": {decided, with(back, func(in *NamespaceInput) { in.Ours = []v1alpha1.Mode{v1alpha1.ModeAudit} }), was},
		"taken further by somebody":   {decided, aMinuteLater(psaapi.Policy{Enforce: privileged, Warn: baseline, Audit: baseline}), was},
		"another rung, while it is held": {
			auditNext, aMinuteLater(psaapi.Policy{Enforce: baseline, Warn: baseline, Audit: restricted}),
			append([]v1alpha1.HistoryEntry{climbed(v1alpha1.ModeAudit, baseline, restricted, wrote)}, was...),
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, History(tc.old, tc.now)); diff != "" {
				t.Errorf("history (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMoved(t *testing.T) {
	to := psaapi.Policy{Enforce: baseline, Warn: baseline, Audit: restricted}
	want := []v1alpha1.HistoryEntry{
		climbed(v1alpha1.ModeAudit, baseline, restricted, nine.Add(time.Minute)),
		climbed(v1alpha1.ModeEnforce, privileged, baseline, nine.Add(time.Minute)),
	}
	if diff := cmp.Diff(want, Moved(announced(), aMinuteLater(to))); diff != "" {
		t.Errorf("moves (-want +got):\n%s", diff)
	}
	if got := Moved(v1alpha1.NamespaceRolloutStatus{}, aMinuteLater(to)); got != nil {
		t.Errorf("the first look saw %v move", got)
	}
}

// A crash between writing a label and recording it loses nothing: whenever the
// next look comes, the rung has the time at which it was written.
func TestAClimbIsRecordedLate(t *testing.T) {
	in := aMinuteLater(psaapi.Policy{Enforce: baseline, Warn: baseline, Audit: baseline})
	in.Now, in.Bake = nine.Add(5*time.Minute), 10*time.Minute
	got := Namespace(announced(), in)
	if diff := cmp.Diff([]v1alpha1.HistoryEntry{climbed(v1alpha1.ModeEnforce, privileged, baseline, nine.Add(30*time.Second))}, got.History); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
	if want := nine.Add(10*time.Minute + 31*time.Second); got.BakeUntil == nil || !got.BakeUntil.Time.Equal(want) {
		t.Errorf("bakes until %v, want %v", got.BakeUntil, want)
	}
}

func TestLastEnforceAndItsBake(t *testing.T) {
	const bake = 10 * time.Minute
	audit := climbed(v1alpha1.ModeAudit, baseline, restricted, nine)
	enforce := climbed(v1alpha1.ModeEnforce, privileged, baseline, nine.Add(-time.Minute))
	again := climbed(v1alpha1.ModeEnforce, baseline, restricted, nine)
	back := rolledBack(baseline, pinned, nine)
	type history = []v1alpha1.HistoryEntry
	for name, tc := range map[string]struct {
		history history
		now     time.Time
		want    *v1alpha1.HistoryEntry
		bakes   time.Time
	}{
		"none":                       {nil, nine, nil, time.Time{}},
		"none of enforce":            {history{audit}, nine, nil, time.Time{}},
		"under others":               {history{audit, enforce}, nine, &enforce, nine.Add(9*time.Minute + time.Second)},
		"the newest of two":          {history{again, enforce}, nine, &again, nine.Add(10*time.Minute + time.Second)},
		"taken back":                 {history{audit, back, enforce}, nine, nil, time.Time{}},
		"climbed again":              {history{again, back, enforce}, nine, &again, nine.Add(10*time.Minute + time.Second)},
		"the last moment of a bake":  {history{enforce}, nine.Add(9 * time.Minute), &enforce, nine.Add(9*time.Minute + time.Second)},
		"the bake is over":           {history{enforce}, nine.Add(9*time.Minute + time.Second), &enforce, time.Time{}},
		"the clock is before it all": {history{enforce}, nine.Add(-time.Hour), &enforce, nine.Add(9*time.Minute + time.Second)},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, LastEnforce(tc.history)); diff != "" {
				t.Errorf("last enforce rung (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(atOrNil(tc.bakes), BakeUntil(tc.history, bake, tc.now)); diff != "" {
				t.Errorf("bakes until (-want +got):\n%s", diff)
			}
			if got := BakeUntil(tc.history, 0, nine); got != nil {
				t.Errorf("bakes until %v without a bake", got)
			}
		})
	}
}

// An approval is used once what it approves is in force; the generation it was
// used in is remembered, and an older one stays until then.
func TestApprovalIsUsedOnce(t *testing.T) {
	at := func(enforce psaapi.LevelVersion, approved string) NamespaceInput {
		in := aMinuteLater(psaapi.Policy{Enforce: enforce, Warn: baseline, Audit: baseline})
		in.Approved, in.Generation = approved, 7
		return in
	}
	for name, tc := range map[string]struct {
		old  v1alpha1.NamespaceRolloutStatus
		now  NamespaceInput
		want int64
	}{
		"climbed by it":                   {announced(), at(baseline, "baseline:v1.37"), 7},
		"not climbed yet":                 {announced(), at(privileged, "baseline:v1.37"), 2},
		"the next is approved meanwhile":  {announced(), at(baseline, "restricted:v1.37"), 2},
		"another version":                 {announced(), at(baseline, "baseline:v1.36"), 2},
		"nothing is approved":             {announced(), at(baseline, ""), 2},
		"somebody else enforced the rung": {announced(), with(at(baseline, "baseline:v1.37"), func(in *NamespaceInput) { in.Ours = nil }), 7},
		"the status was lost":             {v1alpha1.NamespaceRolloutStatus{}, at(baseline, "baseline:v1.37"), 7},
	} {
		t.Run(name, func(t *testing.T) {
			tc.old.ApprovalUsedGeneration = 2
			got := Namespace(tc.old, tc.now)
			if got.ApprovalUsedGeneration != tc.want {
				t.Errorf("used in generation %d, want %d", got.ApprovalUsedGeneration, tc.want)
			}
			lowered := at(privileged, tc.now.Approved)
			if again := Namespace(got, lowered); again.ApprovalUsedGeneration != tc.want {
				t.Errorf("used in generation %d once the label is lowered, want %d still", again.ApprovalUsedGeneration, tc.want)
			}
		})
	}
}

// A status that is lost while a namespace bakes does not end the bake: whatever
// the operator wrote last may have been the enforce rung.
func TestABakeSurvivesALostStatus(t *testing.T) {
	enforced := psaapi.Policy{Enforce: baseline, Warn: baseline, Audit: baseline}
	baking := with(aMinuteLater(enforced), func(in *NamespaceInput) { in.Bake = 10 * time.Minute })
	until := nine.Add(10*time.Minute + 31*time.Second)
	for name, tc := range map[string]struct {
		now  NamespaceInput
		want time.Time
	}{
		"the operator wrote lately":       {baking, until},
		"the operator wrote long ago":     {with(baking, func(in *NamespaceInput) { in.Now = until }), time.Time{}},
		"there is no bake":                {aMinuteLater(enforced), time.Time{}},
		"enforce is somebody else's":      {with(baking, func(in *NamespaceInput) { in.Ours = []v1alpha1.Mode{v1alpha1.ModeAudit} }), time.Time{}},
		"the operator never wrote at all": {with(baking, func(in *NamespaceInput) { in.Ours, in.OursSince = nil, time.Time{} }), time.Time{}},
	} {
		t.Run(name, func(t *testing.T) {
			first := Namespace(v1alpha1.NamespaceRolloutStatus{}, tc.now)
			if !first.BakeUntil.Equal(atOrNil(tc.want)) {
				t.Errorf("bakes until %v, want %v", first.BakeUntil, tc.want)
			}
			again := Namespace(first, with(tc.now, func(in *NamespaceInput) { in.Now = in.Now.Add(time.Second) }))
			if !again.BakeUntil.Equal(first.BakeUntil) {
				t.Errorf("a second later it bakes until %v, want %v still", again.BakeUntil, first.BakeUntil)
			}
		})
	}
}

// A rung that a namespace had its turn for bakes whoever set the label last: it
// may have been written before somebody set it again.
func TestATurnThatIsUsedBakes(t *testing.T) {
	old := announced()
	old.Fleet = &v1alpha1.FleetStatus{EnforceTurn: v1alpha1.EnforceTurnGranted, GrantedFor: "baseline:v1.37"}
	reached := aMinuteLater(psaapi.Policy{Enforce: baseline, Warn: baseline, Audit: baseline})
	reached.Bake, reached.Ours = 10*time.Minute, []v1alpha1.Mode{v1alpha1.ModeAudit}
	first := Namespace(old, reached)
	if want := nine.Add(11*time.Minute + time.Second); first.BakeUntil == nil || !first.BakeUntil.Time.Equal(want) || len(first.History) > 0 {
		t.Errorf("bakes until %v with history %v, want until %v with none", first.BakeUntil, first.History, want)
	}
	later := with(reached, func(in *NamespaceInput) { in.Now = in.Now.Add(time.Minute) })
	again := Namespace(first, later)
	if !again.BakeUntil.Equal(first.BakeUntil) {
		t.Errorf("a minute later it bakes until %v, want %v still", again.BakeUntil, first.BakeUntil)
	}
	lowered := with(later, func(in *NamespaceInput) { in.Current.Enforce = privileged })
	if got := Namespace(again, lowered); got.BakeUntil != nil {
		t.Errorf("once it is lowered it bakes until %v", got.BakeUntil)
	}
	old.Fleet.GrantedFor = "restricted:v1.37"
	if got := Namespace(old, reached); got.BakeUntil != nil {
		t.Errorf("without a turn for the rung it bakes until %v", got.BakeUntil)
	}
}
