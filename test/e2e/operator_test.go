// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/podsecurity-rollout/operator/test/controlplane"
)

const (
	// startWithin and stopWithin are how long the operator may take; it gives
	// itself 20 seconds to stop.
	startWithin = 60 * time.Second
	stopWithin  = 25 * time.Second
)

// process is the running operator.
type process struct {
	*exec.Cmd
	log string
	// done is closed when it has ended, and err then says how.
	done chan struct{}
	err  error
}

// startOperator builds the operator and runs it with the rights of its
// ServiceAccount, and those only, as its Deployment would. It waits until the
// operator says that it is ready.
func (e *environment) startOperator(ctx context.Context) (*process, error) {
	binary, kubeconfig := filepath.Join(e.dir, "manager"), filepath.Join(e.dir, "manager.kubeconfig")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", binary, filepath.Join(root, "cmd", "manager")).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building the operator: %w\n%s", err, out)
	}
	config, err := e.ServiceAccountConfig(ctx, operatorNamespace, operatorAccount)
	if err != nil {
		return nil, err
	}
	if err := controlplane.WriteKubeconfig(kubeconfig, config); err != nil {
		return nil, err
	}
	probes, err := controlplane.FreeAddress()
	if err != nil {
		return nil, err
	}
	p := &process{log: filepath.Join(e.dir, "manager.log"), done: make(chan struct{})}
	p.Cmd = exec.Command(binary, "--kubeconfig="+kubeconfig, "--leader-elect", "--leader-election-namespace="+operatorNamespace,
		"--health-probe-bind-address="+probes, "--metrics-bind-address=0")
	if err := p.start(); err != nil {
		return nil, err
	}
	return p, p.awaitReady(ctx, "http://"+probes+"/readyz")
}

func (p *process) start() error {
	log, err := os.Create(p.log)
	if err != nil {
		return fmt.Errorf("making the operator's log: %w", err)
	}
	defer func() { _ = log.Close() }() // the process has it open itself
	p.Stdout, p.Stderr = log, log
	if err := p.Start(); err != nil {
		return fmt.Errorf("starting the operator: %w", err)
	}
	go func() {
		p.err = p.Wait()
		close(p.done)
	}()
	return nil
}

func (p *process) awaitReady(ctx context.Context, url string) error {
	err := wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, startWithin, true, func(ctx context.Context) (bool, error) {
		select {
		case <-p.done:
			return false, errors.New("it has ended")
		default:
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
		if err != nil {
			return false, err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return false, nil //nolint:nilerror // it does not listen yet
		}
		return response.StatusCode == http.StatusOK, response.Body.Close()
	})
	if err != nil {
		return fmt.Errorf("waiting for the operator to be ready: %w; its log:\n%s", err, p.tail())
	}
	return nil
}

// tail is the end of the operator's log.
func (p *process) tail() []byte {
	const most = 8000
	data, err := os.ReadFile(p.log)
	if err != nil {
		return []byte(err.Error())
	}
	return data[max(0, len(data)-most):]
}

// stop has the operator stop in good order.
func (p *process) stop() error {
	if err := p.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stopping the operator: %w", err)
	}
	select {
	case <-p.done:
		if p.err != nil {
			return fmt.Errorf("the operator ended with %w; its log:\n%s", p.err, p.tail())
		}
		return nil
	case <-time.After(stopWithin):
		return errors.Join(fmt.Errorf("the operator does not stop within %v; its log:\n%s", stopWithin, p.tail()), p.Process.Kill())
	}
}
