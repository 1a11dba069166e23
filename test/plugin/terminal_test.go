// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/creack/pty"
	"github.com/jedib0t/go-pretty/v6/text"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/test/controlplane"
	"github.com/podsecurity-rollout/operator/test/crowd"
	"github.com/podsecurity-rollout/operator/test/e2e/await"
)

// terminal is a program that runs in a pseudo-terminal, and what it has written there.
type terminal struct {
	cmd  *exec.Cmd
	done chan struct{}

	mu     sync.Mutex
	screen bytes.Buffer
}

// inTerminal starts the plugin in a pseudo-terminal of some columns.
func inTerminal(t *testing.T, on *controlplane.ControlPlane, columns uint16, env []string, args ...string) *terminal {
	t.Helper()
	term := &terminal{cmd: exec.CommandContext(t.Context(), program, args...), done: make(chan struct{})}
	term.cmd.Env = environment(on.Kubeconfig(), env...)
	file, err := pty.StartWithSize(term.cmd, &pty.Winsize{Rows: 50, Cols: columns})
	if err != nil {
		t.Fatalf("starting in a pseudo-terminal: %v", err)
	}
	go func() {
		defer close(term.done)
		term.read(file)
		_ = file.Close() // read to its end
	}()
	return term
}

// read keeps what the program writes until it has ended, which Linux tells as an input/output error.
func (term *terminal) read(file *os.File) {
	buffer := make([]byte, 4096)
	for {
		n, err := file.Read(buffer)
		term.mu.Lock()
		term.screen.Write(buffer[:n])
		term.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (term *terminal) text() string {
	term.mu.Lock()
	defer term.mu.Unlock()
	return strings.ReplaceAll(term.screen.String(), "\r\n", "\n")
}

// wait waits for the end and answers what was written, and the exit code.
func (term *terminal) wait(t *testing.T) (string, int) {
	t.Helper()
	<-term.done
	err := term.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return term.text(), term.cmd.ProcessState.ExitCode()
}

// TestTerminal has every command that shows something write to terminals of 80 and 160 columns: nothing is wider, and it is coloured unless NO_COLOR says
// otherwise.
func TestTerminal(t *testing.T) {
	c := newClient(t, site)
	create(t, c, namespaceOf("terminal", nil))
	create(t, c, crowd.Deployment("terminal", "node-exporter-with-a-long-name", crowd.SpecAt("privileged"), 2)...)
	commands := map[string][]string{
		"preview":         {"preview", "terminal", "default"},
		"preview, wide":   {"preview", "terminal", "-o", "wide"},
		"preview -f":      {"preview", "terminal", "-f", "testdata/rollout.yaml"},
		"explain":         {"explain", "terminal"},
		"report":          {"report", "terminal"},
		"report by check": {"report", "terminal", "--by", "check"},
		"status":          {"status"},
	}
	for name, args := range commands {
		for _, columns := range []uint16{80, 160} {
			t.Run(fmt.Sprintf("%s at %d", name, columns), func(t *testing.T) {
				screen, code := inTerminal(t, site, columns, nil, args...).wait(t)
				if code != 0 {
					t.Fatalf("exit code %d:\n%s", code, screen)
				}
				for line := range strings.Lines(afterProgress(screen)) {
					if width := text.StringWidthWithoutEscSequences(strings.TrimRight(line, "\n")); width > int(columns) {
						t.Errorf("a line takes %d columns: %q", width, line)
					}
				}
				if name != "status" && !strings.Contains(screen, "\x1b[31m") {
					t.Errorf("nothing is red:\n%q", screen)
				}
			})
		}
	}
	t.Run("NO_COLOR", func(t *testing.T) {
		screen, _ := inTerminal(t, site, 80, []string{"NO_COLOR=1"}, "preview", "terminal").wait(t)
		if strings.Contains(afterProgress(screen), "\x1b[") {
			t.Errorf("escape sequences:\n%q", screen)
		}
	})
	t.Run("without a terminal", func(t *testing.T) {
		r := plugin(t, site, "preview", "terminal")
		out := r.want(t, 0)
		if strings.Contains(out, "\x1b") || r.stderr != "" {
			t.Errorf("escape sequences or progress: %q %q", out, r.stderr)
		}
		wantWords(t, out, "baseline: Deployment node-exporter-with-a-long-name: hostNamespaces, privileged\n")
	})
	t.Run("coloured without a terminal", func(t *testing.T) {
		wantWords(t, plugin(t, site, "preview", "terminal", "--color", "always").want(t, 0), "\x1b[31mprivileged\x1b[0m")
	})
}

// afterProgress is what was written after the line of progress had been taken away.
func afterProgress(screen string) string {
	const clearLine = "\r\x1b[K"
	if i := strings.LastIndex(screen, clearLine); i >= 0 {
		return screen[i+len(clearLine):]
	}
	return screen
}

// TestStatusFollows draws a rollout again when it changes, says when the API server is gone and no longer when it is back, and ends well when interrupted.
func TestStatusFollows(t *testing.T) {
	c := newClient(t, site)
	rollout := &v1alpha1.PodSecurityRollout{}
	rollout.Name = "followed"
	rollout.Spec.Targets = []v1alpha1.Target{{
		Name: "none", Enforce: v1alpha1.LevelBaseline, NamespaceSelector: &v1alpha1.NamespaceSelector{MatchLabels: map[string]string{"no": "namespace"}},
	}}
	create(t, c, rollout)
	t.Cleanup(func() { remove(t, c, rollout) })

	watch := inTerminal(t, site, 100, nil, "status", "followed", "-w")
	shows := func(words string) {
		t.Helper()
		await.Until(t, soon, func() error {
			if screen := watch.text(); !strings.Contains(screen, words) {
				return fmt.Errorf("%q is not on the screen:\n%q", words, screen)
			}
			return nil
		})
	}
	shows("The operator has not looked at it yet")
	before := rollout.DeepCopy()
	rollout.Status.Waves = []v1alpha1.WaveStatus{{Name: "canary", Selected: 4, Complete: 1, State: v1alpha1.WaveOpen}}
	if err := c.Status().Patch(t.Context(), rollout, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
	shows("25%")
	shows("\x1b[3A") // drawn in the place of the three lines before
	if err := site.KillAPIServer(); err != nil {
		t.Fatal(err)
	}
	shows("Not live at the moment")
	if err := site.StartAPIServer(t.Context()); err != nil {
		t.Fatal(err)
	}
	await.Until(t, soon, func() error {
		screen := watch.text()
		if last := screen[strings.LastIndex(screen, "followed"):]; strings.Contains(last, "Not live") {
			return fmt.Errorf("it is still not live: %q", last)
		}
		return nil
	})
	if err := watch.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if screen, code := watch.wait(t); code != 0 {
		t.Errorf("exit code %d:\n%s", code, screen)
	}
}

func remove(t *testing.T, c client.Client, object client.Object) {
	t.Helper()
	if err := c.Delete(context.Background(), object); client.IgnoreNotFound(err) != nil {
		t.Errorf("deleting %s: %v", object.GetName(), err)
	}
}
