// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/podsecurity-rollout/operator/test/controlplane"
)

// What config/default calls things.
const (
	operatorNamespace = "podsecurity-rollout-system"
	operatorAccount   = "podsecurity-rollout-manager"
	operatorUser      = "system:serviceaccount:" + operatorNamespace + ":" + operatorAccount
)

// startWithin is how long the operator may take to be ready.
const startWithin = 60 * time.Second

// operator is the real binary, as a process that can be killed and stopped. It
// runs without leader election: a lease would only delay what takes over.
type operator struct {
	kubeconfig, probes, log string

	// mu is held by whoever does something to the process, and by who needs it
	// undisturbed.
	mu      sync.Mutex
	process *os.Process
	ended   chan struct{}
}

// newOperator answers an operator that has the rights of its ServiceAccount, and
// those only, and does not run yet.
func (s *site) newOperator(ctx context.Context) (*operator, error) {
	config, err := s.cluster.ServiceAccountConfig(ctx, operatorNamespace, operatorAccount)
	if err != nil {
		return nil, err
	}
	o := &operator{kubeconfig: filepath.Join(s.dir, "manager.kubeconfig"), log: filepath.Join(s.dir, "manager.log")}
	if err := controlplane.WriteKubeconfig(o.kubeconfig, config); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("finding a free port: %w", err)
	}
	o.probes = listener.Addr().String()
	return o, listener.Close()
}

// start runs the operator and waits until it has seen everything that runs.
func (o *operator) start(ctx context.Context) error {
	log, err := os.OpenFile(o.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("opening the operator's log: %w", err)
	}
	defer func() { _ = log.Close() }() // the process has it open itself
	cmd := exec.Command(manager, "--kubeconfig="+o.kubeconfig, "--health-probe-bind-address="+o.probes, "--zap-log-level=debug")
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting the operator: %w", err)
	}
	o.process, o.ended = cmd.Process, make(chan struct{})
	go func() {
		_ = cmd.Wait() // it is always killed
		close(o.ended)
	}()
	return o.awaitReady(ctx)
}

func (o *operator) awaitReady(ctx context.Context) error {
	err := wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, startWithin, true, func(ctx context.Context) (bool, error) {
		select {
		case <-o.ended:
			return false, errors.New("it has ended")
		default:
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+o.probes+"/readyz", http.NoBody)
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
		return fmt.Errorf("waiting for the operator to be ready: %w; its log:\n%s", err, o.logged(""))
	}
	return nil
}

// kill ends the operator as a crash would.
func (o *operator) kill() error {
	if o.process == nil {
		return nil
	}
	if err := o.process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("killing the operator: %w", err)
	}
	<-o.ended
	return nil
}

// restart kills the operator and runs it anew.
func (o *operator) restart(ctx context.Context) error {
	if err := o.kill(); err != nil {
		return err
	}
	return o.start(ctx)
}

// pause has the operator see and do nothing until it is resumed.
func (o *operator) pause() error { return o.process.Signal(syscall.SIGSTOP) }

func (o *operator) resume() error { return o.process.Signal(syscall.SIGCONT) }

// running tells whether the process that was started last has not ended.
func (o *operator) running() bool {
	select {
	case <-o.ended:
		return false
	default:
		return true
	}
}

// logged is the end of the operator's log, of the lines that have the word.
func (o *operator) logged(word string) []byte {
	const most = 12000
	data, err := os.ReadFile(o.log)
	if err != nil {
		return []byte(err.Error())
	}
	var found []byte
	for line := range bytes.Lines(data) {
		if bytes.Contains(line, []byte(word)) {
			found = append(found, line...)
		}
	}
	return found[max(0, len(found)-most):]
}
