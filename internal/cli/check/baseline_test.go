// SPDX-License-Identifier: Apache-2.0

package check

import (
	"os"
	"strings"
	"testing"
)

// baselineOf writes the findings of a manifest as a baseline.
func baselineOf(t *testing.T, manifest string) string {
	t.Helper()
	return write(t, "baseline.json", run(t, manifest, "-f", "-", "-o", "json").out)
}

const deployment = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  template:
    spec:
      containers:
      - name: a
        securityContext: {privileged: true}
      - name: b
        ports: [{containerPort: 80, hostPort: 80}]
`

func TestBaseline(t *testing.T) {
	tests := map[string]struct {
		before, after string
		wantCode      int
		wantErr       string
	}{
		"nothing has changed": {
			before:  deployment,
			after:   deployment,
			wantErr: "no findings in 1 pod in 1 file, held to restricted:v1.37, 8 accepted by the baseline\n",
		},
		"lines have moved": {
			before: deployment, after: "# moved\n\n" + strings.ReplaceAll(deployment, "      containers:", "      # moved\n      containers:"), wantErr: "8 accepted",
		},
		"containers are in another order": {
			before: deployment,
			after: strings.Replace(strings.Replace(deployment, "      - name: a\n        securityContext: {privileged: true}\n", "", 1), "hostPort: 80}]\n",
				"hostPort: 80}]\n      - name: a\n        securityContext: {privileged: true}\n", 1),
			wantErr: "8 accepted",
		},
		"another version of the API": {before: deployment, after: strings.ReplaceAll(deployment, "apps/v1", "apps/v1beta2"), wantErr: "8 accepted"},
		"something new": {
			before:   deployment,
			after:    strings.Replace(deployment, "    spec:\n", "    spec:\n      hostPID: true\n", 1),
			wantCode: 1,
			wantErr:  "1 finding in 1 of 1 pod in 1 file",
		},
		"the same in another object": {
			before:   deployment,
			after:    deployment + "---\n" + strings.Replace(deployment, "name: web", "name: other", 1),
			wantCode: 1,
			wantErr:  "8 findings in 1 of 2 pods",
		},
		"once more than before": {before: deployment, after: deployment + "---\n" + deployment, wantCode: 1, wantErr: "8 findings in 1 of 2 pods"},
		"something is mended": {
			before: deployment, after: strings.Replace(deployment, "privileged: true", "privileged: false", 1),
			wantErr: "1 finding of BASELINE no longer occur, it can be written anew:\n" +
				"  stdin: Deployment shop/web: privileged: spec.template.spec.containers[0].securityContext.privileged\n",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			baseline := baselineOf(t, tc.before)
			got := run(t, tc.after, "-f", "-", "--baseline", baseline)
			if errOut := strings.ReplaceAll(got.errOut, baseline, "BASELINE"); got.code != tc.wantCode || !strings.Contains(errOut, tc.wantErr) {
				t.Errorf("exit code %d, standard error:\n%swant %d, %q", got.code, errOut, tc.wantCode, tc.wantErr)
			}
		})
	}
}

// Of two findings that are alike the baseline accepts the one in its file.
func TestBaselinePrefersItsFile(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.yaml", "b.yaml"} {
		if err := os.WriteFile(dir+"/"+name, []byte(pod), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	known := run(t, "", "-f", dir+"/b.yaml", "-o", "json")
	r, _ := report(t, "", "-f", dir, "--baseline", write(t, "baseline.json", known.out))
	for _, f := range r.Findings {
		if !strings.HasSuffix(f.File, "/a.yaml") {
			t.Errorf("%s is not accepted", f.File)
		}
	}
	if len(r.Findings) == 0 || r.Summary.Accepted != len(r.Findings) {
		t.Errorf("%d findings, %d accepted, want as many", len(r.Findings), r.Summary.Accepted)
	}
}

func TestBaselineThatIsNone(t *testing.T) {
	tests := map[string]struct{ content, want string }{
		"no JSON": {content: "{", want: "reading the baseline"},
		"something else": {
			content: `{"apiVersion": "v1", "kind": "Pod"}`,
			want:    "is no CheckReport of cli.podsecurity.dev/v1alpha1: write one with `check -o json`",
		},
		"another version": {content: `{"apiVersion": "cli.podsecurity.dev/v9", "kind": "CheckReport"}`, want: "is no CheckReport"},
		"an unknown field": {
			content: `{"apiVersion": "cli.podsecurity.dev/v1alpha1", "kind": "CheckReport", "ignore": "*"}`,
			want:    `unknown field "ignore"`,
		},
		"made by hand, bad": {
			content: `{"apiVersion": "cli.podsecurity.dev/v1alpha1", "kind": "CheckReport", "findings": [{"check": "privileged"}]}`,
			want:    "no fingerprint in its finding 1",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := run(t, pod, "-f", "-", "--baseline", write(t, "baseline.json", tc.content))
			if got.code != 2 || !strings.Contains(got.errOut, tc.want) {
				t.Errorf("exit code %d, %q, want 2, %q", got.code, got.errOut, tc.want)
			}
		})
	}
}
