// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	psaapi "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/yaml"

	"github.com/podsecurity-rollout/operator/internal/standards"
)

// fewestFixtures is how many pods v0.37.2 ships. Later releases only add versions.
const fewestFixtures = 4537

// fixture is a pod that upstream ships with what it expects of it.
type fixture struct {
	path  string // below testdata, e.g. baseline/v1.37/fail/privileged0.yaml
	level psaapi.LevelVersion
	pass  bool
	check string // lower-case ID of the check that the pod is about; "base" for the plain pods
	pod   *corev1.Pod
}

var fixturePath = regexp.MustCompile(`^(baseline|restricted)/(v1\.\d+)/(pass|fail)/([a-z_]+?)\d*\.yaml$`)

var loadOnce = sync.OnceValues(load)

// fixtures answers every pod under upstream's testdata. It fails the test when there are fewer than there were, or when a file is no fixture.
func fixtures(t testing.TB) []fixture {
	t.Helper()
	all, err := loadOnce()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < fewestFixtures {
		t.Fatalf("%d fixtures, want at least %d", len(all), fewestFixtures)
	}
	return all
}

func load() ([]fixture, error) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "k8s.io/pod-security-admission").Output()
	if err != nil {
		return nil, fmt.Errorf("finding the library's module: %w", err)
	}
	root := os.DirFS(filepath.Join(strings.TrimSpace(string(dir)), "test", "testdata"))
	var all []fixture
	err = fs.WalkDir(root, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".yaml" {
			return err
		}
		f, err := read(root, path)
		all = append(all, f)
		return err
	})
	return all, err
}

func read(root fs.FS, path string) (fixture, error) {
	parts := fixturePath.FindStringSubmatch(path)
	if parts == nil {
		return fixture{}, fmt.Errorf("%s is no path of a fixture", path)
	}
	level, err := standards.ParseLevelVersion(parts[1] + ":" + parts[2])
	if err != nil {
		return fixture{}, fmt.Errorf("reading %s: %w", path, err)
	}
	content, err := fs.ReadFile(root, path)
	if err != nil {
		return fixture{}, err
	}
	pod := &corev1.Pod{}
	if err := yaml.UnmarshalStrict(content, pod); err != nil {
		return fixture{}, fmt.Errorf("decoding %s: %w", path, err)
	}
	setDefaults(pod)
	return fixture{path: path, level: level, pass: parts[3] == "pass", check: strings.TrimSuffix(parts[4], "_"), pod: pod}, nil
}

// setDefaults does the one thing that the API server does to a fixture before its checks see it and that they mind: a volume without a source is an emptyDir
// (SetDefaults_Volume in Kubernetes' pkg/apis/core/v1). One fixture, restrictedvolumes0, passes only so.
func setDefaults(pod *corev1.Pod) {
	for i := range pod.Spec.Volumes {
		if source := &pod.Spec.Volumes[i].VolumeSource; *source == (corev1.VolumeSource{}) {
			source.EmptyDir = &corev1.EmptyDirVolumeSource{}
		}
	}
}

func evaluator(t testing.TB) *standards.Evaluator {
	t.Helper()
	e, err := standards.NewEvaluator()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// upstream is the library's own evaluator, without anything of ours.
func upstream(t testing.TB) policy.Evaluator {
	t.Helper()
	e, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// levelVersions are both levels at every version, and at latest.
func levelVersions() []psaapi.LevelVersion {
	var all []psaapi.LevelVersion
	for _, version := range append(standards.Versions(), psaapi.LatestVersion()) {
		for _, level := range []psaapi.Level{psaapi.LevelBaseline, psaapi.LevelRestricted} {
			all = append(all, psaapi.LevelVersion{Level: level, Version: version})
		}
	}
	return all
}

// message joins findings the way upstream joins the results of one pod.
func message(findings []standards.Finding) string {
	messages := make([]string, 0, len(findings))
	for _, f := range findings {
		messages = append(messages, f.Message())
	}
	return strings.Join(messages, ", ")
}

// compare says how the findings on a pod differ from those on its profile, or from what upstream's own evaluator says; "" when they do not.
func compare(e *standards.Evaluator, own policy.Evaluator, lv psaapi.LevelVersion, meta *metav1.ObjectMeta, spec *corev1.PodSpec, p standards.Profile) string {
	whole := e.Evaluate(lv, meta, spec)
	if reduced := e.Evaluate(lv, &p.Meta, &p.Spec); !slices.Equal(whole, reduced) {
		return fmt.Sprintf("%s: findings (-whole +reduced):\n%s", lv.String(), cmp.Diff(whole, reduced))
	}
	aggregate := policy.AggregateCheckResults(own.EvaluatePod(lv, meta, spec))
	if got, want := message(whole), aggregate.ForbiddenDetail(); got != want {
		return fmt.Sprintf("%s: message %q, upstream's %q", lv.String(), got, want)
	}
	return ""
}

// Each fixture at its own level and version: the whole pod, its profile, upstream and the folder agree.
func TestFixtures(t *testing.T) {
	e, own := evaluator(t), upstream(t)
	passed, failed := 0, 0
	for _, f := range fixtures(t) {
		profile := standards.Reduce(&f.pod.ObjectMeta, &f.pod.Spec)
		if difference := compare(e, own, f.level, &f.pod.ObjectMeta, &f.pod.Spec, profile); difference != "" {
			t.Errorf("%s: %s", f.path, difference)
		}
		findings := e.Evaluate(f.level, &profile.Meta, &profile.Spec)
		if got := len(findings) == 0; got != f.pass {
			t.Errorf("%s: complies = %v, the folder says %v", f.path, got, f.pass)
		}
		if f.pass {
			passed++
			continue
		}
		failed++
		if !names(findings, f.check) {
			t.Errorf("%s: no finding of check %s in %v", f.path, f.check, findings)
		}
	}
	t.Logf("%d fixtures pass, %d fail", passed, failed)
}

// names says whether some finding is of the check of that lower-case ID, or of the restricted one that overrides it.
func names(findings []standards.Finding, check string) bool {
	overriding := map[string]string{
		"capabilities_baseline":   "capabilities_restricted",
		"hostpathvolumes":         "restrictedvolumes",
		"procmount":               "procmount_restricted",
		"seccompprofile_baseline": "seccompprofile_restricted",
	}
	for _, f := range findings {
		if id := strings.ToLower(f.Check); id == check || id == overriding[check] {
			return true
		}
	}
	return false
}

// Each fixture at every other level and version: the whole pod, its profile and upstream agree. The same pod under several versions is compared once.
func TestFixturesAtEveryLevelAndVersion(t *testing.T) {
	e, own, levels := evaluator(t), upstream(t), levelVersions()
	seen := map[string]bool{}
	for _, f := range fixtures(t) {
		content, err := f.pod.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if seen[string(content)] {
			continue
		}
		seen[string(content)] = true
		profile := standards.Reduce(&f.pod.ObjectMeta, &f.pod.Spec)
		for _, lv := range levels {
			if difference := compare(e, own, lv, &f.pod.ObjectMeta, &f.pod.Spec, profile); difference != "" {
				t.Errorf("%s: %s", f.path, difference)
			}
		}
	}
	t.Logf("%d distinct pods at %d levels and versions", len(seen), len(levels))
}
