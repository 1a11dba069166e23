// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/podsecurity-rollout/operator/internal/remedy"
)

func set(at string, value any) remedy.Edit {
	return remedy.Edit{Op: remedy.Set, Path: path(at), Value: value}
}

func remove(at string) remedy.Edit {
	return remedy.Edit{Op: remedy.Remove, Path: path(at)}
}

const head = "kind: Pod\napiVersion: v1\nspec:\n  containers:\n  - name: c\n"

// editTests are of texts that follow the head.
var editTests = map[string]struct {
	text           string
	edits          []remedy.Edit
	want           string
	wantImpossible int
}{
	"a value": {text: "  hostPID: true # why\n", edits: []remedy.Edit{set("spec.hostPID", false)}, want: "  hostPID: false # why\n"},
	"a quoted value": {
		text:  "  hostname: 'it''s' # why\n  subdomain: \"a\\\"b\"\n",
		edits: []remedy.Edit{set("spec.hostname", "x"), set("spec.subdomain", "y")},
		want:  "  hostname: \"x\" # why\n  subdomain: \"y\"\n",
	},
	"a value that is null": {text: "  hostPID: # why\n", edits: []remedy.Edit{set("spec.hostPID", false)}, want: "  hostPID: false # why\n"},
	"a value by an alias": {
		text:  "  hostPID: &t true\n  hostIPC: *t\n",
		edits: []remedy.Edit{set("spec.hostIPC", false)},
		want:  "  hostPID: &t true\n  hostIPC: false\n",
	},
	"a value with an anchor": {
		text:           "  hostPID: &t true\n  hostIPC: *t\n",
		edits:          []remedy.Edit{set("spec.hostPID", false)},
		want:           "  hostPID: &t true\n  hostIPC: *t\n",
		wantImpossible: 1,
	},
	"a value with a tag": {
		text:           "  hostPID: !!bool true\n",
		edits:          []remedy.Edit{set("spec.hostPID", false)},
		want:           "  hostPID: !!bool true\n",
		wantImpossible: 1,
	},
	"a value in lines": {
		text:           "  hostname: |\n    a\n",
		edits:          []remedy.Edit{set("spec.hostname", "b")},
		want:           "  hostname: |\n    a\n",
		wantImpossible: 1,
	},
	"fields in another way": {
		text:  "  securityContext:\n    seccompProfile:\n      localhostProfile: x\n      type: Localhost\n",
		edits: []remedy.Edit{set("spec.securityContext.seccompProfile", map[string]any{"type": "RuntimeDefault"})},
		want:  "  securityContext:\n    seccompProfile:\n      type: RuntimeDefault\n",
	},
	"fields that are not there": {
		text:           "  securityContext:\n    seccompProfile:\n      localhostProfile: x # gone\n    runAsUser: 1\n",
		edits:          []remedy.Edit{set("spec.securityContext.seccompProfile", map[string]any{"type": "RuntimeDefault"})},
		want:           "  securityContext:\n    seccompProfile:\n      localhostProfile: x # gone\n    runAsUser: 1\n",
		wantImpossible: 1,
	},
	"a field of an empty one": {
		text:  "  securityContext: {} # why\n",
		edits: []remedy.Edit{set("spec.securityContext.runAsNonRoot", true)},
		want:  "  securityContext: {runAsNonRoot: true} # why\n",
	},
	"a field of null in braces": {
		text:           "  securityContext: {seccompProfile: }\n",
		edits:          []remedy.Edit{set("spec.securityContext.seccompProfile.type", "RuntimeDefault")},
		want:           "  securityContext: {seccompProfile: }\n",
		wantImpossible: 1,
	},
	"a field of a text": {
		text:           "  hostname: x\n",
		edits:          []remedy.Edit{set("spec.hostname.type", "y")},
		want:           "  hostname: x\n",
		wantImpossible: 1,
	},
	"a field of a list": {
		text:           "  volumes: []\n",
		edits:          []remedy.Edit{set("spec.volumes.type", "y")},
		want:           "  volumes: []\n",
		wantImpossible: 1,
	},
	"an item that is not there": {edits: []remedy.Edit{remove("spec.containers.4")}, wantImpossible: 1},
	"a field that is not there": {edits: []remedy.Edit{remove("spec.hostPID"), remove("metadata.annotations.a")}, wantImpossible: 2},
	"a field and what is in it": {
		text:  "  securityContext: {runAsUser: 0}\n",
		edits: []remedy.Edit{set("spec.securityContext.runAsUser", true), remove("spec.securityContext")},
		want:  "",
	},
	"the last of braces": {
		text:  "  securityContext: { runAsUser: 0 }\n",
		edits: []remedy.Edit{remove("spec.securityContext.runAsUser")},
		want:  "  securityContext: {  }\n",
	},
	"the first and the last": {
		text:  "  dnsConfig: {nameservers: [a, b, c, d]}\n",
		edits: []remedy.Edit{remove("spec.dnsConfig.nameservers.3"), remove("spec.dnsConfig.nameservers.2"), remove("spec.dnsConfig.nameservers.0")},
		want:  "  dnsConfig: {nameservers: [b]}\n",
	},
	"the first in a line with its dash": {
		text:  "  volumes:\n  # one\n  - hostPath:\n      path: /\n    # the name\n    name: x\n",
		edits: []remedy.Edit{remove("spec.volumes.0.hostPath")}, want: "  volumes:\n  # one\n  - name: x\n",
	},
	"all in a line with its dash": {
		text:  "  volumes:\n  - hostPath:\n      path: /\n  - name: z\n",
		edits: []remedy.Edit{remove("spec.volumes.0.hostPath")}, want: "  volumes:\n  - {}\n  - name: z\n",
	},
	"an item after another dash": {text: "  x:\n  - - a\n    - b\n", edits: []remedy.Edit{remove("spec.x.0.0")}, want: "  x:\n  - - b\n"},
	"all items":                  {text: "  x:\n  - a\n  w: 1\n", edits: []remedy.Edit{remove("spec.x.0")}, want: "  x: []\n  w: 1\n"},
	"a dash in a line of its own": {
		text:  "  volumes:\n  -\n    name: x\n  - # odd\n    # about z\n    name: z\n",
		edits: []remedy.Edit{remove("spec.volumes.0")},
		want:  "  volumes:\n  - # odd\n    # about z\n    name: z\n",
	},
	"an odd key": {
		text:  "  ? securityContext\n  : {runAsUser: 0}\n",
		edits: []remedy.Edit{set("spec.securityContext.runAsNonRoot", true)},
		want:  "  ? securityContext\n  : {runAsUser: 0, runAsNonRoot: true}\n",
	},
	"a list in another way": {
		text:  "  x:\n    - a\n    - b # gone\n    - c\n  w: [a, b]\n  z: []\n",
		edits: []remedy.Edit{set("spec.x", []any{"ALL"}), set("spec.w", []any{"ALL"}), set("spec.z", []any{"ALL"})},
		want:  "  x:\n    - ALL\n  w: [ALL]\n  z: [\"ALL\"]\n",
	},
	"possible beside impossible": {
		text:           "  hostPID: &t true\n  hostIPC: *t\n  hostNetwork: true\n",
		edits:          []remedy.Edit{set("spec.hostPID", false), set("spec.hostNetwork", false)},
		want:           "  hostPID: &t true\n  hostIPC: *t\n  hostNetwork: false\n",
		wantImpossible: 1,
	},
	"no value of JSON": {edits: []remedy.Edit{set("spec.hostname", func() {})}, wantImpossible: 1},
}

func TestEdit(t *testing.T) {
	for name, tc := range editTests {
		t.Run(name, func(t *testing.T) {
			f, err := read(head + tc.text)
			if err != nil {
				t.Fatal(err)
			}
			var edits []Edit
			for _, e := range tc.edits {
				edits = append(edits, Edit{Pod: f.Pods[0], Edit: e})
			}
			got, impossible := f.Edit(edits)
			if diff := cmp.Diff(head+tc.want, string(got)); diff != "" {
				t.Errorf("text (-want +got):\n%s", diff)
			}
			if len(impossible) != tc.wantImpossible {
				t.Errorf("impossible: %v, want %d", impossible, tc.wantImpossible)
			}
			if string(f.Text()) != head+tc.text {
				t.Error("the text that was read has changed")
			}
		})
	}
}

// JSON that YAML cannot read is checked, but not edited.
func TestEditOfJSONThatIsNoYAML(t *testing.T) {
	text := `{"kind":"Pod","apiVersion":"v1","metadata":{"annotations":{"` + strings.Repeat("k", 2000) + `":"v"}},` +
		`"spec":{"hostPID":true,"containers":[{"name":"c"}]}}`
	f, err := read(text)
	if err != nil {
		t.Fatal(err)
	}
	if at := f.Pods[0].Locate(path("spec.hostPID")); at != (Position{Line: 1, Column: 1}) {
		t.Skipf("YAML reads it by now: %+v", at)
	}
	got, impossible := f.Edit([]Edit{{Pod: f.Pods[0], Edit: set("spec.hostPID", false)}})
	if string(got) != text || len(impossible) != 1 {
		t.Errorf("%d impossible, want 1; %s", len(impossible), got)
	}
}
