// SPDX-License-Identifier: Apache-2.0

package remedy

import "testing"

func TestPath(t *testing.T) {
	tests := map[string]struct {
		path                  Path
		wantText, wantPointer string
	}{
		"the template": {nil, "", ""},
		"a field": {
			path("spec", "containers").item(0).child("securityContext", "privileged"),
			"spec.containers[0].securityContext.privileged", "/spec/containers/0/securityContext/privileged",
		},
		"an item": {path("spec", "volumes").item(12), "spec.volumes[12]", "/spec/volumes/12"},
		"an annotation": {
			path("metadata", "annotations", "example.com/a~b"),
			"metadata.annotations[example.com/a~b]", "/metadata/annotations/example.com~1a~0b",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := tc.path.String(); got != tc.wantText {
				t.Errorf("String() = %q, want %q", got, tc.wantText)
			}
			if got := tc.path.Pointer(); got != tc.wantPointer {
				t.Errorf("Pointer() = %q, want %q", got, tc.wantPointer)
			}
		})
	}
}

// Paths that grow from one path do not write over each other.
func TestPathsShareNothing(t *testing.T) {
	parent := path("spec", "containers").item(1)
	a, b := parent.child("a"), parent.child("b")
	if a.String() != "spec.containers[1].a" || b.String() != "spec.containers[1].b" || parent.item(2).String() != "spec.containers[1][2]" {
		t.Errorf("%s, %s, %s", a, b, parent)
	}
}
