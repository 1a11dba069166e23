// SPDX-License-Identifier: Apache-2.0

package output

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/cli/term"
)

var web = v1alpha1.WorkloadReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "web"}

// violations has one check that pods and their template show, one of a template alone, and another workload.
var violations = []v1alpha1.Violation{
	{
		Workload: v1alpha1.WorkloadReference{APIVersion: "batch/v1", Kind: "CronJob", Name: "report"}, Level: "baseline", Check: "hostPathVolumes",
		Message: `hostPath volumes (volume "logs")`, Source: v1alpha1.SourceTemplate,
	},
	{Workload: web, Level: "baseline", Check: "hostPorts", Message: "hostPort", Source: v1alpha1.SourceTemplate},
	{Workload: web, Level: "baseline", Check: "hostPorts", Message: "hostPort", Source: v1alpha1.SourcePod, Pods: 3, Example: "web-1"},
	{Workload: web, Level: "restricted", Check: "runAsNonRoot", Message: "runAsNonRoot != true", Source: v1alpha1.SourcePod, Pods: 1, Example: "web-1"},
}

func TestByWorkload(t *testing.T) {
	type checks struct {
		Workload string
		Checks   []string
		Sources  []string
		Remedies int
	}
	var got []checks
	for _, w := range ByWorkload(violations) {
		c := checks{Workload: w.String(), Checks: w.Checks()}
		for _, v := range w.Violations {
			c.Sources = append(c.Sources, v.Source)
			if v.Remedy != "" && v.URL != "" {
				c.Remedies++
			}
		}
		got = append(got, c)
	}
	want := []checks{
		{"CronJob report", []string{"hostPathVolumes"}, []string{"Template"}, 1},
		{"Deployment web", []string{"hostPorts", "runAsNonRoot"}, []string{"Pod", "Pod"}, 2},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("by workload (-want +got):\n%s", diff)
	}
}

func TestWriteWorkloads(t *testing.T) {
	var out bytes.Buffer
	WriteWorkloads(&term.Terminal{Writer: &out}, 2, ByWorkload(violations))
	want := `  CronJob report
    hostPathVolumes  hostPath volumes (volume "logs")
      in its pod template, so in the next pod
      → replace volumes[*].hostPath by another type of volume, such as emptyDir, configMap or persistentVolumeClaim
  Deployment web
    hostPorts  hostPort
      in 3 pods, such as web-1
      → remove ports[*].hostPort in every container; a Service reaches the pod without it
    runAsNonRoot  runAsNonRoot != true
      in pod web-1
      → set securityContext.runAsNonRoot: true in the pod, and false in no container; the image has to name a user other than root
  see https://kubernetes.io/docs/concepts/security/pod-security-standards/#baseline
  see https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("the text (-want +got):\n%s", diff)
	}
}

func TestWrite(t *testing.T) {
	tests := map[string]string{
		JSON: "{\n  \"apiVersion\": \"cli.podsecurity.dev/v1alpha1\",\n  \"kind\": \"Report\"\n}\n",
		YAML: "apiVersion: cli.podsecurity.dev/v1alpha1\nkind: Report\n",
	}
	for name, want := range tests {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := (&Format{Name: name}).Write(&out, NewHeader("Report")); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, out.String()); diff != "" {
				t.Errorf("the document (-want +got):\n%s", diff)
			}
		})
	}
}
