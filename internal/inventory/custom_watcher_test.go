// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	fakediscovery "k8s.io/client-go/discovery/fake"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/fake"
	metadatafake "k8s.io/client-go/metadata/fake"
	clienttesting "k8s.io/client-go/testing"
)

// The resources of the custom kinds of tests.
var (
	rolloutsResource = schema.GroupVersionResource{Group: "argoproj.io", Version: "v1alpha1", Resource: "rollouts"}
	batchesResource  = schema.GroupVersionResource{Group: "example.com", Version: "v1", Resource: "batches"}
	appsResource     = schema.GroupVersionResource{Group: "example.com", Version: "v1", Resource: "apps"}
)

// cluster plays an API server with custom kinds, and runs a watcher of it.
type cluster struct {
	*testing.T
	*rig
	typed    *fake.Clientset
	metadata *metadatafake.FakeMetadataClient
	dynamic  *dynamicfake.FakeDynamicClient

	mu     sync.Mutex
	logged []string
}

// inCluster tells a story of a watcher that runs in a bubble, begun by a prelude.
func inCluster(t *testing.T, prelude, story func(*cluster)) {
	t.Helper()
	bubble(t, func(t *testing.T) {
		scheme := metadatafake.NewTestScheme()
		if err := metav1.AddMetaToScheme(scheme); err != nil {
			t.Fatal(err)
		}
		c := &cluster{
			T: t, rig: &rig{tb: t, Inventory: New(mustEvaluator(t), Options{Kinds: customKinds})}, // its real clock is the bubble's
			typed: fake.NewClientset(), metadata: metadatafake.NewSimpleMetadataClient(scheme),
			dynamic: dynamicfake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), map[schema.GroupVersionResource]string{
				rolloutsResource: "RolloutList", batchesResource: "BatchList",
			}),
		}
		c.Subscribe(func(namespace string) { c.guarded(func() { c.told = append(c.told, namespace) }) })
		prelude(c)
		logger := funcr.New(func(_, args string) { c.guarded(func() { c.logged = append(c.logged, args) }) }, funcr.Options{})
		ctx, cancel := context.WithCancel(logr.NewContext(t.Context(), logger))
		stopped := make(chan error)
		go func() {
			stopped <- NewWatcherForClients(Clients{Typed: c.typed, Metadata: c.metadata, Dynamic: c.dynamic}, c.Inventory).Start(ctx)
		}()
		synctest.Wait()
		story(c)
		checkConsistent(t, c.Inventory)
		cancel()
		if err := <-stopped; err != nil {
			t.Error(err)
		}
	})
}

// guarded writes down what several goroutines say.
func (c *cluster) guarded(write func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	write()
}

// serves changes what discovery answers.
func (c *cluster) serves(resources ...schema.GroupVersionResource) {
	byVersion := map[string]*metav1.APIResourceList{}
	kinds := map[string]string{"rollouts": "Rollout", "batches": "Batch", "apps": "App"}
	for _, gvr := range resources {
		gv := gvr.GroupVersion().String()
		if byVersion[gv] == nil {
			byVersion[gv] = &metav1.APIResourceList{GroupVersion: gv}
		}
		byVersion[gv].APIResources = append(byVersion[gv].APIResources,
			metav1.APIResource{Name: gvr.Resource, Kind: kinds[gvr.Resource], Namespaced: true},
			metav1.APIResource{Name: gvr.Resource + "/status", Kind: kinds[gvr.Resource], Namespaced: true})
	}
	var all []*metav1.APIResourceList
	for _, list := range byVersion {
		all = append(all, list)
	}
	c.typed.Lock() // each request takes it first
	defer c.typed.Unlock()
	c.typed.Discovery().(*fakediscovery.FakeDiscovery).Resources = all
}

func definition(gvr schema.GroupVersionResource) *metav1.PartialObjectMetadata {
	return newMetadata("apiextensions.k8s.io/v1", "CustomResourceDefinition", metav1.ObjectMeta{Name: gvr.Resource + "." + gvr.Group})
}

func (c *cluster) define(resources ...schema.GroupVersionResource) {
	c.Helper()
	for _, gvr := range resources {
		if _, err := c.metadata.Resource(definitionsResource).(metadatafake.MetadataClient).CreateFake(definition(gvr), metav1.CreateOptions{}); err != nil {
			c.Fatal(err)
		}
	}
}

func (c *cluster) undefine(gvr schema.GroupVersionResource) {
	c.Helper()
	if err := c.metadata.Resource(definitionsResource).Delete(c.Context(), definition(gvr).Name, metav1.DeleteOptions{}); err != nil {
		c.Fatal(err)
	}
}

// create creates an object of a custom kind.
func (c *cluster) create(gvr schema.GroupVersionResource, spec corev1.PodSpec) {
	c.Helper()
	object := newRollout(plain("web"), spec)
	if gvr == batchesResource {
		object = newBatch("nightly", restricted, spec)
	}
	if _, err := c.dynamic.Resource(gvr).Namespace(ns).Create(c.Context(), object, metav1.CreateOptions{}); err != nil {
		c.Fatal(err)
	}
}

// forbid has the lists of a resource refused until the answer is called.
func (c *cluster) forbid(f *clienttesting.Fake, resource string) (allow func()) {
	var allowed atomic.Bool
	f.PrependReactor("list", resource, func(clienttesting.Action) (bool, runtime.Object, error) {
		if allowed.Load() {
			return false, nil, nil
		}
		return true, nil, apierrors.NewForbidden(schema.GroupResource{Resource: resource}, "", errors.New("no rights"))
	})
	return func() { allowed.Store(true) }
}

// want checks whether the inventory answers, and of which workloads it has violations then.
func (c *cluster) want(when string, synced bool, workloads ...string) {
	c.Helper()
	v, got := c.Verdict(ns, newest("baseline"))
	var violating []string
	for _, violation := range v.Violations {
		violating = append(violating, violation.Workload.Kind)
	}
	if got != synced || strings.Join(violating, " ") != strings.Join(workloads, " ") {
		c.Errorf("%s: synced %v with violations of %v, want %v with %v", when, got, violating, synced, workloads)
	}
}

func TestCustomKindsComeAndGo(t *testing.T) {
	inCluster(t, func(c *cluster) {
		c.define(rolloutsResource, schema.GroupVersionResource{Group: "example.org", Resource: "others"})
		c.serves(rolloutsResource)
		c.create(rolloutsResource, privileged)
	}, func(c *cluster) {
		c.want("at the start", true, "Rollout")
		c.define(batchesResource)
		c.create(batchesResource, privileged)
		pass(2 * time.Second)
		c.want("before discovery knows", true, "Rollout")
		c.serves(rolloutsResource, batchesResource, appsResource)
		pass(10 * time.Second)
		c.want("once it does", true, "Batch", "Rollout")
		if c.told[len(c.told)-1] != metav1.NamespaceAll {
			c.Errorf("told of %q after the first list of a kind", c.told)
		}

		c.serves(batchesResource, appsResource)
		c.undefine(rolloutsResource)
		pass(10 * time.Second)
		c.want("once one has gone", true, "Batch")
		if v := c.verdict("baseline"); len(v.Departed) != 1 || v.Departed[0].Workload.Kind != "Rollout" {
			c.Errorf("departed %+v", v.Departed)
		}
		if unwatched := c.Unwatched(); len(unwatched) > 0 {
			c.Errorf("not watched: %v", unwatched)
		}
		c.serves(rolloutsResource, batchesResource, appsResource)
		c.define(rolloutsResource)
		pass(10 * time.Second)
		c.want("once it is back", true, "Batch", "Rollout")
	})
}

// Nothing is called compliant while a kind that has come later has not been listed.
func TestLateKindIsWaitedFor(t *testing.T) {
	var allow func()
	inCluster(t, func(c *cluster) { allow = c.forbid(&c.dynamic.Fake, "batches") }, func(c *cluster) {
		c.want("at the start", true)
		c.serves(batchesResource)
		c.define(batchesResource)
		c.create(batchesResource, privileged)
		pass(5 * time.Second)
		c.want("before its first list", false)
		allow()
		pass(20 * time.Second)
		c.want("after it", true, "Batch")
	})
}

// A watch of definitions that is interrupted misses one that goes.
func TestDefinitionsAreListedAnew(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newUnsyncedRig(t, Options{Kinds: customKinds})
		w := newCustomWatcher(Clients{}, r.Inventory)
		defer w.queue.ShutDown()
		s := &definitionStore{w}
		if err := s.Replace([]any{definition(rolloutsResource)}, ""); err != nil {
			t.Fatal(err)
		}
		gv, _ := w.queue.Get()
		w.queue.Done(gv)
		if err := s.Replace(nil, ""); err != nil {
			t.Fatal(err)
		}
		if again, _ := w.queue.Get(); again != gv || gv != rolloutsResource.GroupVersion() {
			t.Errorf("looked at %v, then at %v", gv, again)
		}
		once, err := s.Transformer()(definition(batchesResource))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Update(once); err != nil {
			t.Fatal(err)
		}
		if updated, _ := w.queue.Get(); updated != batchesResource.GroupVersion() {
			t.Errorf("looked at %v after a definition of %v", updated, batchesResource)
		}
		if s.Add(1) == nil || s.Replace([]any{1}, "") == nil || s.Resync() != nil {
			t.Error("something without a name was taken for a definition")
		}
	})
}

// As long as it is not known which kinds are served nothing is answered.
func TestDiscoveryFails(t *testing.T) {
	var mended atomic.Bool
	inCluster(t, func(c *cluster) {
		c.define(rolloutsResource)
		c.serves(rolloutsResource)
		c.create(rolloutsResource, privileged)
		c.typed.PrependReactor("get", "resource", func(clienttesting.Action) (bool, runtime.Object, error) {
			return !mended.Load(), nil, errors.New("no answer")
		})
	}, func(c *cluster) {
		pass(10 * time.Minute)
		c.want("while it fails", false)
		if log := strings.Join(c.logged, "\n"); !strings.Contains(log, "argoproj.io/v1alpha1") {
			c.Errorf("logged %s", log)
		}
		mended.Store(true)
		pass(time.Minute)
		c.want("once it answers", true, "Rollout")
	})
}

// A kind that must not be listed is waited for, but not for ever.
func TestForbiddenKind(t *testing.T) {
	var allow func()
	inCluster(t, func(c *cluster) {
		c.define(rolloutsResource)
		c.serves(rolloutsResource)
		c.create(rolloutsResource, privileged)
		allow = c.forbid(&c.dynamic.Fake, "rollouts")
	}, func(c *cluster) {
		pass(10 * time.Second)
		c.want("at first", false)
		pass(2 * time.Minute)
		c.want("later", true)
		if got := c.Unwatched(); len(got) != 1 || !strings.HasPrefix(got[0], "argoproj.io/v1alpha1/Rollout: ") || !strings.Contains(got[0], "no rights") {
			c.Errorf("not watched: %q", got)
		}
		if got := c.Stats().Unwatched; !slices.Equal(got, []string{"argoproj.io/v1alpha1/Rollout"}) {
			c.Errorf("not watched: %q", got)
		}
		if log := strings.Join(c.logged, "\n"); strings.Count(log, "A custom workload is not watched") != 1 {
			c.Errorf("logged %s", log)
		}
		allow()
		pass(2 * time.Minute)
		c.want("once it is allowed", true, "Rollout")
		if got := c.Unwatched(); len(got) > 0 {
			c.Errorf("not watched: %q", got)
		}
	})
}

// A kind that was watched and must no longer be listed leaves, once that has lasted.
func TestRightsAreTakenAway(t *testing.T) {
	r := newRig(t, Options{Kinds: customKinds})
	r.apply(newRollout(plain("web"), privileged))
	r.unwatch(rollouts, "no rights")
	if v := r.verdict("baseline"); !v.Compliant() || len(v.Departed) != 1 {
		t.Errorf("verdict %+v", v)
	}
	checkConsistent(t, r.Inventory)
}

func TestForbiddenDefinitions(t *testing.T) {
	var allow func()
	inCluster(t, func(c *cluster) {
		c.define(rolloutsResource)
		c.serves(rolloutsResource)
		c.create(rolloutsResource, privileged)
		allow = c.forbid(&c.metadata.Fake, "customresourcedefinitions")
	}, func(c *cluster) {
		c.want("at first", false)
		pass(2 * time.Minute)
		c.want("later", true)
		if got := c.Unwatched(); len(got) != 1 || !strings.HasPrefix(got[0], "CustomResourceDefinition: ") {
			c.Errorf("not watched: %q", got)
		}
		allow()
		pass(2 * time.Minute)
		c.want("once it is allowed", true, "Rollout")
	})
}

// What is served otherwise than it was listed is no kind of ours.
func TestServedOtherwise(t *testing.T) {
	clusterWide := &metav1.APIResourceList{GroupVersion: "argoproj.io/v1alpha1", APIResources: []metav1.APIResource{{Name: "rollouts", Kind: "Rollout"}}}
	inCluster(t, func(c *cluster) {
		c.define(rolloutsResource, batchesResource)
		c.serves(schema.GroupVersionResource{Group: "example.com", Version: "v2", Resource: "batches"})
		d := c.typed.Discovery().(*fakediscovery.FakeDiscovery)
		d.Resources = append(d.Resources, clusterWide)
	}, func(c *cluster) {
		c.want("at the start", true)
		if got := strings.Join(c.Unwatched(), " "); got != "argoproj.io/v1alpha1/Rollout: its objects are in no namespace" {
			c.Errorf("not watched: %q", got)
		}
		c.serves()
		c.undefine(rolloutsResource)
		pass(time.Minute)
		if got := c.Unwatched(); len(got) > 0 {
			c.Errorf("not watched once it is gone: %q", got)
		}
	})
}

// Of a custom object nothing is kept but its name, its controller, its owner and the profiles of its templates.
func TestCustomObjectsAreReduced(t *testing.T) {
	r := newRig(t, Options{Kinds: customKinds})
	got, err := r.store(batches).Transformer()(newBatch("nightly", privileged, restricted, privileged))
	if err != nil {
		t.Fatal(err)
	}
	reduced, ok := got.(*record)
	if !ok || reduced.name != "nightly" || reduced.namespace != ns || len(reduced.profiles) != 3 || reduced.profiles[0] != reduced.profiles[2] {
		t.Errorf("reduced to %#v", got)
	}
}

// newBrokenBatch has one template that cannot be read, and others.
func newBrokenBatch(name string, more ...any) runtime.Object {
	return newCustom(plain(name), batches, map[string]any{"jobs": append([]any{map[string]any{"template": "none"}}, more...)})
}

// A template that cannot be read is no evidence, and is counted.
func TestUnreadableTemplates(t *testing.T) {
	r := newRig(t, Options{Kinds: customKinds})
	good := map[string]any{"template": decoded(privileged)}
	r.apply(newBrokenBatch("a"), newBrokenBatch("b", good), newBatch("c", restricted))
	if got := r.Stats(); got.Unreadable != 2 || got.Templates != 2 || got.Owners != 3 {
		t.Errorf("stats %+v", got)
	}
	if v := r.verdict("baseline"); v.ViolatingWorkloads != 1 || v.Workloads != 2 {
		t.Errorf("verdict %+v", v)
	}
	r.apply(newBatch("a", restricted))
	if got := r.Stats().Unreadable; got != 1 {
		t.Errorf("%d unreadable once one is mended", got)
	}
	checkConsistent(t, r.Inventory)
}

// That a template cannot be read is logged once for its kind.
func TestUnreadableTemplatesAreLoggedOnce(t *testing.T) {
	var logged []string
	s := newRig(t, Options{Kinds: customKinds}).store(batches)
	s.logger = funcr.New(func(_, args string) { logged = append(logged, args) }, funcr.Options{})
	for _, name := range []string{"a", "b", "a"} {
		if err := s.Update(newBrokenBatch(name)); err != nil {
			t.Fatal(err)
		}
	}
	if len(logged) != 1 || !strings.Contains(logged[0], `"name"="a"`) || !strings.Contains(logged[0], "spec.jobs[*].template") {
		t.Errorf("logged %q", logged)
	}
}
