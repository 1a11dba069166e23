// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/podsecurity-rollout/operator/test/controlplane"
)

// What config/default calls things.
const (
	operatorNamespace  = "podsecurity-rollout-system"
	operatorDeployment = "deployment/podsecurity-rollout-manager"
	operatorAccount    = "podsecurity-rollout-manager"
)

// stopWithin is how long the operator may take to stop, a little more than it takes itself.
const stopWithin = 25 * time.Second

// logTail is how many lines of the operator's log an error shows.
const logTail = 10

// buildOperator builds the operator as make does, and answers the path of the binary. Nothing is done
// when make has just built it.
func buildOperator(ctx context.Context) (string, error) {
	if out, err := command(ctx, "make", "build").CombinedOutput(); err != nil {
		return "", fmt.Errorf("running make build: %w\n%s", err, out)
	}
	return filepath.Join("bin", "manager"), nil
}

// install applies config/default. Its Deployment is scaled to nothing: no kubelet would ever run it,
// and the operator runs as a child process here.
func (c *cluster) install(ctx context.Context) error {
	for _, args := range [][]string{
		{"apply", "--server-side", "-k", filepath.Join("config", "default")},
		{"wait", "--for=condition=Established", "crd", "--all", "--timeout=30s"},
		{"scale", "-n", operatorNamespace, operatorDeployment, "--replicas=0"},
	} {
		if _, err := c.run(ctx, args...); err != nil {
			return err
		}
	}
	return nil
}

// operator is the running operator.
type operator struct {
	process *os.Process
	log     string
	// done is closed when the process has ended; err then says how.
	done chan struct{}
	err  error
}

// startOperator runs the binary with the rights of the operator's ServiceAccount, and those only, and
// waits until it says that it is ready.
func (c *cluster) startOperator(ctx context.Context, binary string) (*operator, error) {
	config, err := c.ServiceAccountConfig(ctx, operatorNamespace, operatorAccount)
	if err != nil {
		return nil, err
	}
	kubeconfig := filepath.Join(c.dir, "config", "manager.kubeconfig")
	if err := controlplane.WriteKubeconfig(kubeconfig, config); err != nil {
		return nil, err
	}
	probes, err := controlplane.FreeAddress()
	if err != nil {
		return nil, err
	}
	o := &operator{log: filepath.Join(c.dir, "logs", "manager.log"), done: make(chan struct{})}
	err = o.start(binary,
		"--kubeconfig="+kubeconfig,
		"--leader-elect", "--leader-election-namespace="+operatorNamespace,
		"--health-probe-bind-address="+probes,
		"--metrics-bind-address=0")
	if err != nil {
		return nil, err
	}
	if err := o.awaitReady(ctx, "http://"+probes+"/readyz"); err != nil {
		return nil, errors.Join(err, o.stop())
	}
	return o, nil
}

func (o *operator) start(binary string, args ...string) error {
	log, err := os.Create(o.log)
	if err != nil {
		return fmt.Errorf("making the operator's log: %w", err)
	}
	defer func() { _ = log.Close() }() // the operator has it open itself
	// No context: it is stopped in good order, so that it gives up its lease.
	cmd := exec.Command(binary, args...)
	cmd.Stdout, cmd.Stderr = log, log
	// As in command: Ctrl-C is for the demo, which then stops the operator.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting the operator: %w", err)
	}
	o.process = cmd.Process
	go func() {
		o.err = cmd.Wait()
		close(o.done)
	}()
	return nil
}

// awaitReady polls until the operator has seen everything that runs.
func (o *operator) awaitReady(ctx context.Context, url string) error {
	err := wait.PollUntilContextCancel(ctx, poll, true, func(ctx context.Context) (bool, error) {
		select {
		case <-o.done:
			return false, o.failure()
		default:
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return false, err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return false, nil // it does not listen yet
		}
		_, _ = io.Copy(io.Discard, response.Body)
		return response.StatusCode == http.StatusOK, response.Body.Close()
	})
	if err != nil {
		return fmt.Errorf("waiting for the operator to be ready: %w", err)
	}
	return nil
}

// failure says how an operator that should run has ended.
func (o *operator) failure() error {
	how := "it stopped"
	if o.err != nil {
		how = o.err.Error()
	}
	data, err := os.ReadFile(o.log)
	if err != nil {
		return fmt.Errorf("the operator does not run any more (%s), and its log cannot be read: %w", how, err)
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	return fmt.Errorf("the operator does not run any more (%s); the end of %s:\n%s",
		how, o.log, strings.Join(lines[max(0, len(lines)-logTail):], "\n"))
}

// stop ends the operator and waits until it is gone. It may be called on nil, and more than once.
func (o *operator) stop() error {
	if o == nil {
		return nil
	}
	for _, signal := range []os.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		if err := o.process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("stopping the operator: %w", err)
		}
		select {
		case <-o.done:
			return nil
		case <-time.After(stopWithin):
		}
	}
	return fmt.Errorf("stopping the operator: process %d does not end", o.process.Pid)
}
