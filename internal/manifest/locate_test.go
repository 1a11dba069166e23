// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/podsecurity-rollout/operator/internal/remedy"
)

// path reads a path written with dots: a number is the index of an item.
func path(text string) remedy.Path {
	var p remedy.Path
	for step := range strings.SplitSeq(text, ".") {
		var e remedy.Element
		if _, err := fmt.Sscanf(step, "%d", &e.Index); err != nil {
			e.Name = step
		}
		p = append(p, e)
	}
	return p
}

const located = `# 1
apiVersion: v1
kind: List
items:
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: wäb}
  spec:
    template:
      spec:
        containers:
        - name: a
          securityContext: &sc
            privileged: true
            capabilities: {add: ["ä", SYS_TIME]}
        -
          image: b
        - <<: &d {tty: true, name: c}
          securityContext: *sc
        - <<: [*d, {stdin: true}]
        volumes: # 21
        - {name: x, hostPath: {path: /}}
`

var locateTests = map[string]struct {
	path         string
	want         string // line:column
	wantWhole    string
	wantIdentity string
}{
	"a field": {
		path:         "spec.containers.0.securityContext.privileged",
		want:         "14:13",
		wantWhole:    "spec.template.spec.containers[0].securityContext.privileged",
		wantIdentity: "spec.template.spec.containers[name=a].securityContext.privileged",
	},
	"an item": {
		path:         "spec.containers.0",
		want:         "12:11",
		wantWhole:    "spec.template.spec.containers[0]",
		wantIdentity: "spec.template.spec.containers[name=a]",
	},
	"an item below its dash": {
		path:         "spec.containers.1.securityContext",
		want:         "17:11",
		wantWhole:    "spec.template.spec.containers[1].securityContext",
		wantIdentity: "spec.template.spec.containers[1].securityContext",
	},
	"after other characters": {
		path:         "spec.containers.0.securityContext.capabilities.add.1",
		want:         "15:39",
		wantWhole:    "spec.template.spec.containers[0].securityContext.capabilities.add[1]",
		wantIdentity: "spec.template.spec.containers[name=a].securityContext.capabilities.add[SYS_TIME]",
	},
	"in braces": {
		path:         "spec.volumes.0.hostPath",
		want:         "22:21",
		wantWhole:    "spec.template.spec.volumes[0].hostPath",
		wantIdentity: "spec.template.spec.volumes[name=x].hostPath",
	},
	"through an alias": {
		path:         "spec.containers.2.securityContext.privileged",
		want:         "14:13",
		wantWhole:    "spec.template.spec.containers[2].securityContext.privileged",
		wantIdentity: "spec.template.spec.containers[name=c].securityContext.privileged",
	},
	"missing behind an alias": {
		path:         "spec.containers.2.securityContext.runAsUser",
		want:         "19:11",
		wantWhole:    "spec.template.spec.containers[2].securityContext.runAsUser",
		wantIdentity: "spec.template.spec.containers[name=c].securityContext.runAsUser",
	},
	"merged": {
		path:         "spec.containers.2.tty",
		want:         "18:19",
		wantWhole:    "spec.template.spec.containers[2].tty",
		wantIdentity: "spec.template.spec.containers[name=c].tty",
	},
	"merged from a list": {
		path:         "spec.containers.3.stdin",
		want:         "20:21",
		wantWhole:    "spec.template.spec.containers[3].stdin",
		wantIdentity: "spec.template.spec.containers[name=c].stdin",
	},
	"missing in the pod": {
		path:         "spec.securityContext.runAsNonRoot",
		want:         "10:7",
		wantWhole:    "spec.template.spec.securityContext.runAsNonRoot",
		wantIdentity: "spec.template.spec.securityContext.runAsNonRoot",
	},
	"an item that is not there": {
		path:         "spec.volumes.3.hostPath",
		want:         "21:9",
		wantWhole:    "spec.template.spec.volumes[3].hostPath",
		wantIdentity: "spec.template.spec.volumes[3].hostPath",
	},
	"a field of what is no map": {
		path:         "spec.volumes.name",
		want:         "21:9",
		wantWhole:    "spec.template.spec.volumes.name",
		wantIdentity: "spec.template.spec.volumes.name",
	},
	"nothing of the template yet": {
		path:         "metadata.annotations.a",
		want:         "9:5",
		wantWhole:    "spec.template.metadata.annotations.a",
		wantIdentity: "spec.template.metadata.annotations.a",
	},
}

func TestLocate(t *testing.T) {
	f, err := read(located)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range locateTests {
		t.Run(name, func(t *testing.T) {
			p := path(tc.path)
			at := f.Pods[0].Locate(p)
			got := []string{fmt.Sprintf("%d:%d", at.Line, at.Column), f.Pods[0].Whole(p).String(), f.Pods[0].Identity(p)}
			if diff := cmp.Diff([]string{tc.want, tc.wantWhole, tc.wantIdentity}, got); diff != "" {
				t.Errorf("place, path, identity (-want +got):\n%s", diff)
			}
		})
	}
}

// Lines are what editors count, also where YAML counts more.
func TestLinesAreThoseOfEditors(t *testing.T) {
	f, err := read("# \u2028 \u0085 \r\n---\nkind: Pod\napiVersion: v1\nmetadata: {name: \"\u2028\"}\nspec:\n  hostPID: true\n  containers: [{name: c}]\n")
	if err != nil {
		t.Fatal(err)
	}
	if got := f.Pods[0].Locate(path("spec.hostPID")); got != (Position{Line: 7, Column: 3}) {
		t.Errorf("hostPID is at %+v, want line 7, column 3", got)
	}
}

// Columns are found in a line of megabytes in time.
func TestLongLine(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"kind":"List","items":[`)
	const pods = 2000
	for i := range pods {
		fmt.Fprintf(&b, `{"kind":"Pod","apiVersion":"v1","metadata":{"name":"ä%d","annotations":{"a":"%s"}},`, i, strings.Repeat("ü", 500))
		b.WriteString(`"spec":{"hostPID":true,"containers":[{"name":"c"}]}},`)
	}
	b.WriteString(`{}]}`)
	f, err := read(b.String())
	if err != nil {
		t.Fatal(err)
	}
	text := []rune(b.String())
	for _, pod := range f.Pods {
		at := pod.Locate(path("spec.hostPID"))
		if got := string(text[at.Column-1 : at.Column+8]); at.Line != 1 || got != `"hostPID"` {
			t.Fatalf("%s: at %+v there is %s", pod.Object, at, got)
		}
	}
	if len(f.Pods) != pods {
		t.Errorf("%d pods", len(f.Pods))
	}
}

func TestItemsAndFields(t *testing.T) {
	f, err := read(located)
	if err != nil {
		t.Fatal(err)
	}
	pod := f.Pods[0]
	for text, want := range map[string]int{"spec.containers": 4, "spec.volumes": 1, "spec.volumes.0": 0, "spec.initContainers": 0} {
		if got := pod.Items(path(text)); got != want {
			t.Errorf("Items(%s) = %d, want %d", text, got, want)
		}
	}
	for text, want := range map[string][]string{"spec.volumes.0": {"name", "hostPath"}, "spec.volumes": nil, "spec.volumes.1": nil} {
		if diff := cmp.Diff(want, pod.Fields(path(text))); diff != "" {
			t.Errorf("Fields(%s) (-want +got):\n%s", text, diff)
		}
	}
}
