// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/pod-security-admission/admission"
)

func read(text string) (*File, error) {
	return Read("m.yaml", strings.NewReader(text))
}

// describeAll writes the pods of a file, each with its line and its containers, and the others.
func describeAll(f *File) (pods, others []string) {
	for _, pod := range f.Pods {
		var names []string
		for _, c := range pod.Template.Spec.Containers {
			names = append(names, c.Name)
		}
		pods = append(pods, fmt.Sprintf("%d %s: %s", pod.Line, pod.Object, strings.Join(names, ",")))
	}
	for _, other := range f.Others {
		others = append(others, fmt.Sprintf("%d %s", other.Line, other))
	}
	return pods, others
}

const (
	podSpec  = "{containers: [{name: c}]}"
	ofPod    = "kind: Pod\napiVersion: v1\n"
	template = "{template: {spec: " + podSpec + "}}"
)

var readTests = map[string]struct {
	text             string
	want, wantOthers []string
}{
	"a pod":          {text: "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: shop}\nspec: " + podSpec, want: []string{"1 Pod shop/a: c"}},
	"a name to come": {text: "apiVersion: v1\nkind: Pod\nmetadata: {generateName: a-}\nspec: " + podSpec, want: []string{"1 Pod a-: c"}},
	"many documents": {
		text: "# c\n---\n# c\napiVersion: apps/v1\nkind: Deployment\nspec: " + template +
			"\n---\n\n---\nkind: Service\n...\nkind: Pod\napiVersion: v1\nspec: " + podSpec,
		want:       []string{"4 Deployment: c", "12 Pod: c"},
		wantOthers: []string{"10 Service"},
	},
	"directives": {text: "%YAML 1.1\n---\nkind: Pod\napiVersion: v1\nspec: " + podSpec, want: []string{"3 Pod: c"}},
	"on the marker": {
		text:       "--- # comment\nkind: Pod\napiVersion: v1\nspec: " + podSpec + "\n--- {kind: ConfigMap}\n",
		want:       []string{"2 Pod: c"},
		wantOthers: []string{"5 ConfigMap"},
	},
	"a mark first": {text: "\ufeffkind: Pod\napiVersion: v1\nspec: " + podSpec, want: []string{"1 Pod: c"}},
	"lines of Windows": {
		text:       "kind: ConfigMap\r\n---\r\nkind: Pod\r\napiVersion: v1\r\nspec: " + podSpec + "\r\n",
		want:       []string{"3 Pod: c"},
		wantOthers: []string{"1 ConfigMap"},
	},
	"a CronJob":      {text: "kind: CronJob\napiVersion: batch/v1\nspec: {jobTemplate: {spec: " + template + "}}", want: []string{"1 CronJob: c"}},
	"a PodTemplate":  {text: "kind: PodTemplate\napiVersion: v1\ntemplate: {spec: " + podSpec + "}", want: []string{"1 PodTemplate: c"}},
	"an older group": {text: "kind: Deployment\napiVersion: extensions/v1beta1\nspec: " + template, want: []string{"1 Deployment: c"}},
	"a foreign kind of the same name": {
		text: "kind: Deployment\napiVersion: example.com/v1\nspec: " + template, wantOthers: []string{"1 Deployment"},
	},
	"YAML 1.1": {text: "kind: Pod\napiVersion: v1\nspec: {hostPID: yes, containers: [{name: c}]}", want: []string{"1 Pod: c"}},
	"a List": {
		text: "apiVersion: v1\nkind: List\nitems:\n- kind: Service\n- apiVersion: v1\n  kind: Pod\n" +
			"  spec: " + podSpec + "\n- kind: List\n  items:\n  - {apiVersion: v1, kind: Pod, spec: " + podSpec + "}",
		want: []string{"5 Pod: c", "10 Pod: c"}, wantOthers: []string{"4 Service"},
	},
	"a typed list": {text: "apiVersion: apps/v1\nkind: DeploymentList\nitems:\n- spec: " + template, want: []string{"4 Deployment: c"}},
	"a Template of OpenShift": {
		text: "apiVersion: template.openshift.io/v1\nkind: Template\nobjects:\n" +
			"- {apiVersion: apps.openshift.io/v1, kind: DeploymentConfig, spec: " + template + "}",
		want: []string{"4 DeploymentConfig: c"},
	},
	"JSON": {
		text: "\n{\"kind\": \"Pod\", \"apiVersion\": \"v1\", \"spec\": {\"containers\": [{\"name\": \"\\ud83d\\ude00\"}]}}",
		want: []string{"2 Pod: 😀"},
	},
	"a stream of JSON": {
		text:       "{\"kind\": \"Pod\", \"apiVersion\": \"v1\", \"spec\": {\"containers\": [{\"name\": \"c\"}]}}\n\t{\"kind\": \"Service\"}{}",
		want:       []string{"1 Pod: c"},
		wantOthers: []string{"2 Service", "2 a document without kind"},
	},
	"JSON with tabs": {
		text: "{\n\t\"kind\": \"Pod\",\n\t\"apiVersion\": \"v1\",\n\t\"spec\": {\n\t\t\"containers\": [{\"name\": \"c\"}]}}",
		want: []string{"1 Pod: c"},
	},
	"braces of YAML": {
		text:       "{kind: Pod, apiVersion: v1, spec: " + podSpec + "}\n---\n{kind: Service}",
		want:       []string{"1 Pod: c"},
		wantOthers: []string{"3 Service"},
	},
	"a Rollout": {text: "kind: Rollout\napiVersion: argoproj.io/v1alpha1\nspec: " + template, want: []string{"1 Rollout: c"}},
	"a Rollout without one": {
		text:       "kind: Rollout\napiVersion: argoproj.io/v1alpha1\nspec: {workloadRef: {name: web}}",
		wantOthers: []string{"1 Rollout"},
	},
	"a Revision of Knative": {
		text: "kind: Revision\napiVersion: serving.knative.dev/v1\nspec: {containerConcurrency: 1, containers: [{name: c}]}",
		want: []string{"1 Revision: c"},
	},
	"a JobSet, more than one": {
		text: "kind: JobSet\napiVersion: jobset.x-k8s.io/v1alpha2\n" +
			"spec: {replicatedJobs: [{template: {spec: " + template + "}}, {}, {template: {spec: " + template + "}}]}",
		want: []string{"1 JobSet: c", "1 JobSet: c"},
	},
	"a PyTorchJob, by a map": {
		text: "kind: PyTorchJob\napiVersion: kubeflow.org/v1\nspec: {pytorchReplicaSpecs: {Worker: " + template + ", Master: " + template + "}}",
		want: []string{"1 PyTorchJob: c", "1 PyTorchJob: c"},
	},
	"anchors and merges": {
		text: "kind: Pod\napiVersion: v1\nspec:\n  containers:\n  - &a {name: c}\n  - {<<: *a, name: d}\n  - *a",
		want: []string{"1 Pod: c,d,c"},
	},
	"a patch for kustomize": {text: "- op: add\n  path: /spec\n", wantOthers: []string{"1 a document without kind"}},
	"null":                  {text: "~\n", wantOthers: []string{"1 a document without kind"}},
	"a Namespace": {
		text:       "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {a: b}}",
		wantOthers: []string{"1 Namespace shop"},
	},
	"items of no list":         {text: "apiVersion: example.com/v1\nkind: Menu\nitems: [1]", wantOthers: []string{"1 Menu"}},
	"nothing":                  {text: "# nothing\n---\n"},
	"a path through no object": {text: "kind: Rollout\napiVersion: argoproj.io/v1alpha1\nspec: text", wantOthers: []string{"1 Rollout"}},
}

func TestRead(t *testing.T) {
	for name, tc := range readTests {
		t.Run(name, func(t *testing.T) {
			f, err := read(tc.text)
			if err != nil {
				t.Fatal(err)
			}
			pods, others := describeAll(f)
			if diff := cmp.Diff(tc.want, pods); diff != "" {
				t.Errorf("pods (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.wantOthers, others); diff != "" {
				t.Errorf("others (-want +got):\n%s", diff)
			}
		})
	}
}

// aliases doubles what it holds with each line.
func aliases() string {
	var b strings.Builder
	b.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x]\n")
	for i := range 12 {
		fmt.Fprintf(&b, "a%d: &a%d [%s]\n", i+1, i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i), 9), ", "))
	}
	return b.String()
}

var readErrorTests = map[string]struct {
	text string
	want []string
}{
	"broken":                    {text: "a: b\n---\n# c\nb: [\nc: d\n", want: []string{"m.yaml:5: did not find expected ',' or ']'"}},
	"broken by its indentation": {text: "a:\n  b: c\n d: e\n", want: []string{"m.yaml:3: did not find expected key"}},
	"broken twice":              {text: "a: [\n---\nb: c\n---\nd: {\n", want: []string{"m.yaml:1: did not", "m.yaml:5: did not"}},
	"a tab":                     {text: "a:\n\tb: c\n", want: []string{"m.yaml:2: found character that cannot start any token"}},
	"text":                      {text: "hello world", want: []string{"m.yaml:1: text, where an object"}},
	"binary":                    {text: "a\x00b", want: []string{"m.yaml: binary"}},
	"not in UTF-8":              {text: "a: \xff\xfe", want: []string{"m.yaml: not in UTF-8"}},
	"a control character":       {text: "a: \x01", want: []string{"m.yaml:1: control characters are not allowed"}},
	"a field twice": {
		text: ofPod + "spec:\n  hostPID: true\n  hostPID: false\n",
		want: []string{`m.yaml:5: the field "hostPID" is there twice`},
	},
	"a field twice in JSON": {text: "{\"kind\": \"Pod\",\n\"kind\": \"Pod\"}", want: []string{`m.yaml:2: the field "kind" is there twice`}},
	"broken JSON":           {text: `{"kind": "Pod", "spec": {]}`, want: []string{"m.yaml:1: did not find expected node content"}},
	"nested too deep": {
		text: "a: " + strings.Repeat("[", 1500) + strings.Repeat("]", 1500),
		want: []string{"m.yaml:1: nested more than 1000 deep"},
	},
	"nested deeper":         {text: "a: " + strings.Repeat("[", 20000), want: []string{"m.yaml:1: exceeded max depth of 10000"}},
	"nested blocks":         {text: strings.Repeat("- ", 5000) + "a", want: []string{"m.yaml:1: nested more than 1000 deep"}},
	"aliases that explode":  {text: aliases(), want: []string{"m.yaml:1: document contains excessive aliasing"}},
	"an alias of itself":    {text: "a: &a [*a]", want: []string{"m.yaml:1: anchor 'a' value contains itself"}},
	"an alias of nothing":   {text: "x: y\na: *a", want: []string{"m.yaml:1: unknown anchor 'a' referenced"}},
	"a key that is no text": {text: "{[a]: b}", want: []string{"m.yaml:1: a key that is no text"}},
	"placeholders in a chart": {
		text: ofPod + "spec:\n{{ toYaml .Values.spec | indent 2 }}\n",
		want: []string{"there are placeholders ({{ }}) in it: check what `helm template`"},
	},
	"no apiVersion": {
		text: "metadata: {name: web}\nkind: Deployment\nspec: " + template,
		want: []string{`m.yaml:1: Deployment web: there is no kind "Deployment" of apiVersion ""`},
	},
	"the apiVersion of another": {
		text: "apiVersion: v1\nkind: Deployment\nspec: " + template,
		want: []string{`there is no kind "Deployment" of apiVersion "v1"`},
	},
	"a kind in small letters": {text: "apiVersion: v1\nkind: pod\nspec: " + podSpec, want: []string{`there is no kind "pod" of apiVersion "v1"`}},
	"no template": {
		text: "kind: Deployment\napiVersion: apps/v1\nmetadata: {name: web}\nspec: {}",
		want: []string{"m.yaml:1: Deployment web has no pod template at spec.template"},
	},
	"a template of null": {
		text: "kind: Deployment\napiVersion: apps/v1\nmetadata: {name: web}\nspec:\n  template:\n",
		want: []string{"m.yaml:1: Deployment web has no pod template at spec.template"},
	},
	"a template of text": {
		text: "kind: Deployment\napiVersion: apps/v1\nspec:\n  template: text\n",
		want: []string{"m.yaml:4: Deployment: reading its pod: cannot unmarshal string"},
	},
	"no containers": {
		text: "kind: Deployment\napiVersion: apps/v1\nmetadata: {name: web}\nspec:\n  template:\n    spec: {hostPID: true}",
		want: []string{"m.yaml:5: Deployment web has a pod without containers; if this is a patch, check what `kustomize build` puts out"},
	},
	"no spec": {text: "kind: Pod\napiVersion: v1\nmetadata: {name: web}", want: []string{"Pod web has a pod without containers"}},
	"a wrong type": {
		text: ofPod + "spec:\n  hostPID: \"true\"\n  containers: [{name: c}]",
		want: []string{"m.yaml:1: Pod: reading its pod: cannot unmarshal string into Go struct field PodSpec.spec.hostPID of type bool"},
	},
	"a wrong quantity": {
		text: ofPod + "spec: {containers: [{name: c, resources: {limits: {cpu: much}}}]}",
		want: []string{"quantities must match the regular expression"},
	},
	"an item that is none": {text: "kind: List\nitems:\n- kind: Service\n- text", want: []string{"m.yaml:4: an item that is no object"}},
	"labels that are none": {
		text: "kind: Namespace\napiVersion: v1\nmetadata:\n  name: shop\n  labels: {a: 1}",
		want: []string{"m.yaml:5: Namespace shop: reading its labels: cannot unmarshal number"},
	},
	"one of two in a List": {
		text: "kind: List\nitems:\n- {kind: Pod, apiVersion: v1}\n- {kind: Pod, apiVersion: v1, spec: " + podSpec + "}\n- {kind: Pod, apiVersion: v1}",
		want: []string{"m.yaml:3: Pod has", "m.yaml:5: Pod has"},
	},
	"another document in line": {text: "a: b\n--- c\n", want: []string{"m.yaml:2: text, where an object"}},
	"one of two templates": {
		text: "kind: JobSet\napiVersion: jobset.x-k8s.io/v1alpha2\n" +
			"spec: {replicatedJobs: [{template: {spec: {template: {spec: " + podSpec + "}}}}, {template: {spec: {template: 1}}}]}",
		want: []string{"m.yaml:3: JobSet: reading its pod"},
	},
}

func TestReadErrors(t *testing.T) {
	for name, tc := range readErrorTests {
		t.Run(name, func(t *testing.T) {
			f, err := read(tc.text)
			got := list(err)
			if len(got) != len(tc.want) {
				t.Fatalf("%d errors %q, want %d", len(got), got, len(tc.want))
			}
			for i, e := range got {
				if !strings.Contains(e.Error(), tc.want[i]) {
					t.Errorf("%v, want %q", e, tc.want[i])
				}
				if at := (*Error)(nil); !errors.As(e, &at) {
					t.Errorf("%v is no *Error", e)
				}
			}
			if again, err := f.Edit(nil); string(again) != string(f.Text()) || err != nil {
				t.Errorf("without edits the text is %q", again)
			}
		})
	}
}

// list takes a joined error apart.
func list(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	if err != nil {
		return []error{err}
	}
	return nil
}

func TestReadBounds(t *testing.T) {
	tests := map[string]struct {
		text io.Reader
		want string
	}{
		"an input": {text: io.LimitReader(repeat("a: b\n---\n"), MaxBytes+1), want: "m.yaml: more than 64 MiB: give its documents in several files"},
		"a document": {
			text: io.MultiReader(strings.NewReader("a: |\n"), io.LimitReader(repeat("  text\n"), MaxDocument)),
			want: "m.yaml:1: a document of more than 16 MiB: divide it",
		},
		"no readable": {text: iotest.ErrReader(io.ErrClosedPipe), want: "reading m.yaml: io: read/write on closed pipe"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := Read("m.yaml", tc.text); err == nil || !strings.HasPrefix(err.Error(), tc.want) {
				t.Errorf("%v, want %s", err, tc.want)
			}
		})
	}
}

// repeat reads a text again and again.
type repeat string

func (r repeat) Read(p []byte) (int, error) {
	n := 0
	for n+len(r) <= len(p) {
		n += copy(p[n:], r)
	}
	if n == 0 {
		n = copy(p, r)
	}
	return n, nil
}

func TestUnknownFields(t *testing.T) {
	const text = "spec: {hostPld: true, containers: [{name: c, securitycontext: {}}]}"
	f, err := read("kind: Pod\napiVersion: v1\nstatus: {phase: Running, new: 1}\n" + text + "\n---\nkind: Revision\napiVersion: serving.knative.dev/v1\n" + text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{`unknown field "spec.containers[0].securitycontext"`, `unknown field "spec.hostPld"`}, f.Pods[0].Unknown); diff != "" {
		t.Errorf("of a Pod (-want +got):\n%s", diff)
	}
	if len(f.Pods[1].Unknown) > 0 {
		t.Errorf("of a custom kind: %q", f.Pods[1].Unknown)
	}
}

func TestVolumesGetTheirDefault(t *testing.T) {
	f, err := read("kind: Pod\napiVersion: v1\nspec: {containers: [{name: c}], volumes: [{name: v}, {name: h, hostPath: {path: /}}]}")
	if err != nil {
		t.Fatal(err)
	}
	if v := f.Pods[0].Template.Spec.Volumes; v[0].EmptyDir == nil || v[1].EmptyDir != nil {
		t.Errorf("volumes %+v", v)
	}
}

// The kinds are those that upstream takes pods out of.
func TestBuiltInKindsAreUpstreams(t *testing.T) {
	resources := map[schema.GroupResource]bool{}
	for gk := range builtIn {
		if gk.Group != "extensions" { // no longer served
			resources[schema.GroupResource{Group: gk.Group, Resource: strings.ToLower(gk.Kind) + "s"}] = true
		}
	}
	for _, gr := range (admission.DefaultPodSpecExtractor{}).PodSpecResources() {
		if !resources[gr] {
			t.Errorf("%s is not known", gr)
		}
		delete(resources, gr)
	}
	if len(resources) > 0 {
		t.Errorf("upstream does not know %v", resources)
	}
}

// A template of a kind that is not known is said not to be checked.
func TestUncheckedTemplates(t *testing.T) {
	f, err := read("apiVersion: example.com/v1\nkind: App\nspec: " + template + "\n---\napiVersion: example.com/v1\nkind: App\nspec: {template: {spec: {x: 1}}}\n" +
		"---\napiVersion: tekton.dev/v1\nkind: Task\nspec: {steps: [{image: i}]}\n---\napiVersion: tekton.dev/v1\nkind: Pipeline\nspec: {tasks: []}\n")
	if err != nil {
		t.Fatal(err)
	}
	var unchecked []bool
	for _, o := range f.Others {
		unchecked = append(unchecked, o.Unchecked)
	}
	if diff := cmp.Diff([]bool{true, false, true, false}, unchecked); diff != "" {
		t.Errorf("unchecked (-want +got):\n%s", diff)
	}
}

// Nothing that follows a document is passed over: the second object here is cut off.
func TestWhatFollowsIsRead(t *testing.T) {
	pod := `{"apiVersion":"v1","kind":"Pod","spec":` + `{"containers":[{"name":"c"}]}}`
	for _, rest := range []string{"A", "\n{\"kind\":\"Pod\"", "\n- a", "\nkind: Pod"} {
		if _, err := read(pod + rest); err == nil {
			t.Errorf("%q after a pod is not noticed", rest)
		}
	}
	if f, err := read(`{"kind":"List","items":[]}`); err != nil || len(f.Others) != 1 {
		t.Errorf("an empty List: %v, %+v", err, f.Others)
	}
}
