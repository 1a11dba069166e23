// SPDX-License-Identifier: Apache-2.0

package check

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/podsecurity-rollout/operator/internal/cli"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

// ran is what a command has done.
type ran struct {
	code        int
	out, errOut string
}

// run runs the command in this process.
func run(t testing.TB, stdin string, args ...string) ran {
	t.Helper()
	var out, errOut bytes.Buffer
	f := cli.NewFactory(genericiooptions.IOStreams{In: strings.NewReader(stdin), Out: &out, ErrOut: &errOut})
	root := &cobra.Command{Use: "kubectl-podsecurity", Version: "v1.2.3", SilenceUsage: true, SilenceErrors: true}
	root.SetOut(&out)
	root.SetErr(&errOut)
	root.AddCommand(New(f))
	root.SetArgs(append([]string{"check"}, args...))
	err := root.Execute()
	cli.Report(f, err)
	return ran{code: cli.ExitCode(err), out: out.String(), errOut: errOut.String()}
}

// report runs the command and reads what -o json writes.
func report(t testing.TB, stdin string, args ...string) (Report, ran) {
	t.Helper()
	got := run(t, stdin, append(args, "-o", "json")...)
	var r Report
	if err := json.Unmarshal([]byte(got.out), &r); err != nil {
		t.Fatalf("check %v: %v\n%s%s", args, err, got.out, got.errOut)
	}
	return r, got
}

func compareGolden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
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

// write puts a file into a directory of the test.
func write(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const pod = `apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec:
  hostPID: true
  containers:
  - name: c
`

var exitCodeTests = map[string]struct {
	stdin string
	args  []string
	want  int
	// wantErr is in what is written to standard error.
	wantErr string
}{
	"clean": {
		stdin:   pod,
		args:    []string{"--level", "privileged"},
		want:    0,
		wantErr: "no findings in 1 pod in 1 file, held to privileged:v1.37\n",
	},
	"findings": {
		stdin:   pod,
		args:    []string{"--level", "baseline"},
		want:    1,
		wantErr: "1 finding in 1 of 1 pod in 1 file, held to baseline:v1.37\n",
	},
	"restricted by default": {stdin: pod, want: 1, wantErr: "held to restricted:v1.37"},
	"an older version":      {stdin: pod, args: []string{"--level", "baseline", "--version", "v1.5"}, want: 1, wantErr: "held to baseline:v1.5"},
	"the latest version":    {stdin: pod, args: []string{"--version", "latest"}, want: 1, wantErr: "held to restricted:v1.37"},
	"no such level": {
		stdin:   pod,
		args:    []string{"--level", "strict"},
		want:    2,
		wantErr: `--level "strict": must be one of privileged, baseline, restricted`,
	},
	"no such version": {stdin: pod, args: []string{"--version", "1.30"}, want: 2, wantErr: `--version "1.30": must be`},
	"a version not known yet": {
		stdin:   pod,
		args:    []string{"--version", "v1.99"},
		want:    2,
		wantErr: `--version "v1.99": the newest version known here is v1.37`,
	},
	"no such output": {
		stdin:   pod,
		args:    []string{"-o", "html"},
		want:    2,
		wantErr: `--output "html": must be one of github, json, junit, sarif, table, yaml`,
	},
	"no such colour":   {stdin: pod, args: []string{"--color", "red"}, want: 2, wantErr: `--color "red"`},
	"no such baseline": {stdin: pod, args: []string{"--baseline", "missing.json"}, want: 2, wantErr: "reading the baseline"},
	"an exempt runtime class": {
		stdin:   pod + "  runtimeClassName: vm\n",
		args:    []string{"--exempt-runtime-classes", "gvisor,vm"},
		want:    0,
		wantErr: "1 exempt",
	},
	"another runtime class": {stdin: pod + "  runtimeClassName: vm\n", args: []string{"--exempt-runtime-classes", "gvisor"}, want: 1},
	"no pod":                {stdin: "apiVersion: v1\nkind: ConfigMap\n", want: 2, wantErr: "error: nothing to check: no pod in 1 file"},
	"no pod, which is fine": {
		stdin:   "apiVersion: v1\nkind: ConfigMap\n",
		args:    []string{"--allow-empty"},
		want:    0,
		wantErr: "no findings in 0 pods in 1 file, 1 without a pod\n",
	},
	"no pod, and which": {
		stdin:   pod + "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n",
		args:    []string{"-v"},
		want:    1,
		wantErr: "stdin:9: ConfigMap x: no pod in it\n",
	},
	"nothing at all":         {want: 2, wantErr: "nothing to check"},
	"broken beside findings": {stdin: pod + "---\na: [\n", want: 2, wantErr: "error: stdin:9: "},
	"a kind not known": {
		stdin: pod + "---\napiVersion: example.com/v1\nkind: App\nspec: {template: {spec: {containers: [{name: c}]}}}\n",
		want:  1, wantErr: "warning: stdin:9: App: not checked: it makes pods in a way that this command does not read",
	},
	"unknown fields are a hint": {stdin: pod + "  hostPld: true\n", want: 1, wantErr: `warning: stdin:1: Pod shop/web: unknown field "spec.hostPld"`},
}

func TestExitCodes(t *testing.T) {
	for name, tc := range exitCodeTests {
		t.Run(name, func(t *testing.T) {
			got := run(t, tc.stdin, append(tc.args, "-f", "-")...)
			if got.code != tc.want || !strings.Contains(got.errOut, tc.wantErr) {
				t.Errorf("exit code %d, standard error:\n%swant %d, %q", got.code, got.errOut, tc.want, tc.wantErr)
			}
		})
	}
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	const asJSON = `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"j"},"spec":{"containers":[{"name":"c"}]}}`
	for name, content := range map[string]string{"a.yaml": pod, "b.yml": pod, "c.json": asJSON, "notes.txt": "{"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, hidden := range []string{".git", "empty"} {
		if err := os.Mkdir(filepath.Join(dir, hidden), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, ".git", "x.yaml"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		args     []string
		want     int
		wantPods int
	}{
		"a directory":                 {args: []string{"-f", dir}, want: 1, wantPods: 3},
		"a file of it twice":          {args: []string{"-f", dir + "/a.yaml", dir + "/./a.yaml"}, want: 1, wantPods: 1},
		"files as arguments":          {args: []string{dir + "/a.yaml", dir + "/c.json"}, want: 1, wantPods: 2},
		"a directory of no manifests": {args: []string{"-f", dir + "/empty"}, want: 2},
		"a file that is not there":    {args: []string{"-f", dir + "/none.yaml"}, want: 2},
		"nothing named":               {want: 2},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := run(t, "", append(tc.args, "-o", "json")...)
			var r Report
			if got.out != "" {
				if err := json.Unmarshal([]byte(got.out), &r); err != nil {
					t.Fatal(err)
				}
			}
			if got.code != tc.want || r.Summary.Pods != tc.wantPods {
				t.Errorf("exit code %d, %d pods, want %d, %d\n%s", got.code, r.Summary.Pods, tc.want, tc.wantPods, got.errOut)
			}
		})
	}
}

func TestNamespaceLabels(t *testing.T) {
	namespace := func(labels string) string {
		return "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {" + labels + "}}\n"
	}
	tests := map[string]struct {
		stdin string
		args  []string
		want  string
	}{
		"labels decide": {stdin: namespace("pod-security.kubernetes.io/enforce: baseline"), want: "held to baseline:v1.37"},
		"with their version": {
			stdin: namespace("pod-security.kubernetes.io/enforce: baseline, pod-security.kubernetes.io/enforce-version: v1.20"),
			want:  "held to baseline:v1.20",
		},
		"unless a version is given": {
			stdin: namespace("pod-security.kubernetes.io/enforce: baseline, pod-security.kubernetes.io/enforce-version: v1.20"),
			args:  []string{"--version", "v1.30"},
			want:  "held to baseline:v1.30",
		},
		"a stricter flag wins": {
			stdin: namespace("pod-security.kubernetes.io/enforce: baseline"),
			args:  []string{"--level", "restricted"},
			want:  "held to restricted:v1.37",
		},
		"a stricter label wins": {
			stdin: namespace("pod-security.kubernetes.io/enforce: restricted"),
			args:  []string{"--level", "baseline"},
			want:  "held to restricted:v1.37",
		},
		"without the label there is no label": {stdin: namespace("pod-security.kubernetes.io/warn: baseline"), want: "held to restricted:v1.37"},
		"no such level": {
			stdin: namespace("pod-security.kubernetes.io/enforce: strict"),
			want:  `error: stdin:9: Namespace shop: label pod-security.kubernetes.io/enforce: must be one of`,
		},
		"a version not known yet": {
			stdin: namespace("pod-security.kubernetes.io/enforce: baseline, pod-security.kubernetes.io/enforce-version: v1.99"),
			want:  `"v1.99": the newest version known here is v1.37`,
		},
		"declared twice, the stricter counts": {
			stdin: namespace("pod-security.kubernetes.io/enforce: restricted") + namespace("pod-security.kubernetes.io/enforce: baseline"),
			want:  "held to restricted:v1.37",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := run(t, pod+tc.stdin, append(tc.args, "-f", "-")...); !strings.Contains(got.errOut, tc.want) {
				t.Errorf("standard error:\n%swant %q", got.errOut, tc.want)
			}
		})
	}
}

func TestCompletion(t *testing.T) {
	tests := map[string]string{"--output": "sarif", "--level": "restricted", "--version": "v1.37", "--color": "never"}
	for flag, want := range tests {
		var out bytes.Buffer
		root := &cobra.Command{Use: "kubectl-podsecurity"}
		root.SetOut(&out)
		root.AddCommand(New(cli.NewFactory(genericiooptions.IOStreams{})))
		root.SetArgs([]string{cobra.ShellCompNoDescRequestCmd, "check", flag, ""})
		if err := root.Execute(); err != nil || !strings.Contains(out.String(), want+"\n") {
			t.Errorf("completing %s: %v, %q, want %s among them", flag, err, out.String(), want)
		}
	}
}
