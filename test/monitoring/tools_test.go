// SPDX-License-Identifier: Apache-2.0

package monitoring

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/podsecurity-rollout/operator/test/controlplane"
)

// root is the repository's.
var root = filepath.Join("..", "..")

// stopWithin is how long a program may take to stop, a little more than the operator takes itself.
const stopWithin = 25 * time.Second

// tools builds promtool and Prometheus and answers the directory they are in. Of
// its service discoveries only that of a file is needed.
var tools = sync.OnceValues(func() (string, error) {
	dir, err := filepath.Abs(filepath.Join(root, "bin", "tools", "prometheus"))
	if err != nil {
		return "", err
	}
	build := exec.Command("go", "-C", filepath.Join(root, "hack", "tools", "prometheus"), "build",
		"-tags", "remove_all_sd", "-o", dir+string(filepath.Separator), "tool")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building promtool and Prometheus: %w\n%s", err, out)
	}
	return dir, nil
})

// tool answers the path of promtool or prometheus.
func tool(t *testing.T, name string) string {
	t.Helper()
	dir, err := tools()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, name)
}

// start runs a program until the test is over, and then shows the end of its log if the test failed.
func start(t *testing.T, program string, args ...string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), filepath.Base(program)+".log")
	log, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopWithin
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting %s: %v", program, err)
	}
	t.Cleanup(func() {
		_ = cmd.Wait() // that it was told to stop
		_ = log.Close()
		if data, err := os.ReadFile(path); err == nil && t.Failed() {
			t.Logf("the end of %s's log:\n%s", program, data[max(0, len(data)-4000):])
		}
	})
}

// freeAddress answers a loopback address that nobody listens on at the moment.
func freeAddress(t *testing.T) string {
	t.Helper()
	address, err := controlplane.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, elements ...string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(append([]string{root}, elements...)...))
	if err != nil {
		t.Fatal(err)
	}
	return data
}
