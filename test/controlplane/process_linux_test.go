// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

// orphanDirEnv makes this test binary, run again, start etcd in the directory and wait to be killed.
const orphanDirEnv = "CONTROLPLANE_TEST_ORPHAN_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(orphanDirEnv); dir != "" {
		if err := startEtcdAndHang(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

func startEtcdAndHang(dir string) error {
	o, err := Options{Dir: dir}.complete()
	if err != nil {
		return err
	}
	c, err := open(o)
	if err != nil {
		return err
	}
	if err := c.startOnFreePort(context.Background(), etcd); err != nil {
		return err
	}
	fmt.Println("started")
	select {}
}

// TestKilledParent kills a process without any chance to clean up: its children must not outlive it.
func TestKilledParent(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), orphanDirEnv+"="+dir)
	parent.Stderr = os.Stderr
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, len("started"))); err != nil {
		t.Fatalf("the parent did not start etcd: %v", err)
	}
	d, err := existingDirectory(dir)
	if err != nil {
		t.Fatal(err)
	}
	child := findProcess(d, etcdProgram)
	if child == nil {
		t.Fatal("etcd does not run")
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	// An error is sure: it was killed.
	_ = parent.Wait()
	err = wait.PollUntilContextTimeout(t.Context(), pollInterval, 10*time.Second, true,
		func(context.Context) (bool, error) { return !child.alive(), nil })
	if err != nil {
		t.Errorf("etcd outlives its parent: %v", err)
	}
}

// TestEnding has a process that ended and that its parent has not waited for: it counts as gone.
func TestEnding(t *testing.T) {
	t.Parallel()
	child := exec.Command("sleep", "60")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	pid := child.Process.Pid
	// The kernel sets the arguments a moment after exec is known to have worked.
	err := wait.PollUntilContextTimeout(t.Context(), pollInterval, 10*time.Second, true,
		func(context.Context) (bool, error) { return len(commandLine(pid)) > 0 && !ending(pid), nil })
	if err != nil {
		t.Errorf("a process that runs is ending: %v", err)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	err = wait.PollUntilContextTimeout(t.Context(), pollInterval, 10*time.Second, true,
		func(context.Context) (bool, error) { return len(commandLine(pid)) == 0 && !ending(pid), nil })
	if err != nil {
		t.Errorf("a process that ended, not waited for, does not count as gone: %v", err)
	}
	_ = child.Wait()
	if ending(pid) || len(commandLine(pid)) > 0 {
		t.Error("a process that was waited for does not count as gone")
	}
}
