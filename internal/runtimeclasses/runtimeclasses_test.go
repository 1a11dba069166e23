// SPDX-License-Identifier: Apache-2.0

package runtimeclasses

import (
	"context"
	"maps"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	nodev1 "k8s.io/api/node/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"
)

func class(name, handler string) *nodev1.RuntimeClass {
	return &nodev1.RuntimeClass{ObjectMeta: metav1.ObjectMeta{Name: name}, Handler: handler}
}

func TestTellsOfChangesOnly(t *testing.T) {
	w := newWatcher(nil)
	s, told := &store{w}, 0
	w.OnChange(func() { told++ })
	if w.Synced() || len(w.Classes()) > 0 {
		t.Error("it knows something before it has seen anything")
	}
	for _, step := range []struct {
		name string
		do   func() error
		want map[string]string
		told int
	}{
		{"an empty first list", func() error { return s.Replace(nil, "") }, map[string]string{}, 1},
		{"one comes", func() error { return s.Add(class("vm", "kata")) }, map[string]string{"vm": "kata"}, 2},
		{"it is touched", func() error { return s.Update(class("vm", "kata")) }, map[string]string{"vm": "kata"}, 2},
		{"it is made anew", func() error { return s.Update(class("vm", "runc")) }, map[string]string{"vm": "runc"}, 3},
		{"the same list", func() error { return s.Replace([]any{class("vm", "runc")}, "") }, map[string]string{"vm": "runc"}, 3},
		{"another list", func() error { return s.Replace([]any{class("sandbox", "runsc")}, "") }, map[string]string{"sandbox": "runsc"}, 4},
		{"one goes", func() error { return s.Delete(class("sandbox", "runsc")) }, map[string]string{}, 5},
		{"one goes that is not there", func() error { return s.Delete(class("vm", "kata")) }, map[string]string{}, 5},
		{"nothing", s.Resync, map[string]string{}, 5},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		if got := w.Classes(); !maps.Equal(got, step.want) || told != step.told || !w.Synced() {
			t.Errorf("%s: classes %v, told %d times, synced %v; want %v, told %d times", step.name, got, told, w.Synced(), step.want, step.told)
		}
	}
}

func TestForeignObjectsAreErrors(t *testing.T) {
	s := &store{newWatcher(nil)}
	if s.Add(&corev1.Pod{}) == nil || s.Delete(&corev1.Pod{}) == nil || s.Replace([]any{&corev1.Pod{}}, "") == nil {
		t.Error("a pod passes for a RuntimeClass")
	}
	if s.w.Synced() {
		t.Error("a list that could not be read counts as one")
	}
}

func TestClassesAreTheCallers(t *testing.T) {
	w := newWatcher(nil)
	if err := (&store{w}).Add(class("vm", "kata")); err != nil {
		t.Fatal(err)
	}
	clear(w.Classes())
	if got := w.Classes(); got["vm"] != "kata" {
		t.Errorf("what a caller does to its map shows in the watcher: %v", got)
	}
}

func TestWatches(t *testing.T) {
	client := fake.NewClientset(class("vm", "kata"))
	w := newWatcher(client)
	told := make(chan struct{}, 16)
	w.OnChange(func() { told <- struct{}{} })
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.Start(ctx) }()
	until := func(want map[string]string) {
		t.Helper()
		deadline := time.NewTimer(20 * time.Second)
		defer deadline.Stop()
		for !w.Synced() || !maps.Equal(w.Classes(), want) {
			select {
			case <-told:
			case <-deadline.C:
				t.Fatalf("classes are %v, want %v", w.Classes(), want)
			}
		}
	}
	until(map[string]string{"vm": "kata"})
	classes := client.NodeV1().RuntimeClasses()
	if _, err := classes.Create(ctx, class("sandbox", "runsc"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	until(map[string]string{"vm": "kata", "sandbox": "runsc"})
	if err := classes.Delete(ctx, "vm", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	until(map[string]string{"sandbox": "runsc"})
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("the watcher ended with %v", err)
	}
}

func TestNewWatcher(t *testing.T) {
	w, err := NewWatcher(&rest.Config{Host: "https://localhost"})
	if err != nil || w.Synced() || w.NeedLeaderElection() {
		t.Errorf("got %v, %v; want a watcher that has seen nothing and does not need to lead", w, err)
	}
	if _, err := NewWatcher(&rest.Config{Host: "https://localhost", TLSClientConfig: rest.TLSClientConfig{CAFile: "/nowhere"}}); err == nil {
		t.Error("an authority that cannot be read is no error")
	}
}
