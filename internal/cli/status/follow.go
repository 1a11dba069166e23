// SPDX-License-Identifier: Apache-2.0

package status

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/cli/cluster"
	"github.com/podsecurity-rollout/operator/internal/cli/term"
)

// drawEvery is how often it is drawn at most.
const drawEvery = 200 * time.Millisecond

// follow draws the fleet whenever a rollout or a namespace under one has changed, until the context is done.
func (o *options) follow(ctx context.Context, t *term.Terminal, c *cluster.Cluster, name string) error {
	log.SetLogger(logr.Discard()) // the cache's own log would be drawn over
	w := &watcher{changed: make(chan struct{}, 1)}
	if err := w.start(ctx, c); err != nil {
		return err
	}
	if !w.cache.WaitForCacheSync(ctx) {
		return nil
	}
	screen, tick := t.Screen(), time.NewTicker(drawEvery)
	defer tick.Stop()
	for {
		fleet, err := read(ctx, w.cache, name, cluster.CachedClaims)
		if err != nil {
			return err
		}
		screen.Draw(func(page *term.Terminal) {
			write(page, fleet, name != "")
			if lost := w.lost.Load(); lost != nil {
				page.Text(term.Bad, 0, fmt.Sprintf("Not live at the moment: %v", *lost))
			}
		})
		select {
		case <-ctx.Done():
			return nil
		case <-w.changed:
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// watcher keeps rollouts and claims up to date.
type watcher struct {
	cache   cache.Cache
	changed chan struct{}
	// lost is why a watch has been interrupted, nil while it is not.
	lost atomic.Pointer[error]
}

// start begins to watch. It errs when the cluster does not know the kinds.
func (w *watcher) start(ctx context.Context, c *cluster.Cluster) error {
	var err error
	w.cache, err = cache.New(c.Config, cache.Options{
		Scheme: cluster.Scheme(),
		DefaultWatchErrorHandler: func(_ context.Context, _ *toolscache.Reflector, err error) {
			w.lost.Store(&err)
			w.tell()
		},
	})
	if err != nil {
		return cluster.Explain(err)
	}
	seen := func() {
		w.lost.Store(nil)
		w.tell()
	}
	for _, object := range []client.Object{&v1alpha1.PodSecurityRollout{}, &v1alpha1.NamespaceRollout{}} {
		informer, err := w.cache.GetInformer(ctx, object, cache.BlockUntilSynced(false))
		if err != nil {
			return cluster.Explain(err)
		}
		_, err = informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
			AddFunc: func(any) { seen() }, UpdateFunc: func(any, any) { seen() }, DeleteFunc: func(any) { seen() },
		})
		if err != nil {
			return fmt.Errorf("following %T: %w", object, err)
		}
	}
	go func() { _ = w.cache.Start(ctx) }() // it ends with the context, and answers nil then
	return nil
}

// tell says that something has changed, and never waits.
func (w *watcher) tell() {
	select {
	case w.changed <- struct{}{}:
	default:
	}
}
