// SPDX-License-Identifier: Apache-2.0

// Package await has tests wait for what is to happen, and watch that nothing
// does, without a sleep: they ask again and again until a deadline.
//
// It imports nothing but the standard library.
package await

import (
	"testing"
	"time"
)

// every is how often it is asked.
const every = 50 * time.Millisecond

// Until asks until the answer is nil, and fails the test with the last error
// when it is not in time.
func Until(t testing.TB, timeout time.Duration, ask func() error) {
	t.Helper()
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		err := ask()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("not within %v: %v", timeout, err)
		case <-t.Context().Done():
			t.Fatalf("stopped: %v", err)
		}
	}
}

// Throughout asks for some time, and fails the test at once when an answer is
// not nil.
func Throughout(t testing.TB, duration time.Duration, ask func() error) {
	t.Helper()
	end := time.NewTimer(duration)
	defer end.Stop()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if err := ask(); err != nil {
			t.Fatalf("not for %v: %v", duration, err)
		}
		select {
		case <-tick.C:
		case <-end.C:
			return
		}
	}
}
