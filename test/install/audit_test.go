// SPDX-License-Identifier: Apache-2.0

package install

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"

	"github.com/podsecurity-rollout/operator/test/e2e/witness"
)

// watchNamespaces answers what tells who did what to the namespaces that are made
// from now on, until the test is over.
func (s *site) watchNamespaces(t *testing.T) *witness.Witness {
	t.Helper()
	namespaces, err := witness.WatchNamespaces(t.Context(), s.Config())
	if err != nil {
		t.Fatal(err)
	}
	log := witness.OpenAuditLog(s.AuditLog(), func(user string) bool { return user != operatorUser })
	return &witness.Witness{AuditLog: log, Namespaces: namespaces}
}

// audited answers what the API server's audit log has so far.
func (s *site) audited(t *testing.T) []byte {
	t.Helper()
	data, err := os.ReadFile(s.AuditLog())
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// requests answers what one replica has asked for since the audit log was that
// long. Replicas share a ServiceAccount: it is the user agent that tells them apart.
func (s *site) requests(t *testing.T, o *operator, since int) []auditv1.Event {
	t.Helper()
	var found []auditv1.Event
	for line := range bytes.Lines(s.audited(t)[since:]) {
		if !bytes.Contains(line, []byte(o.name)) {
			continue
		}
		var e auditv1.Event
		if json.Unmarshal(line, &e) != nil || e.ObjectRef == nil || !strings.HasPrefix(e.UserAgent, o.name+"/") {
			continue // the last line may be half written
		}
		found = append(found, e)
	}
	return found
}

// writes is whether a request asked for a change that would be stored.
func writes(e auditv1.Event) bool {
	return !slices.Contains([]string{"get", "list", "watch"}, e.Verb) && !strings.Contains(e.RequestURI, "dryRun=All")
}

// fetches is whether a request asked for what a cache holds. Claims are read past
// the cache before each turn.
func fetches(e auditv1.Event) bool {
	return e.Verb == "watch" || e.Verb == "list" && e.ObjectRef.Resource != "namespacerollouts"
}
