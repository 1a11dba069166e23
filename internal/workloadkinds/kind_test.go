// SPDX-License-Identifier: Apache-2.0

package workloadkinds

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"
)

func mustParse(t *testing.T, value string) Kind {
	t.Helper()
	kind, err := Parse(value)
	if err != nil {
		t.Fatal(err)
	}
	return kind
}

func object(t *testing.T, manifest string) map[string]any {
	t.Helper()
	var decoded map[string]any
	if err := yaml.Unmarshal([]byte(manifest), &decoded); err != nil {
		t.Fatal(err)
	}
	return decoded
}

// pod is a template of containers that are only named.
func pod(containers ...string) *corev1.PodTemplateSpec {
	template := &corev1.PodTemplateSpec{}
	for _, name := range containers {
		template.Spec.Containers = append(template.Spec.Containers, corev1.Container{Name: name})
	}
	return template
}

// annotated is a template with more in it than names.
var annotated = func() *corev1.PodTemplateSpec {
	template := pod("c")
	template.Annotations = map[string]string{"k": "v"}
	template.Spec.HostPID = true
	return template
}()

var podTemplateTests = map[string]struct {
	kind, object string
	want         []*corev1.PodTemplateSpec
	wantErr      string
}{
	"a PodTemplateSpec, whose metadata counts": {
		kind:   "example.com/v1/App=spec.template",
		object: `{spec: {template: {metadata: {annotations: {k: v}}, spec: {hostPID: true, containers: [{name: c, futureField: 1}]}}}}`,
		want:   []*corev1.PodTemplateSpec{annotated},
	},
	"a PodSpec": {
		kind:   "example.com/v1/App=spec.pod",
		object: `{spec: {pod: {containers: [{name: c}]}}}`,
		want:   []*corev1.PodTemplateSpec{pod("c")},
	},
	"all elements of a list": {
		kind:   "example.com/v1/App=spec.jobs[*].template",
		object: `{spec: {jobs: [{template: {containers: [{name: a}]}}, {}, {template: {spec: {containers: [{name: b}]}}}]}}`,
		want:   []*corev1.PodTemplateSpec{pod("a"), pod("b")},
	},
	"lists in lists": {
		kind:   "example.com/v1/App=spec[*][*]",
		object: `{spec: [[{containers: [{name: a}]}, {containers: [{name: b}]}], [{containers: [{name: c}]}]]}`,
		want:   []*corev1.PodTemplateSpec{pod("a"), pod("b"), pod("c")},
	},
	"all values of a map, by their keys": {
		kind:   "example.com/v1/App=spec.roles[*].template",
		object: `{spec: {roles: {worker: {template: {containers: [{name: w}]}}, leader: {template: {containers: [{name: l}]}}}}}`,
		want:   []*corev1.PodTemplateSpec{pod("l"), pod("w")},
	},
	"two paths": {
		kind:   "example.com/v1/App=spec.first+spec.second",
		object: `{spec: {second: {containers: [{name: b}]}, first: {containers: [{name: a}]}}}`,
		want:   []*corev1.PodTemplateSpec{pod("a"), pod("b")},
	},
	"no path":                      {kind: "example.com/v1/App", object: `{spec: {template: {spec: {containers: [{name: c}]}}}}`},
	"nothing at the path":          {kind: "example.com/v1/App=spec.template", object: `{spec: {workloadRef: {name: web}}}`},
	"null at the path":             {kind: "example.com/v1/App=spec.template", object: `{spec: {template: null}}`},
	"no object on the way":         {kind: "example.com/v1/App=spec.template.x", object: `{spec: {template: text}}`},
	"no list on the way":           {kind: "example.com/v1/App=spec.template[*].x", object: `{spec: {template: text}}`},
	"a field of a list":            {kind: "example.com/v1/App=spec.template", object: `{spec: [{template: {containers: [{name: c}]}}]}`},
	"containers that are null yet": {kind: "example.com/v1/App=spec.template", object: `{spec: {template: {spec: {containers: null}}}}`},
	"containers that are none yet": {kind: "example.com/v1/App=spec.template", object: `{spec: {template: {spec: {containers: []}}}}`},
	"text at the path":             {kind: "example.com/v1/App=spec.template", object: `{spec: {template: text}}`, wantErr: "a string where an object should be"},
	"no pod template at the path":  {kind: "example.com/v1/App=spec.template", object: `{spec: {template: {spec: {domain: {}}}}}`, wantErr: errNoContainers.Error()},
	"nothing of a pod at the path": {kind: "example.com/v1/App=spec.template", object: `{spec: {template: {metadata: {}}}}`, wantErr: errNoContainers.Error()},
	"containers that are no list":  {kind: "example.com/v1/App=spec.template", object: `{spec: {template: {containers: text}}}`, wantErr: "converting"},
	"a field that cannot be read":  {kind: "example.com/v1/App=spec.template", object: `{spec: {template: {hostPID: maybe, containers: [{name: c}]}}}`, wantErr: "converting"},
	"one of two that cannot be read": {
		kind:    "example.com/v1/App=spec.templates[*]",
		object:  `{spec: {templates: [text, {containers: [{name: c}]}]}}`,
		want:    []*corev1.PodTemplateSpec{pod("c")},
		wantErr: "at spec.templates[*]",
	},
}

func TestPodTemplates(t *testing.T) {
	for name, tc := range podTemplateTests {
		t.Run(name, func(t *testing.T) {
			decoded := object(t, tc.object)
			got, err := mustParse(t, tc.kind).PodTemplates(decoded)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("templates (-want +got):\n%s", diff)
			}
			if tc.wantErr == "" && err != nil || tc.wantErr != "" && (err == nil || !strings.Contains(err.Error(), tc.wantErr)) {
				t.Errorf("error %v, want %q", err, tc.wantErr)
			}
			if diff := cmp.Diff(object(t, tc.object), decoded); diff != "" {
				t.Errorf("the object has been changed (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPodTemplatesOfATektonTask(t *testing.T) {
	nonRoot := func(privileged bool) *corev1.SecurityContext {
		return &corev1.SecurityContext{
			Privileged: &privileged, RunAsNonRoot: ptr.To(true), Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		}
	}
	hostPath := []corev1.Volume{{Name: "docker", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/run"}}}}
	tests := map[string]struct {
		object string
		want   []*corev1.PodTemplateSpec
	}{
		"steps, sidecars and volumes": {
			object: `{spec: {steps: [{name: build, script: make, computeResources: {limits: {cpu: $(params.cpu)}}}, {image: x}],
				sidecars: [{name: db}], volumes: [{name: docker, hostPath: {path: /run}}]}}`,
			want: []*corev1.PodTemplateSpec{{Spec: corev1.PodSpec{
				Containers: []corev1.Container{{Name: "step-build"}, {Name: "step-unnamed-1", Image: "x"}, {Name: "sidecar-db"}}, Volumes: hostPath,
			}}},
		},
		"the stepTemplate's securityContext is under the step's own, not the sidecar's": {
			object: `{spec: {stepTemplate: {securityContext: {privileged: true, runAsNonRoot: true, capabilities: {drop: [ALL]}}},
				steps: [{name: a}, {name: b, securityContext: {privileged: false}}, {name: c, securityContext: {capabilities: {add: [CHOWN]}}}], sidecars: [{name: s}]}}`,
			want: []*corev1.PodTemplateSpec{{Spec: corev1.PodSpec{Containers: []corev1.Container{
				{Name: "step-a", SecurityContext: nonRoot(true)}, {Name: "step-b", SecurityContext: nonRoot(false)},
				{Name: "step-c", SecurityContext: &corev1.SecurityContext{
					Privileged: ptr.To(true), RunAsNonRoot: ptr.To(true),
					Capabilities: &corev1.Capabilities{Add: []corev1.Capability{"CHOWN"}, Drop: []corev1.Capability{"ALL"}},
				}},
				{Name: "sidecar-s"},
			}}}},
		},
		"a step that refers to a StepAction": {
			object: `{spec: {steps: [{name: a, ref: {name: clone}}, {name: b}]}}`,
			want:   []*corev1.PodTemplateSpec{pod("step-b")},
		},
		"nothing but such steps": {object: `{spec: {steps: [{name: a, ref: {name: clone}}]}}`},
		"no steps":               {object: `{spec: {}}`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			decoded := object(t, tc.object)
			got, err := mustParse(t, "tekton.dev/v1/Task=spec:steps").PodTemplates(decoded)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("templates (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(object(t, tc.object), decoded); diff != "" {
				t.Errorf("the object has been changed (-want +got):\n%s", diff)
			}
		})
	}
}

// Whatever is at the path, reading it answers templates that have containers, or an error, and never panics.
func FuzzPodTemplates(f *testing.F) {
	for _, seed := range []string{
		`{"containers":[{"name":"c","securityContext":{"capabilities":{"add":["X"]}}}]}`, `{"spec":{"containers":[null, 1, {}]}}`,
		`{"steps":[{"securityContext":[]}],"stepTemplate":{"securityContext":{"privileged":1}}}`,
		`{"metadata":{"creationTimestamp":5},"spec":{"containers":{}}}`, `[]`, `null`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var found any
		if json.Unmarshal(data, &found) != nil {
			t.Skip("no JSON")
		}
		for _, value := range []string{"example.com/v1/App=spec", "example.com/v1/App=spec[*]", "tekton.dev/v1/Task=spec:steps"} {
			templates, _ := mustParse(t, value).PodTemplates(map[string]any{"spec": found})
			for _, template := range templates {
				if len(template.Spec.Containers) == 0 {
					t.Errorf("%s: a template without containers", value)
				}
			}
		}
	})
}

// A path finds what was put there.
func TestPathFindsWhatIsThere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var value any = map[string]any{"containers": []any{map[string]any{"name": "c"}}}
		var p path
		for range rapid.IntRange(0, 6).Draw(t, "depth") {
			if len(p) > 0 && rapid.Bool().Draw(t, "each") {
				value, p = []any{value}, append(path{each}, p...)
			}
			field := rapid.StringMatching(`[a-z][A-Za-z0-9_-]{0,5}`).Draw(t, "field")
			value, p = map[string]any{field: value, "other": 1}, append(path{field}, p...)
		}
		if len(p) == 0 {
			return
		}
		parsed, err := parsePath(p.String())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(p, parsed); diff != "" {
			t.Fatalf("path read back (-want +got):\n%s", diff)
		}
		if found := p.find(value.(map[string]any)); len(found) != 1 || found[0].(map[string]any)["containers"] == nil {
			t.Fatalf("%s finds %v in %v", p, found, value)
		}
	})
}
