// SPDX-License-Identifier: Apache-2.0

package psaconfig

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"
)

// patience is how long a change may take to be seen; tests do not wait longer
// than it takes.
const patience = 20 * time.Second

func config(level, class string) string {
	return fmt.Sprintf("apiVersion: pod-security.admission.config.k8s.io/v1\nkind: PodSecurityConfiguration\n"+
		"defaults: {enforce: %s}\nexemptions: {runtimeClasses: [%s]}\n", level, class)
}

// volume is a ConfigMap as the kubelet mounts it: each file is a link through
// ..data, which is a link to the directory of one revision.
type volume struct {
	t        *testing.T
	dir      string
	revision int
}

func newVolume(t *testing.T, files map[string]string) *volume {
	t.Helper()
	v := &volume{t: t, dir: t.TempDir()}
	v.swap(files)
	for name := range files {
		v.must(os.Symlink(filepath.Join("..data", name), v.path(name)))
	}
	return v
}

// swap puts a new revision in the place of the old one (upstream's
// pkg/volume/util, AtomicWriter).
func (v *volume) swap(files map[string]string) {
	v.t.Helper()
	v.revision++
	revision := fmt.Sprintf("..revision_%d", v.revision)
	v.must(os.Mkdir(v.path(revision), 0o700))
	write(v.t, v.path(revision), files)
	v.must(os.Symlink(revision, v.path("..data_tmp")))
	v.must(os.Rename(v.path("..data_tmp"), v.path("..data")))
	v.must(os.RemoveAll(v.path(fmt.Sprintf("..revision_%d", v.revision-1))))
}

func (v *volume) path(name string) string { return filepath.Join(v.dir, name) }

func (v *volume) must(err error) {
	v.t.Helper()
	if err != nil {
		v.t.Fatal(err)
	}
}

// started is a running watcher, and what it tells.
type started struct {
	*Watcher
	t    *testing.T
	told chan struct{}
}

// start runs a watcher until the test ends. When prepare is given, it is called
// before the watcher runs.
func start(t *testing.T, path string, prepare func(*Watcher)) started {
	t.Helper()
	w, err := NewWatcher(path)
	if err != nil {
		t.Fatal(err)
	}
	s := started{Watcher: w, t: t, told: make(chan struct{}, 64)}
	w.OnChange(func() { s.told <- struct{}{} })
	if prepare != nil {
		prepare(w)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the watcher ended with %v", err)
		}
	})
	return s
}

// until waits until what the watcher tells of satisfies a condition.
func (s started) until(what string, condition func() bool) {
	s.t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for !condition() {
		select {
		case <-s.told:
		case <-deadline.C:
			s.t.Fatalf("not within %v: %s; the problem is %q, the configuration %v", patience, what, s.Problem(), s.Config())
		}
	}
}

func (s started) untilEnforce(level string) {
	s.t.Helper()
	s.until("enforce defaults to "+level, func() bool {
		c := s.Config()
		return c.Defaults.Enforce.String() == level+":latest" && s.Problem() == ""
	})
}

func TestWatcherFollowsAConfigMap(t *testing.T) {
	v := newVolume(t, map[string]string{"psa.yaml": config("baseline", "kata")})
	w := start(t, v.path("psa.yaml"), nil)
	for _, level := range []string{"restricted", "privileged", "baseline"} {
		v.swap(map[string]string{"psa.yaml": config(level, "kata")})
		w.untilEnforce(level)
	}
	v.swap(map[string]string{"psa.yaml": config("baseline", "gvisor")})
	w.until("gvisor is exempt", func() bool { return w.Config().ExemptRuntimeClasses.Has("gvisor") })
}

func TestWatcherKeepsTheLastGoodConfiguration(t *testing.T) {
	v := newVolume(t, map[string]string{"psa.yaml": config("baseline", "kata")})
	w := start(t, v.path("psa.yaml"), nil)
	for _, bad := range []string{config("strict", "kata"), ""} {
		v.swap(map[string]string{"psa.yaml": bad})
		w.until("it has a problem", func() bool { return w.Problem() != "" })
		if c := w.Config(); c.Defaults.Enforce.String() != "baseline:latest" || !c.ExemptRuntimeClasses.Has("kata") {
			t.Errorf("a bad file makes the configuration %v", c)
		}
		v.swap(map[string]string{"psa.yaml": config("baseline", "kata")})
		w.untilEnforce("baseline")
	}
	v.swap(map[string]string{})
	w.until("it misses the file", func() bool { return strings.Contains(w.Problem(), "no such file") })
}

func TestWatcherFollowsAPlainFile(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"psa.yaml": config("baseline", "kata")})
	w := start(t, filepath.Join(dir, "psa.yaml"), nil)
	write(t, dir, map[string]string{"psa.yaml": config("restricted", "kata")})
	w.untilEnforce("restricted")
	write(t, dir, map[string]string{"new": config("privileged", "kata")})
	if err := os.Rename(filepath.Join(dir, "new"), filepath.Join(dir, "psa.yaml")); err != nil {
		t.Fatal(err)
	}
	w.untilEnforce("privileged")
}

// The plugin's own file is in another directory, which is only known from the
// AdmissionConfiguration, and changes with it.
func TestWatcherFollowsThePluginsFile(t *testing.T) {
	dir, one, two := t.TempDir(), t.TempDir(), t.TempDir()
	admission := func(inner string) map[string]string {
		return map[string]string{"admission.yaml": plugins(`{name: PodSecurity, path: ` + inner + `/psa.yaml}`)}
	}
	write(t, one, map[string]string{"psa.yaml": config("baseline", "kata")})
	write(t, two, map[string]string{"psa.yaml": config("restricted", "kata")})
	write(t, dir, admission(one))
	w := start(t, filepath.Join(dir, "admission.yaml"), nil)
	write(t, one, map[string]string{"psa.yaml": config("privileged", "kata")})
	w.untilEnforce("privileged")
	write(t, dir, admission(two))
	w.untilEnforce("restricted")
	write(t, two, map[string]string{"psa.yaml": config("baseline", "kata")})
	w.untilEnforce("baseline")
}

// Other files in the directory change all the time.
func TestWatcherInABusyDirectory(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"psa.yaml": config("baseline", "kata")})
	now := clocktesting.NewFakeClock(time.Date(2026, time.November, 24, 9, 0, 0, 0, time.UTC))
	w := start(t, filepath.Join(dir, "psa.yaml"), func(w *Watcher) { w.clock = now })
	for _, level := range []string{"restricted", "privileged"} { // the first may be what the start reads
		write(t, dir, map[string]string{"psa.yaml": config(level, "kata")})
		stepUntil(t, now, settle/4, func() bool {
			write(t, dir, map[string]string{"other": level})
			c := w.Config()
			return c.Defaults.Enforce.String() == level+":latest"
		})
	}
	if passed := now.Since(time.Date(2026, time.November, 24, 9, 0, 0, 0, time.UTC)); passed >= Every {
		t.Errorf("it was the poll that read the file, after %v", passed)
	}
}

// A symbolic link to a file elsewhere: nothing happens in the link's directory.
func TestWatcherPollsWhatNothingTells(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	write(t, elsewhere, map[string]string{"psa.yaml": config("baseline", "kata")})
	path := filepath.Join(dir, "psa.yaml")
	if err := os.Symlink(filepath.Join(elsewhere, "psa.yaml"), path); err != nil {
		t.Fatal(err)
	}
	now := clocktesting.NewFakeClock(time.Date(2026, time.November, 24, 9, 0, 0, 0, time.UTC))
	w := start(t, path, func(w *Watcher) { w.clock = now })
	for _, level := range []string{"restricted", "privileged"} { // the first may be what the start reads
		write(t, elsewhere, map[string]string{"psa.yaml": config(level, "kata")})
		stepUntil(t, now, Every, func() bool {
			c := w.Config()
			return c.Defaults.Enforce.String() == level+":latest"
		})
	}
}

// stepUntil moves the clock on by steps until a condition holds.
func stepUntil(t *testing.T, now *clocktesting.FakeClock, step time.Duration, condition func() bool) {
	t.Helper()
	ticks := time.NewTicker(10 * time.Millisecond)
	defer ticks.Stop()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for !condition() {
		select {
		case <-ticks.C:
			now.Step(step)
		case <-deadline.C:
			t.Fatal("the file is not read")
		}
	}
}

func TestRefreshTellsOfChangesOnly(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "psa.yaml")
	write(t, dir, map[string]string{"psa.yaml": config("baseline", "kata")})
	w, err := NewWatcher(path)
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	w.OnChange(func() { told++ })
	for _, step := range []struct {
		name, content string
		want          int
	}{
		{"as it was", config("baseline", "kata"), 0},
		{"the same in other words", "# a comment\n" + config("baseline", "kata"), 0},
		{"bad", config("strict", "kata"), 1},
		{"bad as before", config("strict", "kata"), 1},
		{"bad in another way", config("lax", "kata"), 2},
		{"good again", config("baseline", "kata"), 3},
		{"another level", config("restricted", "kata"), 4},
	} {
		write(t, dir, map[string]string{"psa.yaml": step.content})
		if moved := w.refresh(context.Background()); moved || told != step.want {
			t.Errorf("%s: told %d times, want %d; depends on other files: %v", step.name, told, step.want, moved)
		}
	}
}

func TestWatcherOfTheBuiltInDefaults(t *testing.T) {
	w, err := NewWatcher("")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Start(context.Background()); err != nil || w.NeedLeaderElection() {
		t.Errorf("start: %v; needs to lead: %v", err, w.NeedLeaderElection())
	}
	if c := w.Config(); c.Defaults.Enforce.String() != "privileged:latest" || w.Problem() != "" {
		t.Errorf("got %v, %q; want the built-in defaults", c, w.Problem())
	}
}

func TestNewWatcherNeedsAGoodFile(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"psa.yaml": config("strict", "kata")})
	if _, err := NewWatcher(filepath.Join(dir, "psa.yaml")); err == nil {
		t.Error("a bad file is no error")
	}
}

// Without inotify nothing is told, and nothing breaks.
func TestDirectoriesWithoutAWatcher(t *testing.T) {
	var d directories
	d.follow(context.Background(), []string{"/nowhere/psa.yaml"})
	d.close()
	if d.events() != nil || d.errors() != nil {
		t.Error("there are channels, want none")
	}
}
