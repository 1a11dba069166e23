// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	pollInterval = 20 * time.Millisecond
	// terminateTimeout bounds the wait for a process asked politely, killTimeout for one killed.
	terminateTimeout = 15 * time.Second
	killTimeout      = 30 * time.Second
	// tailLines of a log go into an error.
	tailLines = 15
)

// errPortTaken is in the error of a process that ended because another one listens on its port.
var errPortTaken = errors.New("port already taken")

// command says how to start a process.
type command struct {
	program string
	assets  string
	args    []string
	dir     directory
	detach  bool
}

// process is a running program: a child of this process, or one found by its pid file.
type process struct {
	program string
	dir     directory
	handle  *os.Process

	// done is closed when the child has ended and been waited for; err then says how it ended. Both
	// are nil in a process found by its pid file.
	done chan struct{}
	err  error

	// logStart is where in the log file the output of this process begins.
	logStart int64
}

// start starts the program with its output in its log file and writes its pid file.
func (c command) start() (*process, error) {
	log, err := os.OpenFile(c.dir.log(c.program), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the log of %s: %w", c.program, err)
	}
	// The child has a descriptor of its own.
	defer func() { _ = log.Close() }()
	logStart, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, fmt.Errorf("opening the log of %s: %w", c.program, err)
	}

	// No context: it bounds the start, not the life of the process.
	cmd := exec.Command(filepath.Join(c.assets, c.program), c.args...)
	cmd.Dir = string(c.dir)
	// A file and not a writer: a detached process goes on writing when this one is gone.
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = processAttributes(c.detach)
	if err := onLastingThread(cmd.Start); err != nil {
		return nil, fmt.Errorf("starting %s: %w", c.program, err)
	}

	p := &process{
		program:  c.program,
		dir:      c.dir,
		handle:   cmd.Process,
		done:     make(chan struct{}),
		logStart: logStart,
	}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	if err := writeWhole(c.dir.pidFile(c.program), []byte(strconv.Itoa(cmd.Process.Pid))); err != nil {
		return nil, errors.Join(err, p.kill())
	}
	return p, nil
}

// lastingThread runs functions on one operating system thread that lives as long as this process.
var lastingThread = sync.OnceValue(func() chan<- func() {
	work := make(chan func())
	go func() {
		runtime.LockOSThread()
		for f := range work {
			f()
		}
	}()
	return work
})

// onLastingThread starts a child from the lasting thread. Linux ends a child that asked for it when
// the thread that started it ends, and the Go runtime ends threads as it likes.
func onLastingThread(start func() error) error {
	result := make(chan error)
	lastingThread() <- func() { result <- start() }
	return <-result
}

// findProcess answers the running program that the pid file in d names, or nil. A pid file that
// outlived its process, with a pid that is now another's, finds nothing.
func findProcess(d directory, program string) *process {
	data, err := os.ReadFile(d.pidFile(program))
	if err != nil {
		return nil
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil || pid <= 0 {
		return nil
	}
	handle, err := os.FindProcess(pid)
	if err != nil {
		return nil
	}
	p := &process{program: program, dir: d, handle: handle}
	if !p.isOurs() {
		return nil
	}
	return p
}

// alive tells whether the process runs. It may be called on nil.
func (p *process) alive() bool {
	if p == nil {
		return false
	}
	if p.done == nil {
		// One that is ending has no arguments any more, but may hold its port and files.
		return p.isOurs() || ending(p.handle.Pid)
	}
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// isOurs tells whether the pid belongs to our program: every one of them has the directory of its
// control plane in its arguments.
func (p *process) isOurs() bool {
	args := commandLine(p.handle.Pid)
	return len(args) > 0 && filepath.Base(args[0]) == p.program &&
		strings.Contains(strings.Join(args[1:], " "), string(p.dir)+string(filepath.Separator))
}

// terminate asks the process to end, and kills it when it does not.
func (p *process) terminate() error {
	if err := p.signal(syscall.SIGTERM, terminateTimeout); err == nil {
		return nil
	}
	return p.kill()
}

// kill ends the process and waits until it is gone.
func (p *process) kill() error {
	return p.signal(syscall.SIGKILL, killTimeout)
}

// signal sends the signal and waits until the process is gone. It may be called on nil.
func (p *process) signal(sig os.Signal, timeout time.Duration) error {
	if !p.alive() {
		return nil
	}
	if err := p.handle.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("sending %q to %s, process %d: %w", sig, p.program, p.handle.Pid, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	for p.alive() {
		if err := pause(ctx, p.done); err != nil {
			return fmt.Errorf("%s, process %d, still runs %s after %q", p.program, p.handle.Pid, timeout, sig)
		}
	}
	return nil
}

// awaitReady polls until ready answers no error. It fails at once when the process ends, and when
// the context does.
func (p *process) awaitReady(ctx context.Context, ready func(context.Context) error) error {
	probing, stopProbing := p.whileRunning(ctx)
	defer stopProbing()
	for {
		err := ready(probing)
		if !p.alive() {
			return p.failure()
		}
		if err == nil {
			return nil
		}
		if ctxErr := pause(ctx, p.done); ctxErr != nil {
			return fmt.Errorf("waiting for %s to be ready: %w; last answer: %w; end of %s:\n%s",
				p.program, ctxErr, err, p.dir.log(p.program), p.tail())
		}
	}
}

// whileRunning answers a context that ends with the child too: when somebody else has its port, a probe
// can hang there long after the child has given up.
func (p *process) whileRunning(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-p.done:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// pause waits for the next poll, or less when done is closed.
func pause(ctx context.Context, done <-chan struct{}) error {
	timer := time.NewTimer(pollInterval)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-done:
	case <-timer.C:
	}
	return nil
}

// failure says how a process that should run has ended.
func (p *process) failure() error {
	how := "ended"
	if p.done != nil && p.err != nil {
		how = p.err.Error()
	}
	tail := p.tail()
	if strings.Contains(tail, "address already in use") {
		return fmt.Errorf("%s did not start: %w (%s)", p.program, errPortTaken, how)
	}
	return fmt.Errorf("%s did not start (%s); end of %s:\n%s", p.program, how, p.dir.log(p.program), tail)
}

// tail answers the last lines that this process logged.
func (p *process) tail() string {
	data, err := os.ReadFile(p.dir.log(p.program))
	if err != nil {
		return err.Error()
	}
	own := data[min(p.logStart, int64(len(data))):]
	lines := strings.Split(strings.TrimSpace(string(own)), "\n")
	return strings.Join(lines[max(0, len(lines)-tailLines):], "\n")
}
