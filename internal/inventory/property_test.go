// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/pod-security-admission/admission"
	psaapi "k8s.io/pod-security-admission/api"
	clocktesting "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"

	"github.com/podsecurity-rollout/operator/internal/standards"
)

// world is a namespace as the API server has it.
type world map[kind]map[string]runtime.Object

// specs are what pods and templates of the world are drawn from.
var specs = []corev1.PodSpec{
	restricted, baseline, privileged, sandboxed,
	spec(func(s *corev1.PodSpec) { s.SecurityContext.RunAsNonRoot, s.HostPID = nil, true }),
}

// members are the objects that the world may have, each made from a spec. Controllers are what their names say, as
// they do not change in life.
var members = map[string]func(s corev1.PodSpec, odd bool) runtime.Object{
	"deployment web": func(s corev1.PodSpec, _ bool) runtime.Object { return newDeployment("web", s) },
	"deployment api": func(s corev1.PodSpec, _ bool) runtime.Object {
		d := newDeployment("api", s)
		d.ObjectMeta = named("api", "example.com/v1", "App", "shop")
		return d
	},
	"app shop": func(corev1.PodSpec, bool) runtime.Object { return newApp(plain("shop")) },
	"rollout web": func(s corev1.PodSpec, odd bool) runtime.Object {
		rollout := newRollout(named("web", "example.com/v1beta1", "App", "shop"), s)
		if odd {
			unstructured.RemoveNestedField(rollout.Object, "spec", "template")
		}
		return rollout
	},
	"batch nightly": func(s corev1.PodSpec, odd bool) runtime.Object {
		if odd {
			return newBatch("nightly", restricted, s, s)
		}
		return newBatch("nightly", s)
	},
	"statefulset db":  func(s corev1.PodSpec, _ bool) runtime.Object { return newStatefulSet("db", s) },
	"cronjob nightly": func(s corev1.PodSpec, _ bool) runtime.Object { return newCronJob("nightly", s) },
	"rs web-1":        replicaSetOf("web-1", "apps/v1", "Deployment", "web"),
	"rs web-2":        replicaSetOf("web-2", "apps/v1", "Deployment", "web"),
	"rs rollout-1":    replicaSetOf("rollout-1", "argoproj.io/v1alpha1", "Rollout", "web"),
	"rs alone":        replicaSetOf("alone", "", "", ""),
	"job nightly-1": func(s corev1.PodSpec, _ bool) runtime.Object {
		return newJob(named("nightly-1", "batch/v1", "CronJob", "nightly"), s)
	},
	"job once": func(s corev1.PodSpec, _ bool) runtime.Object { return newJob(plain("once"), s) },
	"rc old": func(s corev1.PodSpec, odd bool) runtime.Object {
		if odd {
			return newReplicationController(plain("old"), nil)
		}
		return newReplicationController(plain("old"), &s)
	},
	"pod web-1-a":     podOf("web-1-a", "apps/v1", "ReplicaSet", "web-1"),
	"pod web-1-b":     podOf("web-1-b", "apps/v1", "ReplicaSet", "web-1"),
	"pod web-2-a":     podOf("web-2-a", "apps/v1", "ReplicaSet", "web-2"),
	"pod rollout-1-a": podOf("rollout-1-a", "argoproj.io/v1alpha1", "Rollout", "web"),
	"pod rollout-1-b": podOf("rollout-1-b", "apps/v1", "ReplicaSet", "rollout-1"),
	"pod api-1-a":     podOf("api-1-a", "apps/v1", "Deployment", "api"),
	"pod alone-a":     podOf("alone-a", "apps/v1", "ReplicaSet", "alone"),
	"pod nightly-1-a": podOf("nightly-1-a", "batch/v1", "Job", "nightly-1"),
	"pod db-0":        podOf("db-0", "apps/v1", "StatefulSet", "db"),
	"pod db-1":        podOf("db-1", "apps/v1", "StatefulSet", "db"),
	"pod static":      podOf("static", "v1", "Node", "node-1"),
	"pod bare":        podOf("bare", "", "", ""),
}

func replicaSetOf(name, controllerAPIVersion, controllerKind, controllerName string) func(corev1.PodSpec, bool) runtime.Object {
	return func(s corev1.PodSpec, odd bool) runtime.Object {
		return newReplicaSet(named(name, controllerAPIVersion, controllerKind, controllerName), map[bool]int32{true: 0, false: 2}[odd], s)
	}
}

func podOf(name, controllerAPIVersion, controllerKind, controllerName string) func(corev1.PodSpec, bool) runtime.Object {
	return func(s corev1.PodSpec, _ bool) runtime.Object {
		return newPod(named(name, controllerAPIVersion, controllerKind, controllerName), s)
	}
}

func nameOf(obj runtime.Object) string { return obj.(metav1.Object).GetName() }

func (w world) put(obj runtime.Object) {
	k := kindOf(obj)
	if w[k] == nil {
		w[k] = map[string]runtime.Object{}
	}
	w[k][nameOf(obj)] = obj
}

func (w world) list(k kind) []any {
	var all []any
	for _, obj := range w[k] {
		all = append(all, obj)
	}
	return all
}

// watches deliver the world to an inventory. While one is interrupted its events are lost, and it begins again with a list.
type watches struct {
	t           *rapid.T
	world       world
	inventory   *Inventory
	interrupted map[kind]bool
}

func (w *watches) deliver(k kind, event func(*store) error) {
	if w.interrupted[k] {
		return
	}
	if err := event(&store{inventory: w.inventory, kind: k}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *watches) put(obj runtime.Object) {
	w.world.put(obj)
	w.deliver(kindOf(obj), func(s *store) error { return s.Update(obj) })
}

func (w *watches) delete(obj runtime.Object) {
	k := kindOf(obj)
	if _, there := w.world[k][nameOf(obj)]; there {
		delete(w.world[k], nameOf(obj))
		w.deliver(k, func(s *store) error { return s.Delete(obj) })
	}
}

func (w *watches) list(k kind) {
	w.interrupted[k] = false
	w.deliver(k, func(s *store) error { return s.Replace(w.world.list(k), "") })
}

// step does one thing at random.
func (w *watches) step() {
	k := rapid.SampledFrom(everyKind()).Draw(w.t, "kind")
	name := rapid.SampledFrom(slices.Sorted(maps.Keys(members))).Draw(w.t, "member")
	obj := members[name](rapid.SampledFrom(specs).Draw(w.t, "spec"), rapid.Bool().Draw(w.t, "odd"))
	switch rapid.SampledFrom([]string{"put", "put", "put", "delete", "interrupt", "list"}).Draw(w.t, "step") {
	case "put":
		w.put(obj)
	case "delete":
		w.delete(obj)
	case "interrupt":
		w.interrupted[k] = true
	case "list":
		w.list(k)
	}
}

// settleOwners brings back what pods and ReplicaSets still name as owners: for what a pod counts whose owner is gone depends on whether it was ever seen.
func (w *watches) settleOwners() {
	for _, owned := range []struct{ pod, owner string }{
		{"web-1-a", "rs web-1"}, {"web-1-b", "rs web-1"}, {"web-2-a", "rs web-2"}, {"alone-a", "rs alone"}, {"nightly-1-a", "job nightly-1"},
		{"rollout-1-b", "rs rollout-1"}, {"rollout-1-b", "rollout web"}, {"rollout-1-a", "rollout web"}, {"api-1-a", "deployment api"},
	} {
		if _, needed := w.world[pods][owned.pod]; needed {
			w.putMissing(owned.owner)
		}
	}
	if _, needed := w.world[replicaSets]["rollout-1"]; needed {
		w.putMissing("rollout web")
	}
}

func (w *watches) putMissing(member string) {
	obj := members[member](restricted, false)
	if _, there := w.world[kindOf(obj)][nameOf(obj)]; !there {
		w.put(obj)
	}
}

// Whatever the order in which watches deliver, and whatever they miss while interrupted, the verdict is the one that evaluating each object of the world
// gives.
func TestAnyOrderGivesTheSameVerdict(t *testing.T) {
	e := mustEvaluator(t)
	rapid.Check(t, func(t *rapid.T) {
		w := watches{t: t, world: world{}, inventory: served(New(e, Options{Kinds: customKinds})), interrupted: map[kind]bool{}}
		for _, k := range everyKind() {
			w.interrupted[k] = true // nothing is delivered before the first list
		}
		for range rapid.IntRange(0, 60).Draw(t, "steps") {
			w.step()
		}
		w.settleOwners()
		for _, k := range everyKind() {
			if w.interrupted[k] {
				w.list(k)
			}
		}
		for _, level := range []psaapi.Level{psaapi.LevelBaseline, psaapi.LevelRestricted} {
			query := newest(level)
			query.ExemptRuntimeClasses = sets.New("gvisor")
			got, synced := w.inventory.Verdict(ns, query)
			want := w.world.verdict(t, e, query)
			if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Verdict{}, "Departed"), cmpopts.EquateEmpty(), ignoreApart); diff != "" || !synced {
				t.Fatalf("%s: synced %v, verdict (-want +got):\n%s", level, synced, diff)
			}
		}
		checkConsistent(t, w.inventory)
	})
}

// subject is a pod or a template of the world.
type subject struct {
	name     string
	workload Workload
	source   Source
	meta     *metav1.ObjectMeta
	spec     *corev1.PodSpec
}

// subjects are all that is evidence, each with its workload in the world as it is.
func (w world) subjects(t *rapid.T) []subject {
	var all []subject
	for _, k := range everyKind() {
		for name, obj := range w[k] {
			if isScaledDown(obj) {
				continue
			}
			source := SourceTemplate
			if k == pods {
				source = SourcePod
			}
			for _, template := range templatesOf(t, k, obj) {
				all = append(all, subject{name: name, workload: w.topmost(obj), source: source, meta: &template.ObjectMeta, spec: &template.Spec})
			}
		}
	}
	slices.SortFunc(all, func(a, b subject) int { return strings.Compare(a.name, b.name) })
	return all
}

// templatesOf are the pod templates of an object, or the pod as one.
func templatesOf(t *rapid.T, k kind, obj runtime.Object) []*corev1.PodTemplateSpec {
	if k >= firstCustom {
		custom, ok := obj.(*unstructured.Unstructured)
		if !ok {
			return nil
		}
		templates, err := customKinds[k-firstCustom].PodTemplates(custom.Object)
		if err != nil {
			t.Fatal(err)
		}
		return templates
	}
	meta, s, err := admission.DefaultPodSpecExtractor{}.ExtractPodSpec(obj)
	if err != nil {
		t.Fatal(err)
	}
	if s == nil {
		return nil
	}
	return []*corev1.PodTemplateSpec{{ObjectMeta: *meta, Spec: *s}}
}

// verdict evaluates each subject whole.
func (w world) verdict(t *rapid.T, e *standards.Evaluator, q Query) Verdict {
	var v Verdict
	workloads, violating, violations := sets.New[Workload](), sets.New[Workload](), map[Violation]Violation{}
	for _, s := range w.subjects(t) {
		pod := map[Source]int{SourcePod: 1}[s.source]
		workloads.Insert(s.workload)
		v.Pods += pod
		if q.ExemptRuntimeClasses.Has(ptr.Deref(s.spec.RuntimeClassName, "")) {
			v.ExemptPods += pod
			continue
		}
		for _, f := range e.Evaluate(q.Level, s.meta, s.spec) {
			violating.Insert(s.workload)
			bare := Violation{Workload: s.workload, Source: s.source, Level: f.Level, Check: f.Check, Message: f.Message()}
			violation, known := violations[bare]
			if !known {
				violation = bare
			}
			if pod > 0 && violation.Pods == 0 {
				violation.Example = s.name
			}
			violation.Pods += pod
			violations[bare] = violation
		}
	}
	v.Workloads, v.ViolatingWorkloads = workloads.Len(), violating.Len()
	v.Violations = slices.SortedFunc(maps.Values(violations), func(a, b Violation) int { return strings.Compare(orderKey(a), orderKey(b)) })
	return v
}

// orderKey sorts as a Verdict promises: "baseline" comes before "restricted".
func orderKey(v Violation) string {
	return strings.Join([]string{string(v.Level), v.Workload.Kind, v.Workload.Name, v.Workload.APIVersion, v.Check, string(v.Source), v.Message}, "\x00")
}

func isScaledDown(obj runtime.Object) bool {
	rs, ok := obj.(*appsv1.ReplicaSet)
	if !ok || *rs.Spec.Replicas > 0 {
		return false
	}
	owner := metav1.GetControllerOf(rs)
	return owner != nil && (owner.Kind == "Deployment" || owner.Kind == "Rollout")
}

func (w world) topmost(obj runtime.Object) Workload {
	catalog := newCatalog(customKinds)
	info := catalog.infos[kindOf(obj)].ref.Value()
	owner := metav1.GetControllerOf(obj.(metav1.Object))
	if owner == nil {
		return Workload{info.apiVersion, info.kind, nameOf(obj)}
	}
	switch obj.(type) {
	case *appsv1.ReplicaSet, *batchv1.Job, *corev1.Pod:
	default:
		if owner.Kind != "App" {
			return Workload{info.apiVersion, info.kind, nameOf(obj)}
		}
	}
	k, known := catalog.byGroupKind[schema.FromAPIVersionAndKind(owner.APIVersion, owner.Kind).GroupKind()]
	if !known {
		return Workload{owner.APIVersion, owner.Kind, owner.Name}
	}
	if above, there := w[k][owner.Name]; there {
		return w.topmost(above)
	}
	watched := catalog.infos[k].ref.Value()
	return Workload{watched.apiVersion, watched.kind, owner.Name}
}

// What is remembered as gone is exactly what was there and is not, with the time it was last there. Owners are seen here before what they own, so that a
// violation never changes its workload.
func TestDepartedIsWhatWasThere(t *testing.T) {
	e := mustEvaluator(t)
	rapid.Check(t, func(t *rapid.T) {
		r := &rig{clock: clocktesting.NewFakePassiveClock(epoch)}
		r.Inventory = served(New(e, Options{Clock: r.clock, Kinds: customKinds}))
		w := watches{t: t, world: world{}, inventory: r.Inventory, interrupted: map[kind]bool{}}
		for _, owner := range []string{"rs web-1", "rs web-2", "rs alone", "job nightly-1", "rs rollout-1", "rollout web", "deployment api"} {
			w.put(members[owner](restricted, true))
		}
		for _, k := range everyKind() {
			w.list(k)
		}
		model := map[psaapi.Level]map[Violation]time.Time{psaapi.LevelBaseline: {}, psaapi.LevelRestricted: {}}
		for range rapid.IntRange(0, 40).Draw(t, "steps") {
			before := map[psaapi.Level][]Violation{}
			for level := range model {
				before[level] = w.world.verdict(t, e, newest(level)).Violations
			}
			now := r.pass(time.Second)
			w.podStep()
			for level, gone := range model {
				for _, v := range before[level] {
					gone[v.bare()] = now
				}
				present := w.world.verdict(t, e, newest(level)).Violations
				for _, v := range present {
					delete(gone, v.bare())
				}
			}
		}
		for level, gone := range model {
			got, _ := r.Verdict(ns, newest(level))
			departed := map[Violation]time.Time{}
			for _, v := range got.Departed {
				departed[v.bare()] = v.LastSeen
			}
			if diff := cmp.Diff(gone, departed); diff != "" {
				t.Fatalf("%s: departed (-want +got):\n%s", level, diff)
			}
		}
		checkConsistent(t, r.Inventory)
	})
}

// podStep changes, removes or lists pods, or a template.
func (w *watches) podStep() {
	var names []string
	for name := range members {
		if strings.HasPrefix(name, "pod") || name == "statefulset db" || name == "cronjob nightly" || name == "batch nightly" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	obj := members[rapid.SampledFrom(names).Draw(w.t, "member")](rapid.SampledFrom(specs).Draw(w.t, "spec"), false)
	switch rapid.SampledFrom([]string{"put", "put", "delete", "miss a deletion"}).Draw(w.t, "step") {
	case "put":
		w.put(obj)
	case "delete":
		w.delete(obj)
	case "miss a deletion":
		w.interrupted[kindOf(obj)] = true
		w.delete(obj)
		w.list(kindOf(obj))
	}
}
