// SPDX-License-Identifier: Apache-2.0

// Package serverversion follows the API server's emulation version: the version
// of the Pod Security Standards that "latest" stands for there, and the newest
// it can judge. No watch tells it, so it is asked for every half minute.
//
// It may import client-go and nothing of this project.
package serverversion

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	apimachineryversion "k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/discovery"
	psaapi "k8s.io/pod-security-admission/api"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"
)

// Every is how often the API server is asked.
const Every = 30 * time.Second

// Watcher knows the version and tells of a change.
type Watcher struct {
	discovery discovery.ServerVersionInterfaceWithContext
	changed   []func()

	mu      sync.RWMutex
	version psaapi.Version
}

// New asks the API server once and answers a watcher that knows the version.
func New(ctx context.Context, d discovery.ServerVersionInterfaceWithContext) (*Watcher, error) {
	w := &Watcher{discovery: d}
	version, err := w.Ask(ctx)
	if err != nil {
		return nil, err
	}
	w.version = version
	return w, nil
}

// OnChange adds what is called after the version has changed.
func (w *Watcher) OnChange(changed func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.changed = append(w.changed, changed)
}

// Version answers the API server's emulation version.
func (w *Watcher) Version() psaapi.Version {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.version
}

// Start asks until the context ends. It implements manager.Runnable.
func (w *Watcher) Start(ctx context.Context) error {
	wait.UntilWithContext(ctx, w.refresh, Every)
	return nil
}

// NeedLeaderElection is false: a standby knows the version too.
func (w *Watcher) NeedLeaderElection() bool { return false }

func (w *Watcher) refresh(ctx context.Context) {
	version, err := w.Ask(ctx)
	if err != nil {
		ctrllog.FromContext(ctx).Error(err, "Could not read the API server's version, keeping the one known")
		return
	}
	w.mu.Lock()
	old := w.version
	w.version = version
	told := slices.Clone(w.changed)
	w.mu.Unlock()
	if old == version {
		return
	}
	ctrllog.FromContext(ctx).Info("The API server's version changed", "from", old.String(), "to", version.String())
	for _, changed := range told {
		changed()
	}
}

// Ask asks the API server for its emulation version now.
func (w *Watcher) Ask(ctx context.Context) (psaapi.Version, error) {
	info, err := w.discovery.ServerVersionWithContext(ctx)
	if err != nil {
		return psaapi.Version{}, fmt.Errorf("asking the API server for its version: %w", err)
	}
	return Parse(info)
}

// Parse answers the emulation version of a /version response, or the binary's
// own where the server is too old to tell the two apart (before v1.31).
func Parse(info *apimachineryversion.Info) (psaapi.Version, error) {
	major, minor := info.EmulationMajor, info.EmulationMinor
	if major == "" || minor == "" {
		major, minor = info.Major, info.Minor
	}
	// Some distributions append a sign to the minor: "31+".
	v, err := psaapi.ParseVersion("v" + major + "." + strings.TrimRight(minor, "+"))
	if err != nil {
		return psaapi.Version{}, fmt.Errorf("the API server's version %s.%s is none this operator understands: %w",
			strconv.Quote(major), strconv.Quote(minor), err)
	}
	return v, nil
}
