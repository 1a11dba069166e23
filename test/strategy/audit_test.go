// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/podsecurity-rollout/operator/test/e2e/witness"
)

// auditLog reads an audit log of the API server that is still being written. Of
// namespaces it has what each write made of them, so unlike a watch it knows who
// wrote what and when, and a restart of the API server leaves no gap.
type auditLog struct {
	path string

	mu      sync.Mutex
	offset  int64
	partial []byte
	stored  []stored
}

// stored is a change that the API server has made.
type stored struct {
	// at is when the API server received the request, by its own clock: it stored
	// the change no sooner.
	at                             time.Time
	user, verb                     string
	resource, namespace, name, sub string
	// revision and labels are those of a namespace as it was stored, 0 and nil of
	// anything else.
	revision uint64
	labels   map[string]string
}

// rung is what was written to a namespace by one request, in the words of
// witness.Change: "audit=baseline:v1.37" if it was no more than that.
type rung struct {
	at   time.Time
	what string
}

// String is the rung as messages of tests show it.
func (r rung) String() string { return r.at.Format("15:04:05.000 ") + r.what }

// rungs answers what a user wrote to a namespace, in order.
func (l *auditLog) rungs(user, namespace string) ([]rung, error) {
	versions, err := l.find(func(c stored) bool { return c.revision > 0 && c.name == namespace })
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(versions, func(a, b stored) int { return cmp.Compare(a.revision, b.revision) })
	var rungs []rung
	for i, v := range versions {
		if v.user != user {
			continue
		}
		if i == 0 {
			return nil, fmt.Errorf("the audit log does not have the making of namespace %q", namespace)
		}
		before, after := witness.Version{Labels: versions[i-1].labels}, witness.Version{Labels: v.labels}
		rungs = append(rungs, rung{at: v.at, what: witness.Change(before, after)})
	}
	return rungs, nil
}

// find answers the changes that match, in the order in which they were answered.
// One may have been answered a moment before it is in the log.
func (l *auditLog) find(match func(stored) bool) ([]stored, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.readOn(); err != nil {
		return nil, fmt.Errorf("reading the audit log: %w", err)
	}
	var matching []stored
	for _, c := range l.stored {
		if match(c) {
			matching = append(matching, c)
		}
	}
	return matching, nil
}

// readOn reads what was written since the last time.
func (l *auditLog) readOn() error {
	file, err := os.Open(l.path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	if _, err := file.Seek(l.offset, io.SeekStart); err != nil {
		return err
	}
	data, err := io.ReadAll(file)
	if err != nil {
		return err
	}
	l.offset += int64(len(data))
	data = append(l.partial, data...)
	for {
		line, rest, whole := bytes.Cut(data, []byte("\n"))
		if !whole {
			l.partial = data
			return nil
		}
		data = rest
		if err := l.take(line); err != nil {
			return fmt.Errorf("decoding %q: %w", line, err)
		}
	}
}

// auditEvent is what is read of an audit.k8s.io/v1 Event.
type auditEvent struct {
	Stage      string    `json:"stage"`
	RequestURI string    `json:"requestURI"`
	Received   time.Time `json:"requestReceivedTimestamp"`
	Verb       string    `json:"verb"`
	User       struct {
		Username string `json:"username"`
	} `json:"user"`
	ObjectRef struct {
		Resource    string `json:"resource"`
		Subresource string `json:"subresource"`
		Namespace   string `json:"namespace"`
		Name        string `json:"name"`
	} `json:"objectRef"`
	ResponseStatus struct {
		Code int `json:"code"`
	} `json:"responseStatus"`
	ResponseObject struct {
		Kind     string `json:"kind"`
		Metadata struct {
			Name            string            `json:"name"`
			ResourceVersion string            `json:"resourceVersion"`
			Labels          map[string]string `json:"labels"`
		} `json:"metadata"`
	} `json:"responseObject"`
}

var reads = [][]byte{[]byte(`"verb":"get"`), []byte(`"verb":"list"`), []byte(`"verb":"watch"`)}

// take keeps the event if something was changed.
func (l *auditLog) take(line []byte) error {
	if slices.ContainsFunc(reads, func(verb []byte) bool { return bytes.Contains(line, verb) }) {
		return nil
	}
	var e auditEvent
	if err := json.Unmarshal(line, &e); err != nil {
		return err
	}
	if e.Stage != "ResponseComplete" || e.ResponseStatus.Code >= 300 || strings.Contains(e.RequestURI, "dryRun=All") {
		return nil
	}
	c := stored{
		at: e.Received, user: e.User.Username, verb: e.Verb,
		resource: e.ObjectRef.Resource, sub: e.ObjectRef.Subresource, namespace: e.ObjectRef.Namespace, name: e.ObjectRef.Name,
	}
	if o := e.ResponseObject; o.Kind == "Namespace" {
		revision, err := strconv.ParseUint(o.Metadata.ResourceVersion, 10, 64)
		if err != nil {
			return err
		}
		c.name, c.revision, c.labels = o.Metadata.Name, revision, o.Metadata.Labels
	}
	l.stored = append(l.stored, c)
	return nil
}
