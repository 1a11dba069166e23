// SPDX-License-Identifier: Apache-2.0

package fix

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/podsecurity-rollout/operator/internal/cli"
	"github.com/podsecurity-rollout/operator/internal/cli/check"
	"github.com/podsecurity-rollout/operator/internal/remedy"
	"github.com/podsecurity-rollout/operator/internal/standards"
	"github.com/podsecurity-rollout/operator/test/fixtures"
	"github.com/podsecurity-rollout/operator/test/manifests"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

// ran is what a command has done.
type ran struct {
	code        int
	out, errOut string
}

// run runs a command in this process.
func run(t testing.TB, stdin string, args ...string) ran {
	t.Helper()
	var out, errOut bytes.Buffer
	f := cli.NewFactory(genericiooptions.IOStreams{In: strings.NewReader(stdin), Out: &out, ErrOut: &errOut})
	root := &cobra.Command{Use: "kubectl-podsecurity", SilenceUsage: true, SilenceErrors: true}
	root.AddCommand(New(f), check.New(f))
	root.SetArgs(args)
	err := root.Execute()
	cli.Report(f, err)
	return ran{code: cli.ExitCode(err), out: out.String(), errOut: errOut.String()}
}

// What is printed differs from what was read by the fields that were asked for, and in nothing else. The inputs are as people write them: with comments,
// anchors, odd indentation, in JSON, with the line ends of Windows.
func TestGolden(t *testing.T) {
	inputs, err := filepath.Glob("testdata/*.in.*")
	if err != nil || len(inputs) < 8 {
		t.Fatalf("%v, %v", inputs, err)
	}
	for _, input := range inputs {
		for _, way := range []struct {
			name string
			args []string
		}{{"safe", nil}, {"invasive", []string{"--invasive"}}} {
			t.Run(filepath.Base(input)+"/"+way.name, func(t *testing.T) {
				got := run(t, "", append([]string{"fix", "-f", input}, way.args...)...)
				compareGolden(t, strings.Replace(input, ".in.", "."+way.name+".", 1), got.out)
				compareGolden(t, strings.TrimSuffix(input, ".in"+filepath.Ext(input))+"."+way.name+".stderr", got.errOut)
				if again := run(t, got.out, append([]string{"fix", "-f", "-"}, way.args...)...); again.out != got.out {
					t.Errorf("fixed once more it differs:\n%s", cmp.Diff(got.out, again.out))
				}
				if checked := run(t, got.out, "check", "-f", "-"); checked.code != got.code {
					t.Errorf("exit code %d of fix, %d of check:\n%s%s", got.code, checked.code, got.errOut, checked.out)
				}
			})
		}
	}
}

func compareGolden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got), refresh with -update:\n%s", path, diff)
	}
}

// Of upstream's fixtures that fail at the newest version, those that adding fields can put right comply after fix; of the others it says what is left, and
// --invasive does that.
func TestFixtures(t *testing.T) {
	dir, err := manifests.ModuleDir(t.Context(), "k8s.io/pod-security-admission", ".")
	if err != nil {
		t.Fatal(err)
	}
	e, err := standards.NewEvaluator()
	if err != nil {
		t.Fatal(err)
	}
	addable, added, others, invasive := 0, 0, 0, 0
	for _, f := range failing(t) {
		path, level := filepath.Join(dir, "test", "testdata", f.Path), string(f.Level.Level)
		edits, _ := remedy.Edits(e, f.Level, &f.Pod.ObjectMeta, &f.Pod.Spec)
		if safe := complies(t, path, level); len(remedy.OfClass(remedy.Invasive, edits)) == 0 {
			addable++
			added += safe
			continue
		}
		others++
		invasive += complies(t, path, level, "--invasive")
	}
	t.Logf("of %d that adding fields can put right %d comply after fix, of %d others %d after fix --invasive", addable, added, others, invasive)
	if addable == 0 || added*100 < addable*95 || others == 0 || invasive*100 < others*95 {
		t.Error("want 95 % of each")
	}
}

// failing are upstream's fixtures that fail at the newest version.
func failing(t *testing.T) []fixtures.Fixture {
	t.Helper()
	all, err := fixtures.All()
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(slices.Clone(all), func(f fixtures.Fixture) bool { return f.Pass || f.Level.Version != standards.NewestVersion() })
}

// complies answers 1 when a file complies once it is fixed. Both commands have to say the same.
func complies(t *testing.T, path, level string, args ...string) int {
	t.Helper()
	fixed := run(t, "", append([]string{"fix", "-f", path, "--level", level}, args...)...)
	checked := run(t, fixed.out, "check", "-f", "-", "--level", level)
	if fixed.code != checked.code {
		t.Errorf("%s: exit code %d of fix %v, %d of check", path, fixed.code, args, checked.code)
	}
	if checked.code != cli.ExitOK {
		return 0
	}
	return 1
}

const pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers:\n  - name: c\n"

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	one, two := filepath.Join(dir, "one.yaml"), filepath.Join(dir, "two.yaml")
	for name, content := range map[string]string{one: pod, two: "kind: ["} {
		if err := os.WriteFile(name, []byte(content), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	tests := map[string]struct {
		stdin           string
		args            []string
		want            int
		wantOut, wantIn string
	}{
		"many files cannot be printed": {args: []string{"-f", dir}, want: 2, wantIn: "more than one file: use --diff"},
		"diff and in place exclude":    {args: []string{"-f", one, "--diff", "--in-place"}, want: 2, wantIn: "none of the others can be"},
		"standard input is no file": {
			stdin:  pod,
			args:   []string{"-f", "-", "--in-place"},
			want:   2,
			wantIn: "standard input is no file that --in-place could change",
		},
		"what is broken is not printed": {args: []string{"-f", two}, want: 2, wantIn: "two.yaml:1: did not find expected node content"},
		"a file that is not there":      {args: []string{"-f", dir + "/none"}, want: 2, wantIn: "no such file"},
		"an exempt runtime class": {
			stdin:   pod + "  runtimeClassName: vm\n",
			args:    []string{"-f", "-", "--exempt-runtime-classes", "vm"},
			wantOut: pod + "  runtimeClassName: vm\n",
			wantIn:  "0 changes in 0 of 1 file, 0 left to you",
		},
		"a diff": {stdin: "# first\n" + pod, args: []string{"-f", "-", "--diff"}, wantIn: "changes in 1 of 1 file, 0 left to you\n", wantOut: `--- a/stdin
+++ b/stdin
@@ -5,3 +5,11 @@
 spec:
   containers:
   - name: c
+    securityContext:
+      allowPrivilegeEscalation: false
+      capabilities:
+        drop: ["ALL"]
+  securityContext:
+    runAsNonRoot: true
+    seccompProfile:
+      type: RuntimeDefault
`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := run(t, tc.stdin, append([]string{"fix"}, tc.args...)...)
			if got.code != tc.want || !strings.Contains(got.errOut, tc.wantIn) {
				t.Errorf("exit code %d, %q, want %d, %q", got.code, got.errOut, tc.want, tc.wantIn)
			}
			if diff := cmp.Diff(tc.wantOut, got.out); diff != "" {
				t.Errorf("output (-want +got):\n%s", diff)
			}
		})
	}
}

func TestInPlace(t *testing.T) {
	dir := t.TempDir()
	content := map[string]string{"one.yaml": pod, "broken.yaml": pod + "---\nkind: [", "fine.yaml": run(t, pod, "fix", "-f", "-").out}
	for name, text := range content {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	if got := run(t, "", "fix", "-f", dir, "--in-place"); got.code != cli.ExitBadInput || got.out != "" {
		t.Errorf("exit code %d, output %q, want 2 for the broken one and none", got.code, got.out)
	}
	want := map[string]string{"one.yaml": content["fine.yaml"], "broken.yaml": content["broken.yaml"], "fine.yaml": content["fine.yaml"]}
	for name, text := range want {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(text, string(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o640 {
			t.Errorf("%s: %v, mode %v", name, err, info.Mode())
		}
	}
}
