// SPDX-License-Identifier: Apache-2.0

package psaconfig

import (
	"context"
	"slices"
	"sync"
	"time"

	"k8s.io/utils/clock"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"
)

const (
	// Every is how often the file is read when nothing tells of a change: not
	// every file system does, and a node may have no inotify instances left.
	Every = 30 * time.Second
	// settle is how long after a change the file is read. The kubelet's swap of a
	// ConfigMap and an editor's save are several changes in a row. Later ones do not
	// put the reading off: a directory may have other files, which never rest.
	settle = 100 * time.Millisecond
)

// Watcher knows the configuration and follows the file. A file that turns bad
// leaves the last good configuration in force.
type Watcher struct {
	path    string
	clock   clock.WithTicker
	changed []func()

	mu      sync.RWMutex
	config  Config
	problem string
	files   []string
}

// NewWatcher reads the file once, and errs when it is bad: there is no good
// configuration to fall back to yet. An empty path stands for the API server's
// built-in defaults, which never change.
func NewWatcher(path string) (*Watcher, error) {
	config, files, err := read(path)
	if err != nil {
		return nil, err
	}
	return &Watcher{path: path, clock: clock.RealClock{}, config: config, files: files}, nil
}

// OnChange adds what is called after the configuration has changed, or what is
// wrong with the newest file has.
func (w *Watcher) OnChange(changed func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.changed = append(w.changed, changed)
}

// Config answers the last good configuration.
func (w *Watcher) Config() Config {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.config
}

// Problem answers why the file as it is now cannot be used, empty when it can.
func (w *Watcher) Problem() string {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.problem
}

// NeedLeaderElection is false: a standby knows the configuration too.
func (w *Watcher) NeedLeaderElection() bool { return false }

// Start follows the file until the context ends. It implements manager.Runnable.
func (w *Watcher) Start(ctx context.Context) error {
	if w.path == "" {
		return nil
	}
	changes := watchDirectories(ctx)
	defer changes.close()
	poll := w.clock.NewTicker(Every)
	defer poll.Stop()
	for {
		changes.follow(ctx, w.dependsOn()) // before it is read, so that no change falls in between
		if w.refresh(ctx) {
			continue // on other files than were followed
		}
		if !w.await(ctx, changes, poll) {
			return nil
		}
	}
}

// await blocks until it is time to read again, and answers false when the context
// has ended.
func (w *Watcher) await(ctx context.Context, changes *directories, poll clock.Ticker) bool {
	var settled <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return false
		case <-changes.events():
			if settled == nil {
				settled = w.clock.After(settle)
			}
		case err := <-changes.errors(): // too many events at once, for one
			ctrllog.FromContext(ctx).V(1).Info("Missed changes of the PodSecurity configuration's directory, reading the file", "reason", err.Error())
			return true
		case <-settled:
			return true
		case <-poll.C():
			return true
		}
	}
}

func (w *Watcher) dependsOn() []string {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.files
}

// refresh reads the file, and answers whether it depends on other files than it
// did.
func (w *Watcher) refresh(ctx context.Context) (moved bool) {
	config, files, err := read(w.path)
	w.mu.Lock()
	problem := ""
	if err != nil {
		config, problem = w.config, err.Error()
	}
	same := config.Equal(w.config) && problem == w.problem
	moved = !slices.Equal(files, w.files)
	w.config, w.problem, w.files = config, problem, files
	told := slices.Clone(w.changed)
	w.mu.Unlock()
	if same {
		return moved
	}
	say(ctx, config, err)
	for _, changed := range told {
		changed()
	}
	return moved
}

func say(ctx context.Context, config Config, err error) {
	logger := ctrllog.FromContext(ctx)
	if err != nil {
		logger.Error(err, "The API server's PodSecurity configuration cannot be used, keeping the last good one")
		return
	}
	logger.Info("Took the API server's PodSecurity configuration", "defaults", config.Defaults.String(),
		"exemptNamespaces", len(config.ExemptNamespaces), "exemptRuntimeClasses", len(config.ExemptRuntimeClasses))
}
