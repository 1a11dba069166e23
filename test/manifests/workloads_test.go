// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	const file = `
# Only a comment.
---
apiVersion: v1
kind: Service
metadata: {name: web}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: "web-{{ version }}"}
spec: {replicas: 0, template: {spec: {containers: [{name: c, image: "{{.Image}}"}]}}}
---
apiVersion: v1
kind: Pod
metadata: {name: lonely}
spec: {containers: [{name: c, image: i}]}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly}
spec: {jobTemplate: {spec: {template: {spec: {containers: [{name: c, image: j}]}}}}}
`
	list, err := Parse([]byte(file))
	if err != nil {
		t.Fatal(err)
	}
	type seen struct {
		Name, Image string
		WantsPods   bool
	}
	var got []seen
	for _, w := range list {
		template, err := w.Template()
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, seen{w.String(), template.Spec.Containers[0].Image, w.WantsPods()})
	}
	want := []seen{
		{"Deployment web-placeholder", "placeholder", false},
		{"Pod lonely", "i", true},
		{"CronJob nightly", "j", false},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("workloads (-want +got):\n%s", diff)
	}
}

// TestKubernetes fails when an update of Kubernetes moves its manifests.
func TestKubernetes(t *testing.T) {
	dir, err := ModuleDir(t.Context(), "k8s.io/kubernetes", "../../hack/controlplane")
	if err != nil {
		t.Fatal(err)
	}
	files, err := Under(dir + "/cluster/addons")
	if err != nil {
		t.Fatal(err)
	}
	if len(files["metrics-server/metrics-server-deployment.yaml"]) == 0 {
		t.Errorf("no metrics-server among %d manifests", len(files))
	}
}
