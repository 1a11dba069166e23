// SPDX-License-Identifier: Apache-2.0

package witness

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"
)

// Request is a request that the API server has answered.
type Request struct {
	Received time.Time
	User     string
	// Verb is the API's, such as "patch" or "deletecollection".
	Verb                         string
	Group, Resource, Subresource string
	// Namespace and Name are the object's; of a namespace both are its name.
	Namespace, Name string
	DryRun          bool
	// Denied is whether the user has no right to it. A status of 403 has other
	// causes, such as a namespace that is being deleted.
	Denied bool
	// Code is the HTTP status of the answer.
	Code int
	// ResourceVersion is that of the object answered, where the log has it.
	ResourceVersion string
}

// String is the request in one line, for messages of tests.
func (r Request) String() string {
	resource := r.Resource
	if r.Subresource != "" {
		resource += "/" + r.Subresource
	}
	line := fmt.Sprintf("%s %s %s %s/%s: %d", r.User, r.Verb, resource, r.Namespace, r.Name, r.Code)
	if r.DryRun {
		line += " (dry run)"
	}
	return line
}

// Writes is whether the request asked for a change that would be stored.
func (r Request) Writes() bool {
	return changes(r.Verb) && !r.DryRun
}

// Succeeded is whether the API server did what was asked for.
func (r Request) Succeeded() bool {
	return r.Code >= http.StatusOK && r.Code < http.StatusMultipleChoices
}

// Interrupted is whether the client went away before it was answered, as one
// that is killed does. The change that it asked for may have been stored, and
// the log does not say as which version.
func (r Request) Interrupted() bool {
	return r.Code == http.StatusGatewayTimeout
}

func changes(verb string) bool {
	switch verb {
	case "create", "update", "patch", "delete", "deletecollection":
		return true
	}
	return false
}

// AuditLog reads an audit log of the API server (audit.k8s.io/v1, one event a
// line) that is still being written.
type AuditLog struct {
	path   string
	ignore func(user string) bool

	mu       sync.Mutex
	offset   int64
	partial  []byte
	requests []Request
}

// OpenAuditLog answers a reader of the file. What ignored users do is kept only
// when it changes something.
func OpenAuditLog(path string, ignore func(user string) bool) *AuditLog {
	return &AuditLog{path: path, ignore: ignore}
}

// Requests answers the requests that match, in the order in which they were
// answered. A request may have been answered a moment before it is in the log.
func (l *AuditLog) Requests(match func(Request) bool) ([]Request, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.readOn(); err != nil {
		return nil, fmt.Errorf("reading the audit log: %w", err)
	}
	var matching []Request
	for _, r := range l.requests {
		if match(r) {
			matching = append(matching, r)
		}
	}
	return matching, nil
}

// readOn reads what was written since the last time.
func (l *AuditLog) readOn() error {
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
			return err
		}
	}
}

// auditEvent is what is read of an audit.k8s.io/v1 Event.
type auditEvent struct {
	Stage                    string    `json:"stage"`
	RequestURI               string    `json:"requestURI"`
	RequestReceivedTimestamp time.Time `json:"requestReceivedTimestamp"`
	Verb                     string    `json:"verb"`
	User                     struct {
		Username string `json:"username"`
	} `json:"user"`
	ImpersonatedUser struct {
		Username string `json:"username"`
	} `json:"impersonatedUser"`
	Annotations map[string]string `json:"annotations"`
	ObjectRef   struct {
		APIGroup    string `json:"apiGroup"`
		Resource    string `json:"resource"`
		Subresource string `json:"subresource"`
		Namespace   string `json:"namespace"`
		Name        string `json:"name"`
	} `json:"objectRef"`
	ResponseStatus struct {
		Code int `json:"code"`
	} `json:"responseStatus"`
	ResponseObject struct {
		Metadata struct {
			ResourceVersion string `json:"resourceVersion"`
		} `json:"metadata"`
	} `json:"responseObject"`
}

func (l *AuditLog) take(line []byte) error {
	var e auditEvent
	if err := json.Unmarshal(line, &e); err != nil {
		return fmt.Errorf("decoding %q: %w", line, err)
	}
	r := e.request()
	if e.Stage == "ResponseComplete" && (changes(r.Verb) || !l.ignore(r.User)) {
		l.requests = append(l.requests, r)
	}
	return nil
}

func (e auditEvent) request() Request {
	user := e.User.Username
	if e.ImpersonatedUser.Username != "" {
		user = e.ImpersonatedUser.Username
	}
	_, query, _ := strings.Cut(e.RequestURI, "?")
	values, err := url.ParseQuery(query)
	return Request{
		Received: e.RequestReceivedTimestamp, User: user, Verb: e.Verb,
		Group: e.ObjectRef.APIGroup, Resource: e.ObjectRef.Resource, Subresource: e.ObjectRef.Subresource,
		Namespace: e.ObjectRef.Namespace, Name: e.ObjectRef.Name,
		DryRun: err == nil && values.Get("dryRun") == "All",
		Denied: e.Annotations["authorization.k8s.io/decision"] == "forbid",
		Code:   e.ResponseStatus.Code, ResourceVersion: e.ResponseObject.Metadata.ResourceVersion,
	}
}
