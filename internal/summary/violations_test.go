// SPDX-License-Identifier: Apache-2.0

package summary

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

// told are the violations in short: "level workload check source".
func told(list []v1alpha1.Violation) []string {
	var out []string
	for _, v := range list {
		out = append(out, fmt.Sprintf("%s %s/%s %s %s", v.Level, v.Workload.Kind, v.Workload.Name, v.Check, v.Source))
	}
	return out
}

func TestViolations(t *testing.T) {
	const pod, template = v1alpha1.SourcePod, v1alpha1.SourceTemplate
	cron := violation("backup", "hostPathVolumes", template)
	cron.Workload.Kind = "CronJob"
	other := violation("web", "privileged", pod)
	other.Message = `privileged (container "sidecar")`
	for name, tc := range map[string]struct {
		baseline, restricted []v1alpha1.Violation
		want                 []string
		workloads            int32
	}{
		"none": {nil, nil, nil, 0},
		"the least strict level comes first": {
			[]v1alpha1.Violation{violation("web", "privileged", pod)}, []v1alpha1.Violation{violation("api", "runAsNonRoot", pod)},
			[]string{"baseline Deployment/web privileged Pod", "restricted Deployment/api runAsNonRoot Pod"}, 2,
		},
		"what violates both levels stands once": {
			[]v1alpha1.Violation{violation("web", "privileged", pod)},
			[]v1alpha1.Violation{violation("web", "privileged", pod), violation("web", "runAsNonRoot", pod)},
			[]string{"baseline Deployment/web privileged Pod", "restricted Deployment/web runAsNonRoot Pod"}, 1,
		},
		"pods stand for their template": {
			nil, []v1alpha1.Violation{violation("web", "privileged", template), violation("web", "privileged", pod)},
			[]string{"restricted Deployment/web privileged Pod"}, 1,
		},
		"what a template alone shows": {
			nil, []v1alpha1.Violation{violation("web", "privileged", template), violation("web", "hostPorts", pod)},
			[]string{"restricted Deployment/web hostPorts Pod", "restricted Deployment/web privileged Template"}, 1,
		},
		"by kind, name and check": {
			nil, []v1alpha1.Violation{violation("web", "privileged", pod), violation("web", "hostPorts", pod), violation("api", "privileged", pod), cron},
			[]string{
				"restricted CronJob/backup hostPathVolumes Template", "restricted Deployment/api privileged Pod",
				"restricted Deployment/web hostPorts Pod", "restricted Deployment/web privileged Pod",
			}, 3,
		},
		"pods of one workload that differ": {
			[]v1alpha1.Violation{other, violation("web", "privileged", pod)}, nil,
			[]string{"baseline Deployment/web privileged Pod", "baseline Deployment/web privileged Pod"}, 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			in := midway()
			in.Evidence = []Evidence{{Level: baseline, Known: true, Violations: tc.baseline}, {Level: restricted, Known: true, Violations: tc.restricted}}
			got := Namespace(v1alpha1.NamespaceRolloutStatus{}, in)
			if diff := cmp.Diff(tc.want, told(got.Violations)); diff != "" {
				t.Errorf("violations (-want +got):\n%s", diff)
			}
			if got.ViolationsTotal != int32(len(tc.want)) || got.ViolatingWorkloads != tc.workloads {
				t.Errorf("%d violations of %d workloads, want %d of %d", got.ViolationsTotal, got.ViolatingWorkloads, len(tc.want), tc.workloads)
			}
		})
	}
}

// What has departed is not listed: nothing there could be put right.
func TestDepartedIsNotListed(t *testing.T) {
	in := arrived()
	gone := violation("web", "privileged", v1alpha1.SourcePod)
	gone.LastSeen = since(nine)
	in.Evidence[0].Departed = []v1alpha1.Violation{gone}
	if got := Namespace(v1alpha1.NamespaceRolloutStatus{}, in); len(got.Violations) != 0 || got.ViolationsTotal != 0 {
		t.Errorf("%d of %d violations are listed, want none", len(got.Violations), got.ViolationsTotal)
	}
}

// The order in which violations are found shows in no status.
func TestViolationsAreOrderedStably(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		found := anyViolations(t)
		in := midway()
		in.Evidence = []Evidence{{Level: restricted, Known: true, ViolatingWorkloads: 1, Violations: found}}
		want := Namespace(v1alpha1.NamespaceRolloutStatus{}, in)
		in.Evidence[0].Violations = rapid.Permutation(found).Draw(t, "permuted")
		got := Namespace(v1alpha1.NamespaceRolloutStatus{}, in)
		if diff := cmp.Diff(want.Violations, got.Violations); diff != "" {
			t.Fatalf("violations (-want +got):\n%s", diff)
		}
		if want.ViolationsTotal != got.ViolationsTotal || want.ViolatingWorkloads != got.ViolatingWorkloads {
			t.Fatalf("%d violations of %d workloads, then %d of %d", want.ViolationsTotal, want.ViolatingWorkloads, got.ViolationsTotal, got.ViolatingWorkloads)
		}
	})
}

// A namespace in which everything violates does not outgrow the API server: the
// list is bounded, and the counts tell of what fell off.
func TestTwoThousandViolatingWorkloads(t *testing.T) {
	in := held(v1alpha1.ReasonViolations, strings.Repeat("é", 4000))
	in.Evidence = []Evidence{{Level: baseline, Known: true, Pods: 6000, Workloads: 2000, ViolatingWorkloads: 2000}}
	for i := range 2000 {
		v := violation(fmt.Sprintf("the-workload-of-a-team-that-likes-long-names-%04d", i), "privileged", v1alpha1.SourcePod)
		v.Message = strings.Repeat("é", 1000)
		v.Example = v.Workload.Name + "-7d9f8b6c5d-x2x9p"
		in.Evidence[0].Violations = append(in.Evidence[0].Violations, v)
	}
	got := Namespace(v1alpha1.NamespaceRolloutStatus{}, in)
	got = Namespace(got, with(in, func(in *NamespaceInput) { in.Now = nine.Add(time.Hour) }))
	if len(got.Violations) != 32 || got.ViolationsTotal != 2000 || got.ViolatingWorkloads != 2000 {
		t.Errorf("%d of %d violations of %d workloads, want 32 of 2000 of 2000", len(got.Violations), got.ViolationsTotal, got.ViolatingWorkloads)
	}
	for _, v := range got.Violations {
		if len(v.Message) != 512 || !utf8.ValidString(v.Message) {
			t.Fatalf("a message of %d bytes, want 512 and whole runes: %q", len(v.Message), v.Message)
		}
	}
	data, err := json.Marshal(v1alpha1.NamespaceRollout{Status: got})
	if err != nil {
		t.Fatal(err)
	}
	if len(data) > 32*1024 {
		t.Errorf("%d bytes, want at most 32 KiB", len(data))
	}
}
