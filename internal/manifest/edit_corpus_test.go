// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	psaapi "k8s.io/pod-security-admission/api"

	"github.com/podsecurity-rollout/operator/internal/remedy"
	"github.com/podsecurity-rollout/operator/internal/standards"
	"github.com/podsecurity-rollout/operator/test/fixtures"
	"github.com/podsecurity-rollout/operator/test/manifests"
)

func mustEvaluator(t testing.TB) *standards.Evaluator {
	t.Helper()
	e, err := standards.NewEvaluator()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// editsOf are all edits that make the pods of a file comply.
func editsOf(e *standards.Evaluator, lv psaapi.LevelVersion, f *File) []Edit {
	var edits []Edit
	for _, pod := range f.Pods {
		list, _ := remedy.Edits(e, lv, &pod.Template.ObjectMeta, &pod.Template.Spec)
		for _, edit := range list {
			edits = append(edits, Edit{Pod: pod, Edit: edit})
		}
	}
	return edits
}

// checkEdited edits a text in every way that a level asks for, and reads the answer back: it complies, but for what is said to be impossible.
func checkEdited(t *testing.T, e *standards.Evaluator, name string, lv psaapi.LevelVersion, text []byte) (edits, impossible int) {
	t.Helper()
	file, err := Read(name, bytes.NewReader(text))
	if err != nil {
		return 0, 0
	}
	asked := editsOf(e, lv, file)
	edited, left := file.Edit(asked)
	for _, edit := range left {
		t.Logf("%s: %s: %s cannot be done", name, edit.Pod.Object, edit.Edit)
	}
	after, err := Read(name, bytes.NewReader(edited))
	if err != nil {
		t.Errorf("%s: reading the edited text: %v\n%s", name, err, edited)
		return len(asked), len(left)
	}
	if again := editsOf(e, lv, after); len(left) == 0 && len(again) > 0 {
		t.Errorf("%s: %v still asked for", name, again)
	}
	return len(asked), len(left)
}

// Every failing fixture of upstream can be edited.
func TestEditFixtures(t *testing.T) {
	all, err := fixtures.All()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := manifests.ModuleDir(t.Context(), "k8s.io/pod-security-admission", ".")
	if err != nil {
		t.Fatal(err)
	}
	e := mustEvaluator(t)
	for _, fixture := range all {
		if fixture.Pass || fixture.Level.Version != standards.NewestVersion() {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, "test", "testdata", fixture.Path))
		if err != nil {
			t.Fatal(err)
		}
		if _, impossible := checkEdited(t, e, fixture.Path, fixture.Level, text); impossible > 0 {
			t.Errorf("%s: %d edits are impossible", fixture.Path, impossible)
		}
	}
}

// Of the edits of real manifests all but a few can be done in their text.
func TestEditKubernetes(t *testing.T) {
	dir, err := manifests.ModuleDir(t.Context(), "k8s.io/kubernetes", "../../hack/controlplane")
	if err != nil {
		t.Fatal(err)
	}
	e := mustEvaluator(t)
	edits, impossible := 0, 0
	for _, root := range []string{"cluster/addons", "test/e2e/testing-manifests"} {
		for name, text := range manifestsUnder(t, filepath.Join(dir, root)) {
			for _, lv := range []psaapi.LevelVersion{
				{Level: psaapi.LevelBaseline, Version: standards.NewestVersion()}, {Level: psaapi.LevelRestricted, Version: standards.NewestVersion()},
			} {
				asked, left := checkEdited(t, e, name, lv, text)
				edits += asked
				impossible += left
			}
		}
	}
	t.Logf("%d edits, %d cannot be done in the text", edits, impossible)
	if edits < 300 || impossible > 0 {
		t.Errorf("%d edits of which %d cannot be done, want at least 300 and 0", edits, impossible)
	}
}

func manifestsUnder(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	texts := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.Contains(filepath.Base(path), ".yaml") && filepath.Ext(path) != ".json" {
			return err
		}
		text, err := os.ReadFile(path)
		texts[path] = text
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return texts
}
