// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"maps"
	"slices"
	"time"
)

// simQueue is a controller's queue as controller-runtime keeps it: a key is
// there once, is not taken twice at a time, and waits for the earliest of the
// times it was put off to.
type simQueue struct {
	workers int
	ready   []string
	queued  map[string]bool
	after   map[string]time.Time
	busy    map[string]bool
	again   map[string]bool
	// failures counts how often in a row a key has erred.
	failures map[string]int
}

func newSimQueue(workers int) *simQueue {
	return &simQueue{
		workers: workers, queued: map[string]bool{}, after: map[string]time.Time{}, busy: map[string]bool{}, again: map[string]bool{},
		failures: map[string]int{},
	}
}

func (q *simQueue) add(key string) {
	switch {
	case q.busy[key]:
		q.again[key] = true
	case !q.queued[key]:
		q.queued[key] = true
		q.ready = append(q.ready, key)
	}
}

func (q *simQueue) addAfter(key string, at time.Time) {
	if known, ok := q.after[key]; !ok || at.Before(known) {
		q.after[key] = at
	}
}

// backoff is when a key that has erred is tried again: later each time.
func (q *simQueue) backoff(key string) time.Duration {
	q.failures[key]++
	return min(5*time.Second<<min(q.failures[key]-1, 10), 1000*time.Second)
}

// due makes ready what has waited long enough.
func (q *simQueue) due(now time.Time) {
	var due []string
	for key, at := range q.after {
		if !at.After(now) {
			due = append(due, key)
		}
	}
	slices.Sort(due)
	for _, key := range due {
		delete(q.after, key)
		q.add(key)
	}
}

// next is when the first key is due, false for never.
func (q *simQueue) next() (time.Time, bool) {
	if len(q.after) == 0 {
		return time.Time{}, false
	}
	return slices.MinFunc(slices.Collect(maps.Values(q.after)), time.Time.Compare), true
}

func (q *simQueue) canTake() bool { return len(q.ready) > 0 && len(q.busy) < q.workers }

// take takes any key that is ready: workers run side by side.
func (q *simQueue) take(w *world) string {
	i := w.IntN(len(q.ready))
	key := q.ready[i]
	q.ready = slices.Delete(q.ready, i, i+1)
	delete(q.queued, key)
	q.busy[key] = true
	return key
}

func (q *simQueue) finish(key string) {
	delete(q.busy, key)
	if q.again[key] {
		delete(q.again, key)
		q.add(key)
	}
}
