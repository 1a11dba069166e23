// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestPidFileOfAnotherProcess(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"this process": strconv.Itoa(os.Getpid()),
		"not a number": "x",
		"a group":      "-1",
		"no process":   "2147483647",
	}
	for name, content := range tests {
		t.Run(name, func(t *testing.T) {
			d, err := makeDirectory(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			writeFile(t, d.pidFile(etcdProgram), content)
			if p := findProcess(d, etcdProgram); p != nil {
				t.Errorf("found process %d for etcd", p.handle.Pid)
			}
			// Were it to act on the first of these, this test would not live to tell.
			if err := Stop(string(d)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestPortTaken(t *testing.T) {
	t.Parallel()
	taken := listen(t, 0)

	dir := t.TempDir()
	d, err := makeDirectory(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := (state{Ports: map[string]int{etcdProgram: taken, apiServerProgram: taken}}).save(d); err != nil {
		t.Fatal(err)
	}
	c := start(t, Options{Dir: dir})
	for name, port := range c.state.Ports {
		if port == taken {
			t.Errorf("%s is said to be on port %d, which is taken", name, port)
		}
	}
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}

	// A restart must keep the address, so it cannot evade.
	listen(t, c.state.Ports[apiServerProgram])
	if err := c.run(t.Context(), etcd); err != nil {
		t.Fatal(err)
	}
	if err := c.StartAPIServer(t.Context()); !errors.Is(err, errPortTaken) {
		t.Errorf("error = %v, want %v", err, errPortTaken)
	}
}

// listen holds the port, or any when it is 0, until the end of the test.
func listen(t *testing.T, port int) int {
	t.Helper()
	listener, err := net.Listen("tcp", hostPort(port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := listener.Close(); err != nil {
			t.Error(err)
		}
	})
	addr, ok := listener.Addr().(*net.TCPAddr)
	if !ok {
		t.Fatalf("a TCP listener has the address %v", listener.Addr())
	}
	return addr.Port
}

func TestTail(t *testing.T) {
	t.Parallel()
	d, err := makeDirectory(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	const earlier = "of an earlier process\n"
	writeFile(t, d.log(etcdProgram), earlier+strings.Repeat("line\n", tailLines+1)+"last\n")
	p := &process{program: etcdProgram, dir: d, logStart: int64(len(earlier))}
	if got, want := p.tail(), strings.Repeat("line\n", tailLines-1)+"last"; got != want {
		t.Errorf("tail = %q, want %q", got, want)
	}
	p.logStart = 1 << 20
	if got := p.tail(); got != "" {
		t.Errorf("tail of a truncated log = %q, want nothing", got)
	}
}

func TestDefaultAssets(t *testing.T) {
	t.Setenv(AssetsEnv, "/elsewhere")
	if got := DefaultAssets(); got != "/elsewhere" {
		t.Errorf("with %s set: %q", AssetsEnv, got)
	}
	t.Setenv(AssetsEnv, "")
	built := filepath.Join("bin", "controlplane")
	got := DefaultAssets()
	if _, err := os.Stat(filepath.Join(strings.TrimSuffix(got, built), "go.mod")); err != nil {
		t.Errorf("assets = %q, want them below the repository: %v", got, err)
	}
	t.Chdir(t.TempDir())
	if got := DefaultAssets(); got != built {
		t.Errorf("outside the repository: %q, want %q", got, built)
	}
}
