// SPDX-License-Identifier: Apache-2.0

package status

import (
	"context"
	"fmt"
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

const (
	// drawEvery is how often it is drawn at most.
	drawEvery = 200 * time.Millisecond
	// askEvery is how often the API server is asked whether it is there: a watch takes itself up again and does not tell that it was interrupted.
	askEvery = 3 * time.Second
)

// follow draws the fleet whenever a rollout or a namespace under one has changed, until the context is done.
func (o *options) follow(ctx context.Context, t *term.Terminal, c *cluster.Cluster, name string) error {
	log.SetLogger(logr.Discard()) // the cache's own log would be drawn over
	live, err := c.Rollouts()
	if err != nil {
		return err
	}
	w := &watcher{live: live, changed: make(chan struct{}, 1)}
	if err := w.start(ctx, c); err != nil {
		return err
	}
	if !w.cache.WaitForCacheSync(ctx) {
		return nil
	}
	screen, tick, ask := t.Screen(), time.NewTicker(drawEvery), time.NewTicker(askEvery)
	defer tick.Stop()
	defer ask.Stop()
	for {
		fleet, err := read(ctx, w.cache, name, cluster.CachedClaims)
		if err != nil {
			return err
		}
		screen.Draw(func(page *term.Terminal) {
			write(page, fleet, name != "")
			if w.lost != nil {
				page.Text(term.Bad, 0, fmt.Sprintf("Not live at the moment: %v", w.lost))
			}
		})
		if !w.wait(ctx, tick.C, ask.C) {
			return nil
		}
	}
}

// watcher keeps rollouts and claims up to date.
type watcher struct {
	cache   cache.Cache
	live    client.Reader
	changed chan struct{}
	// lost is why the API server does not answer, nil while it does.
	lost error
}

// start begins to watch. It errs when the cluster does not know the kinds.
func (w *watcher) start(ctx context.Context, c *cluster.Cluster) error {
	var err error
	w.cache, err = cache.New(c.Config, cache.Options{
		Scheme: cluster.Scheme(),
		// What it would log would be drawn over; ask finds out what there is to know.
		DefaultWatchErrorHandler: func(context.Context, *toolscache.Reflector, error) {},
	})
	if err != nil {
		return cluster.Explain(err)
	}
	for _, object := range []client.Object{&v1alpha1.PodSecurityRollout{}, &v1alpha1.NamespaceRollout{}} {
		informer, err := w.cache.GetInformer(ctx, object, cache.BlockUntilSynced(false))
		if err != nil {
			return cluster.Explain(err)
		}
		_, err = informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
			AddFunc: func(any) { w.tell() }, UpdateFunc: func(any, any) { w.tell() }, DeleteFunc: func(any) { w.tell() },
		})
		if err != nil {
			return fmt.Errorf("following %T: %w", object, err)
		}
	}
	go func() { _ = w.cache.Start(ctx) }() // it ends with the context, and answers nil then
	return nil
}

// wait waits until there may be something to draw, and no less than a tick. It answers false when the context is done.
func (w *watcher) wait(ctx context.Context, tick, ask <-chan time.Time) bool {
	select {
	case <-ctx.Done():
	case <-w.changed:
	case <-ask:
		w.ask(ctx)
	}
	select {
	case <-ctx.Done():
		return false
	case <-tick:
		return true
	}
}

// ask finds out whether the API server is there.
func (w *watcher) ask(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, askEvery)
	defer cancel()
	w.lost = w.live.List(ctx, &v1alpha1.PodSecurityRolloutList{}, client.Limit(1))
}

// tell says that something has changed, and never waits.
func (w *watcher) tell() {
	select {
	case w.changed <- struct{}{}:
	default:
	}
}
