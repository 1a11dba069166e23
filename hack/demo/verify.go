// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	psaapi "k8s.io/pod-security-admission/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

// verifier compares what the operator did with what Pod Security Admission says.
type verifier struct {
	client   client.Client
	config   *rest.Config
	surveyor *surveyor
	version  psaapi.Version
	// start holds each namespace's Pod Security labels from before the rollouts.
	start map[string]map[string]string
	// rollouts are the oldest first.
	rollouts []v1alpha1.PodSecurityRollout
}

// verdict is the outcome for one namespace.
type verdict struct {
	namespace string
	goal      *goal
	finding   *finding
	want, got map[string]string
	// unseen is a violator that the API server's dry run does not see, as it has no pod.
	unseen string
	// wrong says what is not as it ought to be.
	wrong []string
}

// strictest answers the strictest level that everything in the namespace complies with.
func (v verdict) strictest() psaapi.Level {
	return strictestOf(psaapi.LevelRestricted, v.finding.complies())
}

// compare derives the labels that every namespace ought to have from what runs there at this moment,
// and compares them with those it has.
func (v *verifier) compare(ctx context.Context) ([]verdict, error) {
	found, err := v.surveyor.survey(ctx)
	if err != nil {
		return nil, err
	}
	var namespaces corev1.NamespaceList
	if err := v.client.List(ctx, &namespaces); err != nil {
		return nil, fmt.Errorf("listing namespaces: %w", err)
	}
	var all []verdict
	for i := range namespaces.Items {
		ns := &namespaces.Items[i]
		out := verdict{namespace: ns.Name, finding: found[ns.Name], got: securityLabels(ns.Labels)}
		if out.finding == nil {
			out.finding = newFinding()
		}
		if out.goal, err = goalOf(v.rollouts, ns.Name, ns.Labels); err != nil {
			return nil, err
		}
		out.want = expectedLabels(v.start[ns.Name], out.goal, out.finding.complies(), v.version)
		if !maps.Equal(out.want, out.got) {
			out.wrong = append(out.wrong, fmt.Sprintf("its labels ought to be %s, but are %s", showLabels(out.want), showLabels(out.got)))
		}
		all = append(all, out)
	}
	return all, nil
}

// verify is compare, and asks the API server for its own word: the dry run must see a violation
// exactly when a pod has one, and the claim must name the rollout that the namespace belongs to.
func (v *verifier) verify(ctx context.Context) ([]verdict, error) {
	all, err := v.compare(ctx)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if err := v.checkClaim(ctx, &all[i]); err != nil {
			return nil, err
		}
		for _, level := range levels {
			if err := v.checkServer(ctx, &all[i], level); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

func (v *verifier) checkServer(ctx context.Context, out *verdict, level psaapi.Level) error {
	warnings, err := v.dryRun(ctx, out.namespace, level, out.got[psaapi.EnforceVersionLabel])
	if err != nil {
		return err
	}
	said := strings.Join(warnings, "; ")
	violates := strings.Contains(said, "violate the new PodSecurity enforce level")
	pod := out.finding.podViolator[level]
	switch {
	case !violates && said != "":
		out.wrong = append(out.wrong, fmt.Sprintf("the API server's dry run of %s could not tell: %s", level, said))
	case violates && pod == "":
		out.wrong = append(out.wrong, fmt.Sprintf("the API server's dry run of %s finds what upstream's evaluator does not: %s", level, said))
	case !violates && pod != "":
		out.wrong = append(out.wrong, fmt.Sprintf("the API server's dry run of %s does not find what upstream's evaluator does: %s", level, pod))
	case !violates && out.finding.violator[level] != "" && out.unseen == "":
		out.unseen = out.finding.violator[level]
	}
	return nil
}

// dryRun asks the API server to enforce a level, without doing so, and answers its warnings. It looks
// at the pods only when the level gets stricter or the version another: "latest" and the server's own
// version mean the same, so one of them always makes it look.
func (v *verifier) dryRun(ctx context.Context, namespace string, level psaapi.Level, inForce string) ([]string, error) {
	version := psaapi.VersionLatest
	if inForce == "" || inForce == version {
		version = v.version.String()
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"labels": map[string]string{
		psaapi.EnforceLevelLabel: string(level), psaapi.EnforceVersionLabel: version,
	}}})
	if err != nil {
		return nil, err
	}
	// A client for each request: warnings belong to one response.
	heard := &warnings{}
	config := rest.CopyConfig(v.config)
	config.WarningHandler = heard
	c, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("making a client: %w", err)
	}
	_, err = c.CoreV1().Namespaces().Patch(ctx, namespace, types.MergePatchType, patch, metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}})
	if err != nil {
		return nil, fmt.Errorf("asking the API server for a dry run of enforce=%s in namespace %s: %w", level, namespace, err)
	}
	return heard.all(), nil
}

// checkClaim checks that the namespace has a NamespaceRollout of the rollout it belongs to, and that it
// says Complete when that is so.
func (v *verifier) checkClaim(ctx context.Context, out *verdict) error {
	claim := &v1alpha1.NamespaceRollout{}
	err := v.client.Get(ctx, types.NamespacedName{Namespace: out.namespace, Name: v1alpha1.NamespaceRolloutName}, claim)
	switch {
	case client.IgnoreNotFound(err) != nil:
		return fmt.Errorf("reading the claim of namespace %s: %w", out.namespace, err)
	case err != nil && out.goal != nil:
		out.wrong = append(out.wrong, fmt.Sprintf("no NamespaceRollout: rollout %s should have claimed it", out.goal.rollout))
		return nil
	case err != nil:
		return nil
	case out.goal == nil:
		out.wrong = append(out.wrong, "a NamespaceRollout is there, though no rollout selects the namespace")
		return nil
	}
	if owner := metav1.GetControllerOf(claim); owner == nil || owner.Name != out.goal.rollout {
		out.wrong = append(out.wrong, fmt.Sprintf("its NamespaceRollout is not of rollout %s, but of %v", out.goal.rollout, owner))
	}
	if says, is := isComplete(claim), reached(out.want, out.goal); says != is {
		out.wrong = append(out.wrong, fmt.Sprintf("its NamespaceRollout says Complete=%t, but it is %t", says, is))
	}
	return nil
}

func showLabels(labels map[string]string) string {
	var parts []string
	for _, mode := range modes {
		if text := showMode(labels, mode); text != "none" {
			parts = append(parts, fmt.Sprintf("%s=%s", mode, text))
		}
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, " ")
}

// verdictTable renders the verdicts: the strictest level that everything in the namespace meets, the
// labels it has, and whether those are the ones it ought to have.
func verdictTable(all []verdict, width int, s style) []string {
	head := []cell{{"NAMESPACE", nameColumn, faint}}
	for _, title := range []string{"MEETS", "ENFORCE", "WARN", "AUDIT"} {
		head = append(head, cell{title, levelColumn, faint})
	}
	lines := []string{s.line(width, append(head, cell{"VERDICT", width, faint})...)}
	for _, v := range all {
		if v.goal == nil && len(v.wrong) == 0 {
			continue
		}
		is := cell{"as it should be", width, good}
		if len(v.wrong) > 0 {
			is = cell{"WRONG", width, bad}
		}
		cells := append([]cell{{v.namespace, nameColumn, plain}, {string(v.strictest()), levelColumn, plain}}, levelCells(v.got)...)
		lines = append(lines, s.line(width, append(cells, is)...))
		details := slices.Clone(v.wrong)
		if v.unseen != "" {
			details = append(details, "the dry run sees no pod of "+v.unseen)
		}
		for _, text := range details {
			lines = append(lines, detailIndent+s.paint(faint, shorten(text, width-len(detailIndent))))
		}
	}
	return lines
}

// wrongs answers what is not as it ought to be, one line a fault.
func wrongs(all []verdict) []string {
	var lines []string
	for _, each := range all {
		for _, w := range each.wrong {
			lines = append(lines, each.namespace+": "+w)
		}
	}
	return lines
}

// warnings gathers those of one response. Its use ends with the request.
type warnings struct {
	mu   sync.Mutex
	text []string
}

// HandleWarningHeader implements rest.WarningHandler.
func (w *warnings) HandleWarningHeader(_ int, _ string, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text = append(w.text, text)
}

func (w *warnings) all() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.text)
}
