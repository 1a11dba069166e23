// SPDX-License-Identifier: Apache-2.0

package psaconfig

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const bare = `
apiVersion: pod-security.admission.config.k8s.io/v1
kind: PodSecurityConfiguration
defaults:
  enforce: baseline
  enforce-version: latest
exemptions:
  namespaces: [kube-system]
  runtimeClasses: [kata]
  usernames: [system:serviceaccount:ci:builder]
`

const wrapped = `
apiVersion: apiserver.config.k8s.io/v1
kind: AdmissionConfiguration
plugins:
- name: EventRateLimit
  configuration: {kind: Configuration}
- name: PodSecurity
  configuration:
    apiVersion: pod-security.admission.config.k8s.io/v1beta1
    kind: PodSecurityConfiguration
    defaults: {enforce: baseline}
    exemptions: {namespaces: [kube-system], runtimeClasses: [kata]}
`

func TestLoad(t *testing.T) {
	inFile := filepath.Join(t.TempDir(), "inner.yaml")
	if err := os.WriteFile(inFile, []byte(bare), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		content     string
		wantEnforce string
		wantExempt  bool
		wantErr     string
	}{
		"bare":                   {bare, "baseline:latest", true, ""},
		"wrapped, older version": {wrapped, "baseline:latest", true, ""},
		"wrapped, in a file of its own": {
			"kind: AdmissionConfiguration\nplugins: [{name: PodSecurity, path: " + inFile + "}]", "baseline:latest", true, "",
		},
		"wrapped, without the plugin": {"kind: AdmissionConfiguration\nplugins: []", "privileged:latest", false, ""},
		"bad level":                   {strings.Replace(bare, "enforce: baseline", "enforce: strict", 1), "", false, `defaults.enforce: Invalid value: "strict"`},
		"unknown field":               {bare + "\nextra: 1", "", false, "extra"},
		"no YAML":                     {"{", "", false, "no YAML"},
		"another kind":                {"apiVersion: v1\nkind: ConfigMap", "", false, "ConfigMap"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "config.yaml")
			if err := os.WriteFile(path, []byte(tc.content), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := Load(path)
			if tc.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), tc.wantErr) {
					t.Fatalf("error %v, want one with %q", err, tc.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.Defaults.Enforce.String() != tc.wantEnforce {
				t.Errorf("enforce defaults to %s, want %s", got.Defaults.Enforce.String(), tc.wantEnforce)
			}
			if got.ExemptNamespaces.Has("kube-system") != tc.wantExempt || got.ExemptRuntimeClasses.Has("kata") != tc.wantExempt {
				t.Errorf("exempt: %v, %v; want %v", got.ExemptNamespaces, got.ExemptRuntimeClasses, tc.wantExempt)
			}
		})
	}
}

func TestLoadWithoutFile(t *testing.T) {
	got, err := Load("")
	if err != nil {
		t.Fatal(err)
	}
	if got.Defaults.Enforce.String() != "privileged:latest" {
		t.Errorf("enforce defaults to %s, want privileged:latest", got.Defaults.Enforce.String())
	}
	if _, err := Load(filepath.Join(t.TempDir(), "none.yaml")); err == nil {
		t.Error("a missing file gives no error")
	}
}
