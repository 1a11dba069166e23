// SPDX-License-Identifier: Apache-2.0

package summary

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	psaapi "k8s.io/pod-security-admission/api"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

func since(t time.Time) *metav1.Time { return &metav1.Time{Time: t} }

// verdict is a recorded verdict on baseline.
func verdict(v v1alpha1.Verdict, at *metav1.Time) v1alpha1.Compliance {
	return v1alpha1.Compliance{Level: v1alpha1.LevelBaseline, Version: "v1.37", Verdict: v, Since: at}
}

// left is evidence with a violation that has gone.
func left(e Evidence, at time.Time) Evidence {
	e.Departed = []v1alpha1.Violation{{LastSeen: since(at)}}
	return e
}

func TestCompliance(t *testing.T) {
	ago := since(nine.Add(-time.Hour))
	compliant := Evidence{Level: baseline, Known: true, Pods: 5, Workloads: 3}
	violating := Evidence{Level: baseline, Known: true, Pods: 5, Workloads: 3, ViolatingWorkloads: 2}
	count := func(c v1alpha1.Compliance, violating int32) v1alpha1.Compliance {
		c.Pods, c.Workloads, c.ViolatingWorkloads = 5, 3, violating
		return c
	}
	for name, tc := range map[string]struct {
		old  []v1alpha1.Compliance
		now  Evidence
		want v1alpha1.Compliance
	}{
		"the first look":           {nil, compliant, count(verdict(v1alpha1.VerdictCompliant, since(nine)), 0)},
		"the first look, unsynced": {nil, Evidence{Level: baseline}, verdict(v1alpha1.VerdictInconclusive, since(nine))},
		"still compliant, of other counts": {
			[]v1alpha1.Compliance{verdict(v1alpha1.VerdictCompliant, ago)}, compliant, count(verdict(v1alpha1.VerdictCompliant, ago), 0),
		},
		"still violating": {
			[]v1alpha1.Compliance{verdict(v1alpha1.VerdictViolating, ago)}, violating, count(verdict(v1alpha1.VerdictViolating, ago), 2),
		},
		"violating now": {
			[]v1alpha1.Compliance{verdict(v1alpha1.VerdictCompliant, ago)}, violating, count(verdict(v1alpha1.VerdictViolating, since(nine)), 2),
		},
		"compliant now": {
			[]v1alpha1.Compliance{verdict(v1alpha1.VerdictViolating, ago)}, compliant, count(verdict(v1alpha1.VerdictCompliant, since(nine)), 0),
		},
		"compliant, but for what came and went": {
			[]v1alpha1.Compliance{verdict(v1alpha1.VerdictCompliant, ago)}, left(compliant, nine.Add(-time.Minute)),
			count(verdict(v1alpha1.VerdictCompliant, since(nine.Add(-time.Minute))), 0),
		},
		"compliant, and what went before": {
			[]v1alpha1.Compliance{verdict(v1alpha1.VerdictCompliant, ago)}, left(compliant, nine.Add(-2*time.Hour)), count(verdict(v1alpha1.VerdictCompliant, ago), 0),
		},
		"violating, and what came and went": {
			[]v1alpha1.Compliance{verdict(v1alpha1.VerdictViolating, ago)}, left(violating, nine.Add(-time.Minute)), count(verdict(v1alpha1.VerdictViolating, ago), 2),
		},
		"unsynced after a restart, what was known stays": {
			[]v1alpha1.Compliance{count(verdict(v1alpha1.VerdictCompliant, ago), 0)}, Evidence{Level: baseline}, count(verdict(v1alpha1.VerdictCompliant, ago), 0),
		},
		"known at last": {
			[]v1alpha1.Compliance{verdict(v1alpha1.VerdictInconclusive, ago)}, compliant, count(verdict(v1alpha1.VerdictCompliant, since(nine)), 0),
		},
		"a record without a time": {
			[]v1alpha1.Compliance{verdict(v1alpha1.VerdictCompliant, nil)}, compliant, count(verdict(v1alpha1.VerdictCompliant, since(nine)), 0),
		},
		"the same level of another version is another": {
			[]v1alpha1.Compliance{{Level: v1alpha1.LevelBaseline, Version: "v1.36", Verdict: v1alpha1.VerdictCompliant, Since: ago}},
			compliant, count(verdict(v1alpha1.VerdictCompliant, since(nine)), 0),
		},
	} {
		t.Run(name, func(t *testing.T) {
			in := midway()
			in.Evidence = []Evidence{tc.now}
			got := Namespace(v1alpha1.NamespaceRolloutStatus{Compliance: tc.old}, in).Compliance
			if diff := cmp.Diff([]v1alpha1.Compliance{tc.want}, got); diff != "" {
				t.Errorf("compliance (-want +got):\n%s", diff)
			}
		})
	}
}

// A restart costs no soak: since is kept over a look without evidence.
func TestSinceIsKeptOverARestart(t *testing.T) {
	in := midway()
	status := Namespace(v1alpha1.NamespaceRolloutStatus{}, in)
	for i, known := range []bool{false, false, true} {
		in.Now = nine.Add(time.Duration(i+1) * time.Hour)
		for e := range in.Evidence {
			in.Evidence[e].Known = known
		}
		status = Namespace(written(t, status), in)
	}
	for _, c := range status.Compliance {
		if !c.Since.Equal(since(nine)) {
			t.Errorf("%s is %s since %v, want %v", c.Level, c.Verdict, c.Since, nine)
		}
	}
}

func TestComplianceIsBounded(t *testing.T) {
	in := midway()
	in.Evidence = nil
	for minor := range 20 {
		in.Evidence = append(in.Evidence, Evidence{Level: psaapi.LevelVersion{Level: psaapi.LevelBaseline, Version: psaapi.MajorMinorVersion(1, minor)}})
	}
	got := Namespace(v1alpha1.NamespaceRolloutStatus{}, in).Compliance
	if len(got) != 8 || got[0].Version != "v1.0" || got[7].Version != "v1.7" {
		t.Errorf("%d verdicts, want the first 8: %v", len(got), got)
	}
}

func TestCleanSince(t *testing.T) {
	ago := nine.Add(-time.Hour)
	departed := func(at ...*metav1.Time) (gone []v1alpha1.Violation) {
		for _, seen := range at {
			gone = append(gone, v1alpha1.Violation{LastSeen: seen})
		}
		return gone
	}
	for name, tc := range map[string]struct {
		old      []v1alpha1.Compliance
		departed []v1alpha1.Violation
		want     time.Time
	}{
		"nothing is recorded": {nil, nil, nine},
		"clean for an hour":   {[]v1alpha1.Compliance{verdict(v1alpha1.VerdictCompliant, since(ago))}, nil, ago},
		"clean as of now":     {[]v1alpha1.Compliance{verdict(v1alpha1.VerdictViolating, since(ago))}, nil, nine},
		"known as of now":     {[]v1alpha1.Compliance{verdict(v1alpha1.VerdictInconclusive, since(ago))}, nil, nine},
		"without a time":      {[]v1alpha1.Compliance{verdict(v1alpha1.VerdictCompliant, nil)}, nil, nine},
		"of another version":  {[]v1alpha1.Compliance{{Level: v1alpha1.LevelBaseline, Version: "v1.36", Verdict: v1alpha1.VerdictCompliant, Since: since(ago)}}, nil, nine},
		"a violation came and went meanwhile": {
			[]v1alpha1.Compliance{verdict(v1alpha1.VerdictCompliant, since(ago))},
			departed(since(ago.Add(2*time.Minute)), since(ago.Add(5*time.Minute)), since(ago.Add(time.Minute))), ago.Add(5 * time.Minute),
		},
		"a violation went before": {
			[]v1alpha1.Compliance{verdict(v1alpha1.VerdictCompliant, since(ago))}, departed(since(ago.Add(-time.Minute)), nil), ago,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := CleanSince(tc.old, Evidence{Level: baseline, Known: true, Departed: tc.departed}, nine)
			if !got.Equal(tc.want) {
				t.Errorf("clean since %v, want %v", got, tc.want)
			}
		})
	}
}
