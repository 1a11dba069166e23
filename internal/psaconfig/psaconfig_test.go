// SPDX-License-Identifier: Apache-2.0

package psaconfig

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/sets"
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

// plugins is an AdmissionConfiguration with these plugins.
func plugins(list string) string {
	return "apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\nplugins: [" + list + "]\n"
}

// write writes files into a directory.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLoad(t *testing.T) {
	elsewhere := t.TempDir()
	write(t, elsewhere, map[string]string{"psa.yaml": bare})
	for name, content := range map[string]string{
		"bare":                               bare,
		"bare, the first version":            strings.Replace(bare, "k8s.io/v1", "k8s.io/v1alpha1", 1),
		"bare, as JSON":                      `{"apiVersion":"pod-security.admission.config.k8s.io/v1","kind":"PodSecurityConfiguration","defaults":{"enforce":"baseline"},"exemptions":{"namespaces":["kube-system"],"runtimeClasses":["kata"]}}`,
		"wrapped, older version":             wrapped,
		"wrapped by the older version":       strings.Replace(wrapped, "apiserver.config.k8s.io/v1", "apiserver.k8s.io/v1alpha1", 1),
		"a path, absolute":                   plugins(`{name: PodSecurity, path: ` + elsewhere + `/psa.yaml}`),
		"a path, relative to the file":       plugins(`{name: PodSecurity, path: inner.yaml}`),
		"a path, no further than ..":         plugins(`{name: PodSecurity, path: deeper/../inner.yaml}`),
		"what is embedded comes before path": strings.Replace(wrapped, "- name: PodSecurity", "- name: PodSecurity\n  path: nowhere.yaml", 1),
		"the first entry counts":             plugins(`{name: PodSecurity, path: inner.yaml}, {name: PodSecurity, path: nowhere.yaml}`),
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, map[string]string{"config.yaml": content, "inner.yaml": bare})
			got, err := Load(filepath.Join(dir, "config.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			if got.Defaults.Enforce.String() != "baseline:latest" {
				t.Errorf("enforce defaults to %s, want baseline:latest", got.Defaults.Enforce.String())
			}
			if diff := cmp.Diff([]sets.Set[string]{sets.New("kube-system"), sets.New("kata")}, []sets.Set[string]{got.ExemptNamespaces, got.ExemptRuntimeClasses}); diff != "" {
				t.Errorf("exempt (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLoadBuiltInDefaults(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"no file":                           {},
		"no plugin":                         {"config.yaml": plugins("")},
		"no plugin of that name":            {"config.yaml": plugins(`{name: EventRateLimit, path: nowhere.yaml}`)},
		"the plugin, without configuration": {"config.yaml": plugins(`{name: PodSecurity}, {name: PodSecurity, path: nowhere.yaml}`)},
		"the plugin's file is empty":        {"config.yaml": plugins(`{name: PodSecurity, path: inner.yaml}`), "inner.yaml": ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir, path := t.TempDir(), ""
			write(t, dir, files)
			if len(files) > 0 {
				path = filepath.Join(dir, "config.yaml")
			}
			got, err := Load(path)
			if err != nil {
				t.Fatal(err)
			}
			if got.Defaults.Enforce.String() != "privileged:latest" || len(got.ExemptNamespaces)+len(got.ExemptRuntimeClasses) > 0 {
				t.Errorf("got %v, want privileged:latest and nothing exempt", got)
			}
		})
	}
}

func TestLoadRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		content string
		want    []string // field, value, remedy
	}{
		"bad level":      {strings.Replace(bare, "enforce: baseline", "enforce: strict", 1), []string{`defaults.enforce: Invalid value: "strict"`, "must be one of privileged, baseline, restricted"}},
		"bad version":    {strings.Replace(bare, "latest", "v2", 1), []string{`defaults.enforce-version: Invalid value: "v2"`, `must be "latest" or "v1.x"`}},
		"bad class":      {strings.Replace(bare, "[kata]", "[Kata]", 1), []string{`exemptions.runtimeClasses[0]: Invalid value: "Kata"`, "lower case"}},
		"named twice":    {strings.Replace(bare, "[kata]", "[kata, kata]", 1), []string{`exemptions.runtimeClasses[1]: Duplicate value: "kata"`}},
		"unknown field":  {bare + "\nextra: 1", []string{`unknown field "extra"`, "remove it"}},
		"a field twice":  {bare + "\ndefaults: {}", []string{`"defaults" already set`, "remove it"}},
		"other version":  {strings.Replace(bare, "k8s.io/v1", "k8s.io/v9", 1), []string{"k8s.io/v9", "use apiVersion pod-security.admission.config.k8s.io/v1"}},
		"no version":     {"kind: PodSecurityConfiguration", []string{"apiVersion", "use apiVersion pod-security.admission.config.k8s.io/v1"}},
		"another kind":   {"apiVersion: v1\nkind: ConfigMap", []string{`kind "ConfigMap"`, "--admission-control-config-file"}},
		"no kind":        {"defaults: {enforce: baseline}", []string{`kind ""`, "--admission-control-config-file"}},
		"no YAML":        {"{", []string{"no YAML"}},
		"empty":          {"", []string{"the file is empty", "or none for its built-in defaults"}},
		"wrapper":        {strings.Replace(wrapped, "apiserver.config.k8s.io/v1", "apiserver.config.k8s.io/v2", 1), []string{"apiserver.config.k8s.io/v2", "use apiVersion apiserver.config.k8s.io/v1"}},
		"wrapper, field": {strings.Replace(wrapped, "plugins:", "plugin: 1\nplugins:", 1), []string{`unknown field "plugin"`, "remove it"}},
		"embedded":       {strings.Replace(wrapped, "enforce: baseline", "enforce: strict", 1), []string{`defaults.enforce: Invalid value: "strict"`}},
		"embedded kind":  {plugins(`{name: PodSecurity, configuration: {kind: Other, apiVersion: v1}}`), []string{`"Other"`, "use apiVersion pod-security"}},
		"missing path":   {plugins(`{name: PodSecurity, path: nowhere.yaml}`), []string{"nowhere.yaml: no such file", "mount that file too"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, map[string]string{"config.yaml": tc.content})
			path := filepath.Join(dir, "config.yaml")
			_, err := Load(path)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range append(tc.want, path) {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
		})
	}
}

func TestLoadMissingFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none.yaml")
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v, want one that names %s", err, path)
	}
}
