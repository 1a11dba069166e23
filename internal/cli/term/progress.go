// SPDX-License-Identifier: Apache-2.0

package term

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/utils/clock"
)

// clearLine goes to the beginning of the line and empties it.
const clearLine = "\r\x1b[K"

// showEvery is how often progress is written at most.
const showEvery = 100 * time.Millisecond

// Progress counts what long work has done on one line of a terminal, which is gone when the work is over. Where there is no terminal it writes nothing.
type Progress struct {
	out   io.Writer
	width int
	clock clock.PassiveClock
	what  string

	mu     sync.Mutex
	counts map[string]int
	shown  time.Time
}

// StartProgress begins to tell of work on an output, standard error as a rule, so that what is piped elsewhere is not disturbed.
func StartProgress(out io.Writer, clock clock.PassiveClock, what string) *Progress {
	p := &Progress{out: out, clock: clock, what: what, counts: map[string]int{}}
	if width, _, ok := size(out); ok {
		p.width = width
	}
	return p
}

// Add counts more of a kind. It may be called from several goroutines.
func (p *Progress) Add(kind string, more int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts[kind] += more
	now := p.clock.Now()
	if p.width == 0 || more == 0 || now.Sub(p.shown) < showEvery {
		return
	}
	p.shown = now
	parts := []string{}
	for _, kind := range slices.Sorted(maps.Keys(p.counts)) {
		if p.counts[kind] > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", kind, p.counts[kind]))
		}
	}
	line := []rune(p.what + " " + strings.Join(parts, ", "))
	fmt.Fprint(p.out, clearLine, string(line[:min(len(line), p.width-1)]))
}

// Stop takes the line away.
func (p *Progress) Stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.width > 0 && !p.shown.IsZero() {
		fmt.Fprint(p.out, clearLine)
	}
}
