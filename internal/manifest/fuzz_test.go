// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	psaapi "k8s.io/pod-security-admission/api"

	"github.com/podsecurity-rollout/operator/internal/standards"
)

// Whatever is read, it answers pods that have containers, or others, or an error; places are in the text; and edits done in the text are those that were
// asked for.
func FuzzRead(f *testing.F) {
	addSeeds(f)
	e := mustEvaluator(f)
	lv := psaapi.LevelVersion{Level: psaapi.LevelRestricted, Version: standards.NewestVersion()}
	f.Fuzz(func(t *testing.T, text []byte) {
		file, err := Read("m", bytes.NewReader(text))
		if len(list(err)) == 0 && len(file.Pods)+len(file.Others) == 0 && len(split(withoutMark(text))) > 0 {
			t.Fatal("documents, and neither objects nor an error")
		}
		edits := editsOf(e, lv, file)
		for _, edit := range edits {
			checkPlace(t, edit, bytes.Count(text, []byte("\n"))+1)
		}
		for _, pod := range file.Pods {
			if len(pod.Template.Spec.Containers) == 0 {
				t.Fatalf("%s has no containers", pod.Object)
			}
		}
		checkEdits(t, e, lv, file, edits)
	})
}

func addSeeds(f *testing.F) {
	f.Helper()
	seeds, err := filepath.Glob("../cli/fix/testdata/*.in.*")
	if err != nil || len(seeds) == 0 {
		f.Fatal(seeds, err)
	}
	for _, name := range seeds {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	for _, seed := range []string{
		located, aliases(), "a: &a [*a]", "{{ x }}", "--- |\n a\n...\n", "{\"kind\":\"List\",\"items\":[{}]}", "? a\n: b", "%YAML 1.1\n---\n",
		"a: !!binary x\n", "\ufeff- \t",
	} {
		f.Add([]byte(seed))
	}
}

func checkPlace(t *testing.T, edit Edit, lines int) {
	if at := edit.Pod.Locate(edit.Path); at.Line < 1 || at.Line > lines || at.Column < 1 {
		t.Fatalf("%s is at %+v of %d lines", edit.Path, at, lines)
	}
	if whole, identity := edit.Pod.Whole(edit.Path).String(), edit.Pod.Identity(edit.Path); whole == "" || identity == "" {
		t.Fatalf("%s is called %q, %q", edit.Path, whole, identity)
	}
}

// checkEdits does all edits of a file and looks at what they have made of it.
func checkEdits(t *testing.T, e *standards.Evaluator, lv psaapi.LevelVersion, file *File, edits []Edit) {
	edited, impossible := file.Edit(edits)
	if len(edits) == len(impossible) {
		if !bytes.Equal(edited, file.Text()) {
			t.Fatal("without an edit the text has changed")
		}
		return
	}
	after, _ := Read("m", bytes.NewReader(edited))
	if len(after.Pods) != len(file.Pods) {
		t.Fatalf("%d pods before, %d after", len(file.Pods), len(after.Pods))
	}
	if left := editsOf(e, lv, after); len(impossible) == 0 && len(left) > 0 {
		t.Fatalf("%v still asked for", left)
	}
}
