// SPDX-License-Identifier: Apache-2.0

package survey

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	psaapi "k8s.io/pod-security-admission/api"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/inventory"
	"github.com/podsecurity-rollout/operator/internal/psaconfig"
	"github.com/podsecurity-rollout/operator/internal/standards"
	"github.com/podsecurity-rollout/operator/internal/summary"
	"github.com/podsecurity-rollout/operator/internal/workloadkinds"
)

const (
	// page is how many namespaces are listed at a time.
	page = 500
	// fewNamespaces are listed one by one, which needs no right in the others; more are cheaper to take out of a list of everything.
	fewNamespaces = 8
)

// Options say what to look at.
type Options struct {
	// Names are the namespaces to look at, all when there are none. Selector leaves only those whose labels match.
	Names    []string
	Selector string
	// Server is the API server's emulation version, Config its PodSecurity configuration.
	Server psaapi.Version
	Config psaconfig.Config
	// Listed, which may be nil, is told from several goroutines how many more objects of a kind have arrived.
	Listed func(kind string, more int)
}

// Survey is what was seen.
type Survey struct {
	Server psaapi.Version
	Config psaconfig.Config
	// Namespaces are those looked at, by name.
	Namespaces []corev1.Namespace
	// NotJudged are the kinds that could not be listed for lack of the right to: a template of theirs may violate unseen. Pods are not among them.
	NotJudged []string

	inventory *inventory.Inventory
	// owners say who owns each namespace.
	owners map[string]string
}

// Take looks at the cluster. It errs when something could not be listed, but for kinds other than pods that may not be: those are NotJudged.
func Take(ctx context.Context, clients inventory.Clients, o Options) (*Survey, error) {
	namespaces, err := selected(ctx, clients.Typed, o)
	if err != nil {
		return nil, err
	}
	evaluator, err := standards.NewEvaluator()
	if err != nil {
		return nil, err
	}
	s := &Survey{
		Server: o.Server, Config: o.Config, Namespaces: namespaces, owners: map[string]string{},
		inventory: inventory.New(evaluator, inventory.Options{DepartedPerNamespace: -1, Kinds: workloadkinds.WellKnown()}),
	}
	for i := range namespaces {
		s.owners[namespaces[i].Name] = inventory.OwnerOf(&namespaces[i], inventory.DefaultOwnerKeys)
	}
	for _, scope := range s.scopes(len(o.Names) > 0 || o.Selector != "") {
		if err := inventory.Fill(ctx, clients, s.inventory, inventory.FillOptions{Namespace: scope, Listed: o.Listed, Failed: s.notJudged()}); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// notJudged answers what keeps the kinds that may not be listed. Without the pods there would be nothing to say.
func (s *Survey) notJudged() func(kind string, err error) error {
	var mu sync.Mutex
	return func(kind string, err error) error {
		if kind == "Pod" || !apierrors.IsForbidden(err) {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		if !slices.Contains(s.NotJudged, kind) {
			s.NotJudged = append(s.NotJudged, kind)
			slices.Sort(s.NotJudged)
		}
		return nil
	}
}

// scopes answers what to list: each namespace when a few were asked for, otherwise everything.
func (s *Survey) scopes(some bool) []string {
	if !some || len(s.Namespaces) > fewNamespaces {
		return []string{metav1.NamespaceAll}
	}
	scopes := make([]string, 0, len(s.Namespaces))
	for i := range s.Namespaces {
		scopes = append(scopes, s.Namespaces[i].Name)
	}
	return scopes
}

// selected reads the namespaces to look at.
func selected(ctx context.Context, kube kubernetes.Interface, o Options) ([]corev1.Namespace, error) {
	if len(o.Names) > 0 && o.Selector == "" {
		return named(ctx, kube, o.Names)
	}
	var all []corev1.Namespace
	options := metav1.ListOptions{Limit: page, LabelSelector: o.Selector}
	for {
		list, err := kube.CoreV1().Namespaces().List(ctx, options)
		if err != nil {
			return nil, fmt.Errorf("listing namespaces: %w", err)
		}
		all = append(all, list.Items...)
		if options.Continue = list.Continue; options.Continue == "" {
			break
		}
	}
	if len(o.Names) > 0 {
		all = slices.DeleteFunc(all, func(ns corev1.Namespace) bool { return !slices.Contains(o.Names, ns.Name) })
	}
	slices.SortFunc(all, byName)
	return all, nil
}

func named(ctx context.Context, kube kubernetes.Interface, names []string) ([]corev1.Namespace, error) {
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	all := make([]corev1.Namespace, 0, len(names))
	for _, name := range names {
		ns, err := kube.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
		switch {
		case apierrors.IsNotFound(err):
			return nil, fmt.Errorf("there is no namespace %q: `kubectl get namespaces` lists those there are", name)
		case err != nil:
			return nil, fmt.Errorf("reading namespace %q: %w", name, err)
		}
		all = append(all, *ns)
	}
	return all, nil
}

func byName(a, b corev1.Namespace) int { return cmp.Compare(a.Name, b.Name) }

// Evidence answers what a level holds against a namespace, as the operator's controllers ask for it: a version that the API server does not have is its own.
func (s *Survey) Evidence(namespace string, level psaapi.LevelVersion) summary.Evidence {
	evidence := s.At(namespace, standards.Effective(level, s.Server))
	evidence.Level = level
	return evidence
}

// At answers what a level holds against a namespace at a concrete version of the standards. That may be newer than the API server's, to look ahead.
func (s *Survey) At(namespace string, level psaapi.LevelVersion) summary.Evidence {
	verdict, known := s.inventory.Verdict(namespace, inventory.Query{Level: level, ExemptRuntimeClasses: s.Config.ExemptRuntimeClasses})
	return summary.Evidence{
		Level: level, Known: known,
		Pods: verdict.Pods, Workloads: verdict.Workloads, ViolatingWorkloads: verdict.ViolatingWorkloads,
		Violations: s.violations(namespace, verdict.Violations),
	}
}

// Exempt is whether the API server's configuration exempts a namespace.
func (s *Survey) Exempt(namespace string) bool { return s.Config.ExemptNamespaces.Has(namespace) }

func (s *Survey) violations(namespace string, from []inventory.Violation) []v1alpha1.Violation {
	out := make([]v1alpha1.Violation, 0, len(from))
	for _, v := range from {
		out = append(out, v1alpha1.Violation{
			Workload: v1alpha1.WorkloadReference{APIVersion: v.Workload.APIVersion, Kind: v.Workload.Kind, Name: v.Workload.Name},
			Level:    v1alpha1.Level(v.Level), Check: v.Check, Message: v.Message,
			Source: v1alpha1.Source(v.Source), Pods: int32(v.Pods), Example: v.Example,
			Owner: cmp.Or(s.inventory.Owner(namespace, v.Workload), s.owners[namespace]),
		})
	}
	return out
}

// Standing is where a namespace stands between the levels.
type Standing struct {
	// Meets is the strictest level that everything in it complies with.
	Meets psaapi.Level
	// Next is the evidence of the level above, nil when there is none.
	Next *summary.Evidence
	// Pods and Workloads are what was judged.
	Pods, Workloads int
}

// Standing answers where a namespace stands at a concrete version of the standards.
func (s *Survey) Standing(namespace string, version psaapi.Version) Standing {
	standing := Standing{Meets: psaapi.LevelPrivileged}
	for _, level := range []psaapi.Level{psaapi.LevelBaseline, psaapi.LevelRestricted} {
		evidence := s.At(namespace, psaapi.LevelVersion{Level: level, Version: version})
		standing.Pods, standing.Workloads = evidence.Pods, evidence.Workloads
		if evidence.Verdict() != v1alpha1.VerdictCompliant {
			standing.Next = &evidence
			return standing
		}
		standing.Meets = level
	}
	return standing
}
