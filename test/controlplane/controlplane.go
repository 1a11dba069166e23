// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"sync"
	"time"
)

// startTimeout bounds a start whose context has no deadline. A start takes seconds; this is for a
// machine busy with other things.
const startTimeout = 3 * time.Minute

// ControlPlane is a control plane that was started. Its methods may be called concurrently.
type ControlPlane struct {
	dir    directory
	trust  []byte
	prober *http.Client

	// mu is held by what starts and stops processes. Ports, tokens and trust do not change after Start.
	mu        sync.Mutex
	state     state
	processes map[string]*process
}

// Start starts a control plane and waits until it is ready. The context bounds the start, not the
// life of what it starts. When it fails, nothing that it started is left.
//
// When a control plane runs in the directory already, that one is the answer, provided that it was
// started with the options that are set here. Parts of it that do not run are started.
func Start(ctx context.Context, o Options) (*ControlPlane, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	if err := o.checkAssets(); err != nil {
		return nil, err
	}
	c, err := open(o)
	if err != nil {
		return nil, fmt.Errorf("preparing the control plane in %s: %w", o.Dir, err)
	}
	if err := c.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("starting the control plane in %s: %w", o.Dir, err), c.stopChildren())
	}
	return c, nil
}

// Running tells whether an API server runs for the control plane in dir.
func Running(dir string) bool {
	d, err := existingDirectory(dir)
	return err == nil && findProcess(d, apiServerProgram) != nil
}

// Stop ends the control plane in dir, whoever started it, and waits until it is gone. It ends only
// processes that it knows for those of that directory. Without any, it does nothing.
func Stop(dir string) error {
	d, err := existingDirectory(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var failures []error
	for _, name := range stopOrder {
		if err := findProcess(d, name).kill(); err != nil {
			failures = append(failures, err)
		}
	}
	return errors.Join(failures...)
}

// open finds what runs in the directory and makes what is missing there for a start.
func open(o Options) (*ControlPlane, error) {
	dir, err := makeDirectory(o.Dir)
	if err != nil {
		return nil, err
	}
	c := &ControlPlane{dir: dir, processes: map[string]*process{}}
	if c.state, err = loadState(dir); err != nil {
		return nil, err
	}
	for _, name := range stopOrder {
		if p := findProcess(dir, name); p != nil {
			c.processes[name] = p
		}
	}
	if c.processes[apiServerProgram] == nil {
		c.state.Options = o
	} else if err := o.compatibleWith(c.state.Options); err != nil {
		return nil, err
	}
	return c, c.prepare()
}

// prepare makes names, keys, tokens and files that do not depend on ports.
func (c *ControlPlane) prepare() error {
	if c.state.Name == "" {
		c.state.Name = rand.Text()
	}
	if c.state.Ports == nil {
		c.state.Ports = map[string]int{}
	}
	if err := makeKeys(c.dir); err != nil {
		return err
	}
	trust, err := os.ReadFile(c.dir.servingCert())
	if err != nil {
		return fmt.Errorf("reading the serving certificate: %w", err)
	}
	c.trust, c.prober = trust, newProber(trust)
	if err := makeTokens(c.dir, &c.state); err != nil {
		return err
	}
	if err := writeWhole(c.dir.auditPolicy(), []byte(auditPolicy)); err != nil {
		return err
	}
	return c.state.save(c.dir)
}

// start starts the programs that do not run, each on a port of its own, and waits for all.
func (c *ControlPlane) start(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	ctx, cancel := withDeadline(ctx)
	defer cancel()
	for _, p := range c.state.Options.programs() {
		if err := c.startOnFreePort(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// startOnFreePort starts the program on the port it had before, or on another one when that is taken.
func (c *ControlPlane) startOnFreePort(ctx context.Context, p program) error {
	for attempt := 1; ; attempt++ {
		if c.state.Ports[p.name] == 0 {
			port, err := freePort()
			if err != nil {
				return err
			}
			c.state.Ports[p.name] = port
		}
		err := c.run(ctx, p)
		if attempt == portAttempts || !errors.Is(err, errPortTaken) {
			return err
		}
		c.state.Ports[p.name] = 0
	}
}

// run starts the program unless it runs, and waits until it is ready.
func (c *ControlPlane) run(ctx context.Context, p program) error {
	ready := func(ctx context.Context) error { return p.ready(c, ctx) }
	if running := c.processes[p.name]; running.alive() {
		// What ends instead of getting ready was on its way down, and is started again.
		if err := running.awaitReady(ctx, ready); err == nil || running.alive() {
			return err
		}
	}
	if err := c.state.save(c.dir); err != nil {
		return err
	}
	args, err := p.arguments(c)
	if err != nil {
		return err
	}
	started, err := command{
		program: p.name,
		assets:  c.state.Options.Assets,
		args:    args,
		dir:     c.dir,
		detach:  c.state.Options.Detach,
	}.start()
	if err != nil {
		return err
	}
	c.processes[p.name] = started
	if err := started.awaitReady(ctx, ready); err != nil {
		return errors.Join(err, started.kill())
	}
	return nil
}

// Kubeconfig answers the path of the cluster admin's kubeconfig.
func (c *ControlPlane) Kubeconfig() string {
	return c.dir.kubeconfig()
}

// AuditLog answers the path of the audit log: one audit.k8s.io/v1 Event a line, Metadata for most
// requests, RequestResponse for writes of namespaces. The API server writes an event when it has
// handled the request, and a large response may reach the client just before: poll with a deadline.
func (c *ControlPlane) AuditLog() string {
	return c.dir.auditLog()
}

// KillAPIServer ends the API server as a crash would. Requests in flight are lost.
func (c *ControlPlane) KillAPIServer() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.processes[apiServerProgram].kill()
}

// StartAPIServer starts the API server again, at the same address, and waits until it is ready. It
// does nothing but wait when the API server runs.
func (c *ControlPlane) StartAPIServer(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	ctx, cancel := withDeadline(ctx)
	defer cancel()
	return c.run(ctx, apiServer)
}

// RestartAPIServer ends the API server in good order and starts it again, at the same address and
// with the same data, certificate and keys, with the options that change makes of the present ones.
// A nil change changes nothing. Assets, PodSecurityConfig, EmulatedVersion and ExtraAPIServerArgs can
// be changed; the other options stay. kube-controller-manager is restarted too when it must change.
func (c *ControlPlane) RestartAPIServer(ctx context.Context, change func(*Options)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	ctx, cancel := withDeadline(ctx)
	defer cancel()
	before := c.state.Options
	after, err := before.changed(change)
	if err != nil {
		return err
	}
	if err := c.processes[apiServerProgram].terminate(); err != nil {
		return err
	}
	c.state.Options = after
	if err := c.run(ctx, apiServer); err != nil {
		return fmt.Errorf("restarting the API server: %w", err)
	}
	if !after.ControllerManager || (after.EmulatedVersion == before.EmulatedVersion && after.Assets == before.Assets) {
		return nil
	}
	if err := c.processes[controllerManagerProgram].kill(); err != nil {
		return err
	}
	return c.run(ctx, controllerManager)
}

// Stop ends all processes and waits until they are gone. It removes nothing: Start with the same
// directory continues with the same data, and Remove removes it. A second Stop does nothing.
func (c *ControlPlane) Stop() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var failures []error
	for _, name := range stopOrder {
		if err := c.processes[name].kill(); err != nil {
			failures = append(failures, err)
		}
	}
	return errors.Join(failures...)
}

// stopChildren ends what this handle started and leaves what it found running.
func (c *ControlPlane) stopChildren() error {
	var failures []error
	for _, name := range stopOrder {
		if p := c.processes[name]; p != nil && p.done != nil {
			failures = append(failures, p.kill())
		}
	}
	return errors.Join(failures...)
}

func (c *ControlPlane) url(scheme, program, path string) string {
	return scheme + "://" + hostPort(c.state.Ports[program]) + path
}

// withDeadline adds a deadline to a context that has none.
func withDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, has := ctx.Deadline(); has {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, startTimeout)
}
