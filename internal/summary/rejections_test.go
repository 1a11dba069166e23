// SPDX-License-Identifier: Apache-2.0

package summary

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

// among answers whether a workload is one of those named.
func among(names ...string) func(v1alpha1.WorkloadReference) bool {
	return func(w v1alpha1.WorkloadReference) bool { return slices.Contains(names, w.Name) }
}

// fromTemplate is a rejection whose template violates.
func fromTemplate(r v1alpha1.Rejection) v1alpha1.Rejection {
	r.Source = v1alpha1.SourceTemplate
	return r
}

func TestRejections(t *testing.T) {
	type list = []v1alpha1.Rejection
	rung, now := nine.Add(-10*time.Minute), nine
	before, first, last := rung.Add(-time.Second), nine.Add(-5*time.Minute), nine.Add(-time.Minute)
	for name, tc := range map[string]struct {
		known     list
		mark      time.Time // of the newest refusal taken in before
		seen      list
		present   []string
		violating []string
		want      list
		wantMark  time.Time
	}{
		"none": {},
		"refused since the rung, twice": {
			seen: list{rejection("web", last), rejection("web", first)}, present: []string{"web"},
			want: list{rejection("web", last)}, wantMark: last,
		},
		"refused as the rung was climbed": {
			seen: list{rejection("web", rung)}, present: []string{"web"},
			want: list{rejection("web", rung)}, wantMark: rung,
		},
		"refused before the rung": {
			known: list{rejection("api", before)}, seen: list{rejection("web", before)}, present: []string{"web", "api"},
			wantMark: before,
		},
		"the template says why": {
			seen: list{rejection("web", last)}, present: []string{"web"}, violating: []string{"web"},
			want: list{fromTemplate(rejection("web", last))}, wantMark: last,
		},
		"the newest first, then by name": {
			seen: list{rejection("web", last), rejection("api", last), rejection("job", first)}, present: []string{"web", "api", "job"},
			want: list{rejection("api", last), rejection("web", last), rejection("job", first)}, wantMark: last,
		},
		"known, and forgotten by the API server": {
			known: list{rejection("web", first)}, mark: first, present: []string{"web"},
			want: list{rejection("web", first)}, wantMark: first,
		},
		"known, and refused again": {
			known: list{rejection("web", first)}, mark: first, seen: list{rejection("web", last)}, present: []string{"web"},
			want: list{rejection("web", last)}, wantMark: last,
		},
		"recovered, and still told of": {
			mark: last, seen: list{rejection("web", last), rejection("api", first)}, present: []string{"web", "api"}, wantMark: last,
		},
		"what is older than the mark does not lower it": {
			mark: last, seen: list{rejection("web", first)}, present: []string{"web"}, wantMark: last,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, mark := Rejections(v1alpha1.NamespaceRolloutStatus{Rejections: tc.known, RejectionsSeen: atOrNil(tc.mark)}, Refusals{
				Now: now, Known: true, Since: rung, Seen: tc.seen, Present: among(tc.present...), Violating: among(tc.violating...),
			})
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("rejections (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(atOrNil(tc.wantMark), mark); diff != "" {
				t.Errorf("mark (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRecovery(t *testing.T) {
	pod, template := rejection("web", nine), fromTemplate(rejection("web", nine))
	yes, no := among("web"), among()
	for name, tc := range map[string]struct {
		known              v1alpha1.Rejection
		after              time.Duration
		present, violating func(v1alpha1.WorkloadReference) bool
		want               bool
	}{
		"gone":                                 {pod, time.Second, no, no, true},
		"gone, whatever its template was":      {template, time.Second, no, yes, true},
		"the template still violates":          {template, time.Hour, yes, yes, false},
		"the template was put right":           {template, time.Second, yes, no, true},
		"just refused, the template complies":  {pod, time.Second, yes, no, false},
		"quiet, but not for long enough":       {pod, 20 * time.Minute, yes, no, false},
		"quiet for a while":                    {pod, 20*time.Minute + time.Second, yes, no, true},
		"quiet, but the template now violates": {pod, time.Hour, yes, yes, false},
	} {
		t.Run(name, func(t *testing.T) {
			old := v1alpha1.NamespaceRolloutStatus{Rejections: []v1alpha1.Rejection{tc.known}, RejectionsSeen: &metav1.Time{Time: nine}}
			r := Refusals{Now: nine.Add(tc.after), Known: true, Present: tc.present, Violating: tc.violating, Seen: []v1alpha1.Rejection{rejection("web", nine)}}
			got, _ := Rejections(old, r)
			if recovered := len(got) == 0; recovered != tc.want {
				t.Errorf("recovered: %v, want %v", recovered, tc.want)
			}
		})
	}
}

// A workload that has recovered, and is refused once more, counts again.
func TestARelapseCounts(t *testing.T) {
	seen := []v1alpha1.Rejection{rejection("web", nine)}
	r := Refusals{Now: nine, Known: true, Seen: seen, Present: among("web"), Violating: among("web")}
	var status v1alpha1.NamespaceRolloutStatus
	for i, step := range []struct {
		refused   time.Duration
		violating bool
		want      int
	}{
		{0, true, 1}, {0, false, 0}, {0, true, 0}, {time.Minute, true, 1}, {time.Minute, false, 0}, {2 * time.Minute, false, 1},
	} {
		r.Now = nine.Add(time.Duration(i) * time.Minute)
		r.Seen = []v1alpha1.Rejection{rejection("web", nine.Add(step.refused))}
		if r.Violating = among(); step.violating {
			r.Violating = among("web")
		}
		status.Rejections, status.RejectionsSeen = Rejections(written(t, status), r)
		if len(status.Rejections) != step.want {
			t.Fatalf("step %d: %d are rejected, want %d", i, len(status.Rejections), step.want)
		}
	}
}

func TestRejectionsAreBounded(t *testing.T) {
	var seen []v1alpha1.Rejection
	for i := range 40 {
		r := rejection(fmt.Sprintf("web-%02d", i), nine.Add(-time.Duration(i)*time.Second))
		r.Message = strings.Repeat("é", 1000)
		seen = append(seen, r)
	}
	everything := func(v1alpha1.WorkloadReference) bool { return true }
	got, _ := Rejections(v1alpha1.NamespaceRolloutStatus{}, Refusals{Now: nine, Known: true, Seen: seen, Present: everything, Violating: everything})
	if len(got) != 16 || got[0].Workload.Name != "web-00" || got[15].Workload.Name != "web-15" {
		t.Errorf("%d are rejected, want the newest 16", len(got))
	}
	for _, r := range got {
		if len(r.Message) != 512 || !utf8.ValidString(r.Message) {
			t.Fatalf("a message of %d bytes, want 512 and whole runes", len(r.Message))
		}
	}
}

// Looking twice at the same refusals finds the same rejections, in the same
// order, so that nothing is written.
func TestRejectionsAreStable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var seen []v1alpha1.Rejection
		for i := range rapid.IntRange(0, 30).Draw(t, "seen") {
			ago := time.Duration(rapid.IntRange(0, 3).Draw(t, "ago")) * time.Second
			seen = append(seen, rejection(fmt.Sprint("web-", i%20), nine.Add(-ago)))
		}
		slices.SortStableFunc(seen, func(a, b v1alpha1.Rejection) int { return b.Time.Compare(a.Time.Time) })
		violating := rapid.SliceOf(rapid.SampledFrom([]string{"web-1", "web-2", "web-3"})).Draw(t, "violating")
		r := Refusals{
			Now: nine, Known: true, Since: nine.Add(-2 * time.Second), Seen: seen, Violating: among(violating...),
			Present: func(w v1alpha1.WorkloadReference) bool { return w.Name != "web-4" },
		}
		var status v1alpha1.NamespaceRolloutStatus
		status.Rejections, status.RejectionsSeen = Rejections(status, r)
		again, mark := Rejections(written(t, status), r)
		if diff := cmp.Diff(status.Rejections, again); diff != "" {
			t.Fatalf("rejections (-first +second):\n%s", diff)
		}
		if diff := cmp.Diff(status.RejectionsSeen, mark); diff != "" {
			t.Fatalf("mark (-first +second):\n%s", diff)
		}
	})
}

func TestRejectingMessage(t *testing.T) {
	for want, n := range map[string]int{
		"Pods of Deployment web are refused: why":                          1,
		"Pods of Deployment web are refused: why, and of 1 more workload":  2,
		"Pods of Deployment web are refused: why, and of 4 more workloads": 5,
	} {
		rejected := make([]v1alpha1.Rejection, n)
		rejected[0] = v1alpha1.Rejection{Workload: deployment("web"), Message: "why"}
		if got := RejectingMessage(rejected); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// While the evidence is not complete nobody has recovered, and what was refused
// meanwhile is taken in once it is.
func TestRejectionsWaitForEvidence(t *testing.T) {
	old := v1alpha1.NamespaceRolloutStatus{Rejections: []v1alpha1.Rejection{fromTemplate(rejection("web", nine))}, RejectionsSeen: &metav1.Time{Time: nine}}
	r := Refusals{Now: nine.Add(time.Hour), Seen: []v1alpha1.Rejection{rejection("api", nine.Add(time.Minute))}, Present: among(), Violating: among()}
	got, mark := Rejections(old, r)
	if diff := cmp.Diff(old.Rejections, got); diff != "" {
		t.Errorf("rejections (-want +got):\n%s", diff)
	}
	if !mark.Equal(old.RejectionsSeen) {
		t.Errorf("seen up to %v, want %v", mark, old.RejectionsSeen)
	}
	r.Known, r.Present, r.Now = true, among("api"), nine.Add(2*time.Minute)
	got, _ = Rejections(v1alpha1.NamespaceRolloutStatus{Rejections: got, RejectionsSeen: mark}, r)
	if diff := cmp.Diff([]v1alpha1.Rejection{rejection("api", nine.Add(time.Minute))}, got); diff != "" {
		t.Errorf("rejections once all is known (-want +got):\n%s", diff)
	}
}
