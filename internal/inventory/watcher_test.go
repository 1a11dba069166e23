// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/cache"
)

// server plays the API server for the pods: each watch is one of its streams, and lists come in pages of two.
type server struct {
	watchList bool

	mu      sync.Mutex
	pods    []corev1.Pod
	listed  []metav1.ListOptions
	watched []metav1.ListOptions
	stream  *watch.FakeWatcher
	fails   error
}

// set changes what the server has.
func (s *server) set(fails error, pods ...*corev1.Pod) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fails, s.pods = fails, nil
	for _, p := range pods {
		s.pods = append(s.pods, *p)
	}
}

func (s *server) List(_ context.Context, options metav1.ListOptions) (*corev1.PodList, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listed = append(s.listed, options)
	if s.fails != nil {
		return nil, s.fails
	}
	page := &corev1.PodList{ListMeta: metav1.ListMeta{ResourceVersion: "10"}}
	from := 0
	if options.Continue != "" {
		if _, err := fmt.Sscan(options.Continue, &from); err != nil {
			return nil, err
		}
	}
	to := min(from+2, len(s.pods))
	page.Items = s.pods[from:to]
	if to < len(s.pods) {
		page.Continue = fmt.Sprint(to)
	}
	return page, nil
}

func (s *server) Watch(_ context.Context, options metav1.ListOptions) (watch.Interface, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watched = append(s.watched, options)
	if s.fails != nil {
		return nil, s.fails
	}
	s.stream = watch.NewFakeWithChanSize(100, false)
	if options.SendInitialEvents != nil {
		for i := range s.pods {
			s.stream.Add(&s.pods[i])
		}
		s.stream.Action(watch.Bookmark, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
			ResourceVersion: "10", Annotations: map[string]string{metav1.InitialEventsAnnotationKey: "true"},
		}})
	}
	return s.stream, nil
}

// IsWatchListSemanticsUnSupported is how a client tells reflectors to list.
func (s *server) IsWatchListSemanticsUnSupported() bool { return !s.watchList }

// bubbled is the time it was at the end of the last bubble.
var bubbled time.Time

// bubble is synctest.Test, with the bubble's clock brought past the time it is outside, and the time it was in the bubble before: Kubernetes' handling of
// errors pauses by comparing the time with that of an earlier error, wherever that was.
func bubble(t *testing.T, test func(*testing.T)) {
	t.Helper()
	if now := time.Now(); now.After(bubbled) {
		bubbled = now
	}
	synctest.Test(t, func(t *testing.T) {
		pass(time.Until(bubbled.Add(time.Hour)))
		defer func() { bubbled = time.Now() }()
		test(t)
	})
}

// pass lets time pass in the bubble, where it is fake, and everyone do what they do then.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// run has a reflector fill the rig's pods from the server while the story is told, in a bubble where time is fake.
func (s *server) run(t *testing.T, story func(*rig)) {
	t.Helper()
	bubble(t, func(t *testing.T) {
		r := newUnsyncedRig(t, Options{})
		for k := range builtinCount {
			if k != pods {
				r.replace(k)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		lw := cache.ToListWatcherWithWatchListSemantics(listWatch(s, r.store(pods).reduced), s)
		done := make(chan struct{})
		go func() {
			defer close(done)
			newReflector(logr.Discard(), lw, builtins[pods], r.store(pods)).RunWithContext(logr.NewContext(ctx, logr.Discard()))
		}()
		synctest.Wait()
		story(r)
		cancel()
		<-done
	})
}

func versioned(p *corev1.Pod, version string) *corev1.Pod {
	p.ResourceVersion = version
	return p
}

// dbPod is a pod of the StatefulSet db.
func dbPod(name string, s corev1.PodSpec) *corev1.Pod {
	return versioned(newPod(named(name, "apps/v1", "StatefulSet", "db"), s), "9")
}

func TestReflector(t *testing.T) {
	for name, watchList := range map[string]bool{"WatchList": true, "pages": false} {
		t.Run(name, func(t *testing.T) {
			s := &server{watchList: watchList}
			for i := range 5 {
				s.pods = append(s.pods, *dbPod(fmt.Sprint("db-", i), restricted))
			}
			s.run(t, func(r *rig) {
				if v := r.verdict("restricted"); v.Pods != 5 || v.Workloads != 1 || !v.Compliant() {
					t.Errorf("verdict after the first list: %+v", v)
				}
				s.stream.Modify(versioned(dbPod("db-0", privileged), "11"))
				s.stream.Delete(versioned(dbPod("db-1", restricted), "12"))
				s.stream.Add(versioned(dbPod("db-5", privileged), "13"))
				s.stream.Delete(versioned(dbPod("db-5", privileged), "14"))
				synctest.Wait()
				workload := Workload{"apps/v1", "StatefulSet", "db"}
				want := Verdict{Pods: 4, Workloads: 1, ViolatingWorkloads: 1, Violations: []Violation{hostPID(workload, SourcePod, 1, "db-0")}}
				if diff := cmp.Diff(want, r.verdict("baseline")); diff != "" {
					t.Errorf("verdict after events (-want +got):\n%s", diff)
				}
				checkRelist(t, s, r)
			})
			checkRequests(t, s)
		})
	}
}

// checkRelist interrupts the watch for so long that the server has forgotten where it was: the reflector lists again.
func checkRelist(t *testing.T, s *server, r *rig) {
	t.Helper()
	s.set(nil, dbPod("db-2", restricted), dbPod("db-3", baseline), dbPod("db-9", restricted))
	now := r.pass(time.Hour)
	s.stream.Error(&apierrors.NewResourceExpired("too old").ErrStatus)
	pass(2 * time.Minute) // more than the reflector pauses
	v := r.verdict("restricted")
	if v.Pods != 3 || len(v.Violations) != 1 || v.Violations[0].Example != "db-3" {
		t.Errorf("verdict after a new list: %+v", v)
	}
	if len(v.Departed) != 1 || v.Departed[0].Check != "hostNamespaces" || !v.Departed[0].LastSeen.Equal(now) {
		t.Errorf("departed after a new list: %+v", v.Departed)
	}
	checkConsistent(t, r.Inventory)
}

// checkRequests checks what the server was asked: a stream of everything, or pages that are really pages.
func checkRequests(t *testing.T, s *server) {
	t.Helper()
	if s.watchList {
		if len(s.listed) > 0 || s.watched[0].SendInitialEvents == nil {
			t.Errorf("listed %v, watched %v", s.listed, s.watched)
		}
		return
	}
	if len(s.listed) < 3 || s.listed[0].Limit == 0 || s.listed[0].ResourceVersion != "" {
		t.Errorf("listed %+v", s.listed)
	}
	for _, options := range s.watched {
		if options.SendInitialEvents != nil {
			t.Errorf("watched %+v", options)
		}
	}
}

// As long as the server fails nothing is synced; it is asked again and again, with pauses.
func TestReflectorKeepsTrying(t *testing.T) {
	s := &server{fails: apierrors.NewServiceUnavailable("starting")}
	s.run(t, func(r *rig) {
		pass(10 * time.Minute)
		if r.Synced() || len(s.listed) < 5 || len(s.listed) > 60 {
			t.Errorf("synced %v after %d lists in ten minutes", r.Synced(), len(s.listed))
		}
		s.set(nil, dbPod("db-0", restricted))
		pass(2 * time.Minute)
		if !r.Synced() || r.verdict("restricted").Pods != 1 {
			t.Errorf("synced %v once the server answers", r.Synced())
		}
	})
}

// The pages of a list hold records, not pods.
func TestListIsReduced(t *testing.T) {
	s := &server{pods: []corev1.Pod{*dbPod("db-0", restricted), *dbPod("db-1", restricted), *dbPod("db-2", restricted)}}
	page, err := listWatch(s, newUnsyncedRig(t, Options{}).store(pods).reduced).ListWithContext(t.Context(), metav1.ListOptions{ResourceVersion: "7", Limit: 3})
	if err != nil {
		t.Fatal(err)
	}
	list, ok := page.(*internalversion.List)
	if !ok || len(list.Items) != 2 || list.ResourceVersion != "10" || list.Continue != "2" {
		t.Fatalf("page %#v", page)
	}
	for _, item := range list.Items {
		if _, ok := item.(*record); !ok {
			t.Errorf("%T in the page", item)
		}
	}
	if got := s.listed[0]; got.ResourceVersion != "7" || got.Limit != 3 {
		t.Errorf("asked for %+v", got)
	}
}

func TestListOfSomethingElse(t *testing.T) {
	for name, page := range map[string]runtime.Object{"nodes": &corev1.NodeList{Items: []corev1.Node{{}}}, "no list": &corev1.Pod{}} {
		if _, err := reducedPage(page, newUnsyncedRig(t, Options{}).store(pods).reduced); err == nil {
			t.Errorf("%s: reduced", name)
		}
	}
}

// The watcher runs a watch for each kind, and what it sees makes a verdict.
func TestWatcher(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newUnsyncedRig(t, Options{})
		client := fake.NewClientset(
			newReplicationController(plain("rc"), &restricted), newPodTemplate("pt", restricted),
			newReplicaSet(named("web-1", "apps/v1", "Deployment", "web"), 1, restricted), newDeployment("web", restricted),
			newStatefulSet("db", restricted), newDaemonSet("agent", restricted), newJob(plain("once"), restricted), newCronJob("nightly", restricted),
			newPod(named("web-1-a", "apps/v1", "ReplicaSet", "web-1"), restricted),
		)
		w := NewWatcherForClients(Clients{Typed: client}, r.Inventory)
		if w.NeedLeaderElection() {
			t.Error("a standby has no inventory")
		}
		ctx, cancel := context.WithCancel(logr.NewContext(t.Context(), logr.Discard()))
		stopped := make(chan error, 1)
		go func() { stopped <- w.Start(ctx) }()
		synctest.Wait()
		if v := r.verdict("restricted"); v.Pods != 1 || v.Workloads != 7 || !v.Compliant() || len(r.told) != 1 {
			t.Errorf("verdict %+v, told %v", v, r.told)
		}
		if _, err := client.CoreV1().Pods(ns).Create(ctx, newPod(plain("bad"), privileged), metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if v := r.verdict("baseline"); len(v.Violations) != 1 || len(r.told) != 2 {
			t.Errorf("verdict %+v, told %v", v, r.told)
		}
		cancel()
		if err := <-stopped; err != nil {
			t.Errorf("stopped with %v", err)
		}
	})
}

// Errors of a watch are logged by the context's logger, and keep the inventory from answering.
func TestWatcherLogsErrors(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newUnsyncedRig(t, Options{})
		client := fake.NewClientset()
		client.PrependReactor("list", "jobs", func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, errors.New("no rights") })
		logged := 0
		logger := funcr.New(func(_, _ string) { logged++ }, funcr.Options{})
		ctx, cancel := context.WithTimeout(logr.NewContext(t.Context(), logger), time.Minute)
		defer cancel()
		if err := NewWatcherForClients(Clients{Typed: client}, r.Inventory).Start(ctx); err != nil {
			t.Error(err)
		}
		if r.Synced() || logged == 0 {
			t.Errorf("synced %v, %d lines logged", r.Synced(), logged)
		}
	})
}

// The watcher's client talks protobuf, whatever the manager's talks.
func TestNewWatcher(t *testing.T) {
	asked := make(chan http.Header, 1)
	cfg := &rest.Config{Host: "http://localhost:1", Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		asked <- r.Header
		return nil, errors.New("not now")
	})}
	w, err := NewWatcher(cfg, New(mustEvaluator(t), Options{}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := listWatches[pods](w.clients.Typed, nil).ListWithContext(t.Context(), metav1.ListOptions{}); err == nil {
		t.Error("listed from a server that is not there")
	}
	if got, want := (<-asked).Get("Accept"), "application/vnd.kubernetes.protobuf,application/json"; got != want {
		t.Errorf("accepts %q, want %q", got, want)
	}
	if cfg.ContentType != "" {
		t.Error("the caller's config has been changed")
	}
	if _, err := NewWatcher(&rest.Config{TLSClientConfig: rest.TLSClientConfig{CAFile: "/no/such/file"}}, nil); err == nil {
		t.Error("a watcher was made with a broken config")
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
