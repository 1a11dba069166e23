// SPDX-License-Identifier: Apache-2.0

package reportwatch

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/podsecurity-rollout/operator/internal/reportgate"
)

var open, old = reportgate.Kinds[0], reportgate.Kinds[1]

// report is of a kind, with a result of Falco for each rule, all of them failing.
func report(k reportgate.Kind, namespace, name string, rules ...string) *unstructured.Unstructured {
	results := []any{map[string]any{"source": "Falco", "policy": "syscall", "rule": "fine", "result": "pass"}}
	for _, rule := range rules {
		results = append(results, map[string]any{"source": "Falco", "policy": "syscall", "rule": rule, "severity": "high", "result": "fail"})
	}
	u := &unstructured.Unstructured{Object: map[string]any{"results": results}}
	u.SetGroupVersionKind(k.GroupVersionKind)
	u.SetNamespace(namespace)
	u.SetName(name)
	return u
}

// definitionOf is established, and serves one version.
func definitionOf(k reportgate.Kind, version string, established metav1.ConditionStatus) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": map[string]any{"name": k.Definition()},
		"spec": map[string]any{"versions": []any{
			map[string]any{"name": "v1", "served": false, "storage": false}, map[string]any{"name": version, "served": true, "storage": true},
		}},
		"status": map[string]any{"conditions": []any{map[string]any{"type": "Established", "status": string(established)}}},
	}}
}

// examples are the reports of a namespace in words, in order.
func examples(w *Watcher, namespace string) []string {
	reports, _ := w.Reports(namespace)
	var out []string
	for _, r := range reports {
		out = append(out, r.Kind+" "+r.Name+": "+r.Failures[0].Example)
	}
	slices.Sort(out)
	return out
}

func TestStore(t *testing.T) {
	w := newWatcher(nil, open, old)
	opens, olds := &store{w, open}, &store{w, old}
	var told []string
	w.Subscribe(func(namespace string) { told = append(told, namespace) })
	for _, step := range []struct {
		name string
		do   func() error
		want []string // in shop
		told []string
	}{
		{"the first list, of nothing", func() error { return opens.Replace(nil, "") }, nil, []string{""}},
		{"the same", func() error { return opens.Replace(nil, "") }, nil, nil},
		{"one that passes", func() error { return opens.Add(report(open, "shop", "a")) }, nil, nil},
		{"one that fails", func() error { return opens.Add(report(open, "shop", "b", "shell")) }, []string{"Report b: syscall/shell"}, []string{"shop"}},
		{"it is touched", func() error { return opens.Update(report(open, "shop", "b", "shell")) }, []string{"Report b: syscall/shell"}, nil},
		{"it fails more", func() error { return opens.Update(report(open, "shop", "b", "shell", "mount")) }, []string{"Report b: syscall/mount"}, []string{"shop"}},
		{"one of the other kind, by the same name", func() error { return olds.Add(report(old, "shop", "b", "etc")) },
			[]string{"PolicyReport b: syscall/etc", "Report b: syscall/mount"}, []string{"shop"}},
		{"another namespace", func() error { return opens.Add(report(open, "bank", "b", "shell")) },
			[]string{"PolicyReport b: syscall/etc", "Report b: syscall/mount"}, []string{"bank"}},
		{"it passes", func() error { return opens.Update(report(open, "shop", "b")) }, []string{"PolicyReport b: syscall/etc"}, []string{"shop"}},
		{"a list without the other namespace's", func() error { return opens.Replace([]any{report(open, "shop", "c", "shell")}, "") },
			[]string{"PolicyReport b: syscall/etc", "Report c: syscall/shell"}, []string{"bank", "shop"}},
		{"one goes", func() error { return opens.Delete(report(open, "shop", "c", "shell")) }, []string{"PolicyReport b: syscall/etc"}, []string{"shop"}},
		{"one goes that passed", func() error { return opens.Delete(report(open, "shop", "a")) }, []string{"PolicyReport b: syscall/etc"}, nil},
		{"nothing", opens.Resync, []string{"PolicyReport b: syscall/etc"}, nil},
		{"the right goes", func() error { w.turn(old, reportgate.Forbidden); return nil }, nil, []string{""}},
	} {
		told = nil
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		slices.Sort(told)
		if diff := cmp.Diff([][]string{step.want, step.told}, [][]string{examples(w, "shop"), told}, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: reports and who is told (-want +got):\n%s", step.name, diff)
		}
	}
	if len(w.reports) > 0 {
		t.Errorf("namespaces are kept of which nothing is known: %v", w.reports)
	}
}

func TestForeignObjectsAreErrors(t *testing.T) {
	s, d := &store{newWatcher(nil), open}, &definition{watcher: newWatcher(nil), kind: open}
	pod := &corev1.Pod{}
	if s.Add(pod) == nil || s.Delete(pod) == nil || s.Replace([]any{pod}, "") == nil || d.Add(pod) == nil {
		t.Error("a pod passes for a report, or a definition")
	}
	if s.watcher.access[open] != reportgate.Unknown || d.watcher.access[open] != reportgate.Unknown {
		t.Error("what could not be read counts as seen")
	}
}

func TestServes(t *testing.T) {
	for name, tc := range map[string]struct {
		definition *unstructured.Unstructured
		want       bool
	}{
		"established":                {definitionOf(open, open.Version, metav1.ConditionTrue), true},
		"not established":            {definitionOf(open, open.Version, metav1.ConditionFalse), false},
		"another version":            {definitionOf(open, "v2", metav1.ConditionTrue), false},
		"a version no longer served": {definitionOf(reportgate.Kind{GroupVersionKind: schema.GroupVersionKind{Version: "v1"}}, "v2", metav1.ConditionTrue), false},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := serves(tc.definition, open); err != nil || got != tc.want {
				t.Errorf("served: %v (%v), want %v", got, err, tc.want)
			}
		})
	}
}

// site is a watcher of one kind that runs, on an API server that is none. It takes
// the other kind as one that is not served.
type site struct {
	*testing.T
	client *fake.FakeDynamicClient
	w      *Watcher
	told   chan string
}

func newSite(t *testing.T, objects ...runtime.Object) *site {
	t.Helper()
	client := fake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), map[schema.GroupVersionResource]string{
		open.GVR(): "ReportList", definitionsGVR: "CustomResourceDefinitionList",
	}, objects...)
	s := &site{T: t, client: client, w: newWatcher(client, open), told: make(chan string, 256)}
	s.w.access[old] = reportgate.NotServed
	s.w.Subscribe(func(namespace string) { s.told <- namespace })
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.w.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return s
}

var definitionsGVR = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}

// until waits until the reports of shop are these, and why there may be others has
// the words; it looks again when the watcher tells of something.
func (s *site) until(unread bool, want ...string) {
	s.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	for {
		_, why := s.w.Reports("shop")
		got := examples(s.w, "shop")
		if slices.Equal(got, want) && (why != "") == unread && s.w.Settled() {
			return
		}
		select {
		case <-s.told:
		case <-deadline.C:
			s.Fatalf("reports %q, unread %q, settled %v; want %q, unread %v", got, why, s.w.Settled(), want, unread)
		}
	}
}

func (s *site) do(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// TestWatches has reports wanted, their kind come and go, and them change.
func TestWatches(t *testing.T) {
	s := newSite(t, report(open, "shop", "falco-report", "shell"))
	definitions, reports := s.client.Resource(definitionsGVR), s.client.Resource(open.GVR()).Namespace("shop")
	if s.w.Settled() {
		t.Error("it is settled before it knows what is wanted")
	}
	s.w.Want(false)
	if !s.w.Settled() || len(s.client.Actions()) > 0 {
		t.Errorf("nothing is wanted: settled %v, asked %v", s.w.Settled(), s.client.Actions())
	}
	s.w.Want(true)
	s.until(true) // not served
	_, err := definitions.Create(t.Context(), definitionOf(open, open.Version, metav1.ConditionFalse), metav1.CreateOptions{})
	s.do(err)
	s.until(true)
	_, err = definitions.Update(t.Context(), definitionOf(open, open.Version, metav1.ConditionTrue), metav1.UpdateOptions{})
	s.do(err)
	s.until(false, "Report falco-report: syscall/shell")
	_, err = reports.Create(t.Context(), report(open, "shop", "more", "mount"), metav1.CreateOptions{})
	s.do(err)
	s.until(false, "Report falco-report: syscall/shell", "Report more: syscall/mount")
	s.do(reports.Delete(t.Context(), "falco-report", metav1.DeleteOptions{}))
	s.until(false, "Report more: syscall/mount")
	s.do(definitions.Delete(t.Context(), open.Definition(), metav1.DeleteOptions{}))
	s.until(true)
	_, err = definitions.Create(t.Context(), definitionOf(open, open.Version, metav1.ConditionTrue), metav1.CreateOptions{})
	s.do(err)
	s.until(false, "Report more: syscall/mount")
	s.w.Want(false)
	s.until(true) // and forgotten
}

// TestMayNotList says so, and sees the reports once it may.
func TestMayNotList(t *testing.T) {
	s := newSite(t, definitionOf(open, open.Version, metav1.ConditionTrue), report(open, "shop", "falco-report", "shell"))
	forbidden := make(chan struct{})
	refuse := func(clienttesting.Action) (bool, error) {
		select {
		case <-forbidden:
			return false, nil
		default:
			return true, apierrors.NewForbidden(open.GVR().GroupResource(), "", errors.New("no role"))
		}
	}
	s.client.PrependReactor("list", open.Resource, func(a clienttesting.Action) (bool, runtime.Object, error) {
		handled, err := refuse(a)
		return handled, nil, err
	})
	s.w.Want(true)
	s.until(true)
	if _, why := s.w.Reports("shop"); why != "the operator may not list and watch reports.openreports.io: give it the right to (docs/reports.md)" {
		t.Errorf("it says %q", why)
	}
	close(forbidden)
	s.until(false, "Report falco-report: syscall/shell")
}
