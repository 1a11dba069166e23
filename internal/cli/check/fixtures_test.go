// SPDX-License-Identifier: Apache-2.0

package check

import (
	"path/filepath"
	"testing"

	"github.com/podsecurity-rollout/operator/test/fixtures"
	"github.com/podsecurity-rollout/operator/test/manifests"
)

// Each folder of upstream's fixtures, checked in one go, gets the verdict that it is for, and so does each of its files.
func TestFixtures(t *testing.T) {
	all, err := fixtures.All()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := manifests.ModuleDir(t.Context(), "k8s.io/pod-security-admission", ".")
	if err != nil {
		t.Fatal(err)
	}
	folders := map[string][]fixtures.Fixture{}
	for _, f := range all {
		folders[filepath.Dir(f.Path)] = append(folders[filepath.Dir(f.Path)], f)
	}
	for folder, files := range folders {
		checkFolder(t, filepath.Join(dir, "test", "testdata", folder), files)
	}
	t.Logf("%d fixtures in %d folders", len(all), len(folders))
	if len(folders) < 152 {
		t.Errorf("%d folders, want at least 152", len(folders))
	}
}

func checkFolder(t *testing.T, path string, files []fixtures.Fixture) {
	t.Helper()
	lv, pass := files[0].Level, files[0].Pass
	r, got := report(t, "", "-f", path, "--level", string(lv.Level), "--version", lv.Version.String())
	want := 1
	if pass {
		want = 0
	}
	if got.code != want || r.Summary.Pods != len(files) {
		t.Errorf("%s: exit code %d with %d pods, want %d with %d: %s", path, got.code, r.Summary.Pods, want, len(files), got.errOut)
	}
	found := map[string]bool{}
	for _, f := range r.Findings {
		found[f.File] = true
	}
	for _, f := range files {
		if found[filepath.ToSlash(filepath.Join(path, filepath.Base(f.Path)))] == pass {
			t.Errorf("%s: found to be otherwise", f.Path)
		}
	}
}
