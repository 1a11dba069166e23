// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

// redraw is how often the table is drawn while things move, and how often is looked whether they still do.
const redraw = 100 * time.Millisecond

// feed hands over every namespace, claim and rollout, each time it changes.
type feed <-chan client.Object

// watch starts the feed. It ends with the context.
func watch(ctx context.Context, config *rest.Config, c client.Client) (feed, error) {
	informers, err := cache.New(config, cache.Options{Scheme: c.Scheme(), Mapper: c.RESTMapper()})
	if err != nil {
		return nil, fmt.Errorf("making a watch: %w", err)
	}
	out := make(chan client.Object)
	send := func(object any) {
		if o, ok := object.(client.Object); ok {
			select {
			case out <- o:
			case <-ctx.Done():
			}
		}
	}
	for _, kind := range []client.Object{&corev1.Namespace{}, &v1alpha1.NamespaceRollout{}, &v1alpha1.PodSecurityRollout{}} {
		informer, err := informers.GetInformer(ctx, kind, cache.BlockUntilSynced(false))
		if err != nil {
			return nil, fmt.Errorf("watching %T: %w", kind, err)
		}
		if _, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
			AddFunc:    send,
			UpdateFunc: func(_, object any) { send(object) },
		}); err != nil {
			return nil, fmt.Errorf("watching %T: %w", kind, err)
		}
	}
	go func() { _ = informers.Start(ctx) }() // answers nothing but that the context has ended
	return out, nil
}

// observe shows what the feed tells until everything has come to rest in a way that is finished.
func (d *demo) observe(ctx context.Context, finished func([]verdict) bool) error {
	defer d.screen.release()
	ticker := time.NewTicker(redraw)
	defer ticker.Stop()
	var notes []note
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-d.operator.done:
			return d.operator.failure()
		case object := <-d.feed:
			notes = append(notes, d.take(object)...)
			continue
		case <-ticker.C:
		}
		d.screen.tell(inOrder(notes))
		d.screen.draw(d.board)
		notes = nil
		done, err := d.atRest(ctx, finished)
		if err != nil {
			return err
		}
		if done {
			d.screen.settle(d.board)
			return nil
		}
	}
}

// inOrder puts states after the climbs that led to them: labels and claims come by different watches,
// in any order.
func inOrder(notes []note) []note {
	slices.SortStableFunc(notes, func(a, b note) int {
		switch {
		case a.rests == b.rests:
			return 0
		case b.rests:
			return -1
		default:
			return 1
		}
	})
	return notes
}

// take takes one object in and answers what it changes.
func (d *demo) take(object client.Object) []note {
	switch o := object.(type) {
	case *corev1.Namespace:
		return d.board.showNamespace(o)
	case *v1alpha1.NamespaceRollout:
		d.claims[o.Namespace] = o
		return d.board.showClaim(o)
	case *v1alpha1.PodSecurityRollout:
		d.rollouts[o.Name] = o
	}
	return nil
}

// atRest tells whether nothing moves any more: the operator says so of every namespace, the rollouts
// have summed it up, and the labels are what they ought to be. Else d.unfinished says what is missing.
func (d *demo) atRest(ctx context.Context, finished func([]verdict) bool) (bool, error) {
	d.unfinished = nil
	for _, r := range d.board.sorted() {
		if !atRest(r.reason) {
			d.unfinished = append(d.unfinished, fmt.Sprintf("%s is %s, next %q: %s %s", r.name, r.state(), r.next, r.reason, r.message))
		}
	}
	for _, r := range d.verifier.rollouts {
		if now := d.rollouts[r.Name]; now == nil || !summedUp(now, d.claims) {
			d.unfinished = append(d.unfinished, fmt.Sprintf("the status of PodSecurityRollout %s does not sum its namespaces up", r.Name))
		}
	}
	if len(d.unfinished) > 0 {
		return false, nil
	}
	verdicts, err := d.verifier.compare(ctx)
	if err != nil {
		return false, err
	}
	if d.unfinished = wrongs(verdicts); len(d.unfinished) > 0 {
		return false, nil
	}
	return finished(verdicts), nil
}
