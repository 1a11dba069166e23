// SPDX-License-Identifier: Apache-2.0

package nslabels

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	psaapi "k8s.io/pod-security-admission/api"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/gate"
	"github.com/podsecurity-rollout/operator/internal/ladder"
)

// serverPodLimit is the most pods that the API server looks at for one change
// of a namespace: defaultNamespaceMaxPodsToCheck in upstream's admission.go.
const serverPodLimit = 3000

// The warnings of a namespace update, from upstream's EvaluatePodsInNamespace
// and exemptNamespaceWarning in admission.go.
const warningListFailed = "failed to list pods while checking new PodSecurity enforce level"

var (
	warningPartial   = regexp.MustCompile(`^new PodSecurity enforce level only checked against the first (\d+) of (\d+) existing pods$`)
	warningViolation = regexp.MustCompile(`^existing pods in namespace ".*" violate the new PodSecurity enforce level`)
	warningPods      = regexp.MustCompile(`^[a-z0-9.-]+( \(and \d+ other pods?\))?: `)
	warningExempt    = regexp.MustCompile(`^namespace ".*" is exempt from Pod Security`)
)

// DryRun asks the API server what enforcing lv would say of the pods that run
// in the namespace now. Nothing is changed. It is a merge patch and no apply,
// so that ownership of labels does not answer for compliance.
func (c *Client) DryRun(ctx context.Context, ns *corev1.Namespace, lv psaapi.LevelVersion) (gate.DryRun, error) {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"uid":    ns.UID,
		"labels": Wanted(ladder.Rung{Mode: v1alpha1.ModeEnforce, To: lv}),
	}})
	if err != nil {
		return gate.DryRun{}, fmt.Errorf("encoding the dry run of namespace %q: %w", ns.Name, err)
	}
	var warnings collector
	_, err = c.namespaces.Patch(withCollector(ctx, &warnings), ns.Name, types.MergePatchType, patch,
		metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}, FieldManager: v1alpha1.FieldManager})
	if err != nil {
		return gate.DryRun{}, fmt.Errorf("asking the API server for a dry run of %s in namespace %q: %w", lv.String(), ns.Name, err)
	}
	return readWarnings(warnings.texts), nil
}

// readWarnings tells the API server's warnings apart. Those of other admission
// plugins are none of ours.
func readWarnings(texts []string) gate.DryRun {
	var out gate.DryRun
	violating := false
	for _, text := range texts {
		switch {
		case strings.HasPrefix(text, warningListFailed):
			out.Inconclusive = text
		case warningPartial.MatchString(text):
			out.Partial = text
			// Past its limit the server never looks at more, however often it is
			// asked: there the inventory, which knows every pod, has to do. Short
			// of it the server ran out of time.
			if m := warningPartial.FindStringSubmatch(text); atoi(m[1]) < serverPodLimit {
				out.Inconclusive = text
			}
		case warningExempt.MatchString(text):
			out.Exempt = text
		case warningViolation.MatchString(text):
			violating = true
			out.Violations = append(out.Violations, text)
		case violating && warningPods.MatchString(text):
			out.Violations = append(out.Violations, text)
		}
	}
	return out
}

func atoi(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0 // more digits than an int holds, or none: not a count to rely on
	}
	return n
}

// collector gathers the warnings of one response.
type collector struct {
	mu    sync.Mutex
	texts []string
}

type collectorKey struct{}

func withCollector(ctx context.Context, c *collector) context.Context {
	return context.WithValue(ctx, collectorKey{}, c)
}

// warningHandler hands the warnings of a response to the collector of its own
// request, and drops those of requests that have none.
type warningHandler struct{}

// HandleWarningHeaderWithContext implements rest.WarningHandlerWithContext.
func (warningHandler) HandleWarningHeaderWithContext(ctx context.Context, code int, _ string, text string) {
	c, ok := ctx.Value(collectorKey{}).(*collector)
	if !ok || code != 299 || text == "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.texts = append(c.texts, text)
}
