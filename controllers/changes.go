// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"sync"
	"time"
)

// changes remembers since when a namespace that has changed waits to be looked at.
// The zero value is ready.
type changes struct {
	lock  sync.Mutex
	since map[string]time.Time
}

// note notes a change, unless an earlier one waits already. The zero time is no change.
func (c *changes) note(namespace string, at time.Time) {
	c.lock.Lock()
	defer c.lock.Unlock()
	if first, waits := c.since[namespace]; at.IsZero() || waits && !at.Before(first) {
		return
	}
	if c.since == nil {
		c.since = map[string]time.Time{}
	}
	c.since[namespace] = at
}

// take answers the change that waits, the zero time for none, and forgets it.
func (c *changes) take(namespace string) time.Time {
	c.lock.Lock()
	defer c.lock.Unlock()
	at := c.since[namespace]
	delete(c.since, namespace)
	return at
}
