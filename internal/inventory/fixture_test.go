// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"fmt"
	"maps"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	clocktesting "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"

	psaapi "k8s.io/pod-security-admission/api"

	"github.com/podsecurity-rollout/operator/internal/standards"
	"github.com/podsecurity-rollout/operator/internal/workloadkinds"
)

// ns is the namespace of everything that does not say otherwise.
const ns = "shop"

// epoch is when tests begin.
var epoch = time.Date(2026, time.November, 23, 9, 0, 0, 0, time.UTC)

// The specs that tests are made of.
var (
	restricted = spec(func(*corev1.PodSpec) {})
	baseline   = spec(func(s *corev1.PodSpec) { s.SecurityContext.RunAsNonRoot = nil })
	privileged = spec(func(s *corev1.PodSpec) { s.HostPID = true })
	sandboxed  = spec(func(s *corev1.PodSpec) { s.HostPID, s.RuntimeClassName = true, ptr.To("gvisor") })
)

// The findings on them.
const (
	nonRootMessage = `runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true)`
	hostPIDMessage = "host namespaces (hostPID=true)"
)

// spec complies with restricted at every version, but for the change.
func spec(change func(*corev1.PodSpec)) corev1.PodSpec {
	s := corev1.PodSpec{
		SecurityContext: &corev1.PodSecurityContext{
			RunAsNonRoot:   ptr.To(true),
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
		Containers: []corev1.Container{{Name: "c", SecurityContext: &corev1.SecurityContext{
			AllowPrivilegeEscalation: ptr.To(false),
			Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		}}},
	}
	change(&s)
	return s
}

// named is the metadata of an object with a controller, or none when kind is "".
func named(name, controllerAPIVersion, controllerKind, controllerName string) metav1.ObjectMeta {
	m := metav1.ObjectMeta{Namespace: ns, Name: name}
	if controllerKind != "" {
		m.OwnerReferences = []metav1.OwnerReference{
			{APIVersion: "v1", Kind: "ConfigMap", Name: "no-controller"},
			{APIVersion: controllerAPIVersion, Kind: controllerKind, Name: controllerName, Controller: ptr.To(true)},
		}
	}
	return m
}

func plain(name string) metav1.ObjectMeta { return named(name, "", "", "") }

func template(s corev1.PodSpec) corev1.PodTemplateSpec { return corev1.PodTemplateSpec{Spec: s} }

func newPod(m metav1.ObjectMeta, s corev1.PodSpec) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: m, Spec: s}
}

func newReplicaSet(m metav1.ObjectMeta, replicas int32, s corev1.PodSpec) *appsv1.ReplicaSet {
	return &appsv1.ReplicaSet{ObjectMeta: m, Spec: appsv1.ReplicaSetSpec{Replicas: &replicas, Template: template(s)}}
}

func newDeployment(name string, s corev1.PodSpec) *appsv1.Deployment {
	return &appsv1.Deployment{ObjectMeta: plain(name), Spec: appsv1.DeploymentSpec{Template: template(s)}}
}

func newStatefulSet(name string, s corev1.PodSpec) *appsv1.StatefulSet {
	return &appsv1.StatefulSet{ObjectMeta: plain(name), Spec: appsv1.StatefulSetSpec{Template: template(s)}}
}

func newDaemonSet(name string, s corev1.PodSpec) *appsv1.DaemonSet {
	return &appsv1.DaemonSet{ObjectMeta: plain(name), Spec: appsv1.DaemonSetSpec{Template: template(s)}}
}

func newJob(m metav1.ObjectMeta, s corev1.PodSpec) *batchv1.Job {
	return &batchv1.Job{ObjectMeta: m, Spec: batchv1.JobSpec{Template: template(s)}}
}

func newCronJob(name string, s corev1.PodSpec) *batchv1.CronJob {
	job := batchv1.JobTemplateSpec{Spec: batchv1.JobSpec{Template: template(s)}}
	return &batchv1.CronJob{ObjectMeta: plain(name), Spec: batchv1.CronJobSpec{JobTemplate: job}}
}

func newPodTemplate(name string, s corev1.PodSpec) *corev1.PodTemplate {
	return &corev1.PodTemplate{ObjectMeta: plain(name), Template: template(s)}
}

func newReplicationController(m metav1.ObjectMeta, s *corev1.PodSpec) *corev1.ReplicationController {
	rc := &corev1.ReplicationController{ObjectMeta: m}
	if s != nil {
		rc.Spec.Template = ptr.To(template(*s))
	}
	return rc
}

// customKinds are the custom kinds of tests: one with a template, one with several, one without.
var customKinds = func() []workloadkinds.Kind {
	var all []workloadkinds.Kind
	for _, value := range []string{"argoproj.io/v1alpha1/Rollout=spec.template", "example.com/v1/Batch=spec.jobs[*].template", "example.com/v1/App"} {
		k, err := workloadkinds.Parse(value)
		if err != nil {
			panic(err)
		}
		all = append(all, k)
	}
	return all
}()

const (
	rollouts = firstCustom + iota
	batches
	apps
)

// everyKind are the kinds of an inventory that has the custom kinds.
func everyKind() []kind {
	var all []kind
	for k := range apps + 1 {
		if k != definitions {
			all = append(all, k)
		}
	}
	return all
}

// served has an inventory wait for the custom kinds, as when all of them are served.
func served(i *Inventory) *Inventory {
	for _, k := range i.kinds.customKinds() {
		i.begin(k)
	}
	i.replaced(definitions)
	return i
}

// newCustom is an object of a custom kind with a spec.
func newCustom(m metav1.ObjectMeta, k kind, spec map[string]any) *unstructured.Unstructured {
	object := &unstructured.Unstructured{Object: map[string]any{"spec": spec, "status": map[string]any{"phase": "Running"}}}
	object.SetGroupVersionKind(customKinds[k-firstCustom].GroupVersionKind)
	object.SetNamespace(m.Namespace)
	object.SetName(m.Name)
	object.SetOwnerReferences(m.OwnerReferences)
	object.SetLabels(m.Labels)
	object.SetAnnotations(m.Annotations)
	return object
}

// decoded is a pod template as it is in a decoded custom object.
func decoded(s corev1.PodSpec) map[string]any {
	t := template(s)
	object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&t)
	if err != nil {
		panic(err)
	}
	return object
}

func newRollout(m metav1.ObjectMeta, s corev1.PodSpec) *unstructured.Unstructured {
	return newCustom(m, rollouts, map[string]any{"replicas": int64(3), "template": decoded(s)})
}

func newBatch(name string, specs ...corev1.PodSpec) *unstructured.Unstructured {
	jobs := []any{}
	for _, s := range specs {
		jobs = append(jobs, map[string]any{"template": decoded(s)})
	}
	return newCustom(plain(name), batches, map[string]any{"jobs": jobs})
}

func newApp(m metav1.ObjectMeta) *metav1.PartialObjectMetadata {
	return &metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: "example.com/v1", Kind: "App"}, ObjectMeta: m}
}

// kindOf is the kind that an object's watch is of, in an inventory that has the custom kinds of tests.
func kindOf(obj runtime.Object) kind {
	for k, info := range builtins {
		if fmt.Sprintf("%T", info.example) == fmt.Sprintf("%T", obj) {
			return kind(k)
		}
	}
	for i, k := range customKinds {
		if obj.GetObjectKind().GroupVersionKind() == k.GroupVersionKind {
			return firstCustom + kind(i)
		}
	}
	panic(fmt.Sprintf("%T is not watched", obj))
}

// rig is an inventory under test, its clock, and what it has told its subscriber.
type rig struct {
	tb    testing.TB
	clock *clocktesting.FakePassiveClock
	told  []string
	*Inventory
}

// newRig makes an inventory whose watches have all synced, on an empty cluster.
func newRig(tb testing.TB, options Options) *rig {
	tb.Helper()
	r := newUnsyncedRig(tb, options)
	served(r.Inventory)
	for k := range r.kinds.infos {
		if kind(k) != definitions {
			r.replace(kind(k))
		}
	}
	r.told = nil
	return r
}

func newUnsyncedRig(tb testing.TB, options Options) *rig {
	tb.Helper()
	r := &rig{tb: tb, clock: clocktesting.NewFakePassiveClock(epoch)}
	options.Clock = r.clock
	r.Inventory = New(mustEvaluator(tb), options)
	r.Subscribe(func(namespace string) { r.told = append(r.told, namespace) })
	return r
}

func (r *rig) store(k kind) *store { return &store{inventory: r.Inventory, kind: k} }

// kindOf is the kind that an object's watch is of.
func (r *rig) kindOf(obj runtime.Object) kind {
	for _, k := range r.kinds.customKinds() {
		if obj.GetObjectKind().GroupVersionKind() == r.kinds.infos[k].custom.GroupVersionKind {
			return k
		}
	}
	return kindOf(obj)
}

func (r *rig) apply(objects ...runtime.Object) {
	r.tb.Helper()
	for _, obj := range objects {
		if err := r.store(r.kindOf(obj)).Update(obj); err != nil {
			r.tb.Fatal(err)
		}
	}
}

func (r *rig) remove(objects ...runtime.Object) {
	r.tb.Helper()
	for _, obj := range objects {
		if err := r.store(r.kindOf(obj)).Delete(obj); err != nil {
			r.tb.Fatal(err)
		}
	}
}

func (r *rig) replace(k kind, objects ...runtime.Object) {
	r.tb.Helper()
	list := make([]any, 0, len(objects))
	for _, obj := range objects {
		list = append(list, obj)
	}
	if err := r.store(k).Replace(list, ""); err != nil {
		r.tb.Fatal(err)
	}
}

// pass lets time go by, and answers the time it is then.
func (r *rig) pass(d time.Duration) time.Time {
	r.clock.SetTime(r.clock.Now().Add(d))
	return r.clock.Now()
}

func (r *rig) verdict(level psaapi.Level) Verdict {
	r.tb.Helper()
	v, synced := r.Verdict(ns, newest(level))
	if !synced {
		r.tb.Fatal("not synced")
	}
	return v
}

func newest(level psaapi.Level) Query {
	return Query{Level: psaapi.LevelVersion{Level: level, Version: standards.NewestVersion()}}
}

// reporter is what testing.TB and rapid.T have in common.
type reporter interface {
	Helper()
	Errorf(format string, args ...any)
}

// checkConsistent recounts everything that is counted.
func checkConsistent(tb reporter, i *Inventory) {
	tb.Helper()
	holders, keyBytes := map[*profile]int{}, 0
	for name, n := range i.namespaces {
		if n.empty() {
			tb.Errorf("namespace %s is kept with nothing in it", name)
		}
		checkNamespace(tb, n, holders)
	}
	for ref, p := range i.profiles.byRef {
		keyBytes += len(ref.Value())
		if p.holders != holders[p] || p.holders == 0 {
			tb.Errorf("a profile counts %d holders and has %d", p.holders, holders[p])
		}
	}
	if keyBytes != i.profiles.keyBytes || len(holders) != len(i.profiles.byRef) {
		tb.Errorf("%d profiles with %d bytes of keys, counted %d; %d are held", len(i.profiles.byRef), keyBytes, i.profiles.keyBytes, len(holders))
	}
}

func checkNamespace(tb reporter, n *namespace, holders map[*profile]int) {
	tb.Helper()
	groups, members := map[group]int{}, map[*cohort]int{}
	for name, c := range n.pods {
		members[c]++
		if c.first > name && !c.unsure {
			tb.Errorf("the first of a cohort is %s, and %s is in it", c.first, name)
		}
	}
	for _, c := range n.cohorts() {
		groups[c.group()]++
		holders[c.profile]++
		if c.pods != members[c] || c.pods == 0 {
			tb.Errorf("a cohort counts %d pods and has %d", c.pods, members[c])
		}
	}
	for _, o := range n.objects {
		for _, p := range o.profiles {
			groups[group{profile: p, workload: o.workload, template: true}]++
			holders[p]++
		}
	}
	checkDeparted(tb, n, holders)
	if !maps.Equal(groups, n.groups) {
		tb.Errorf("groups counted %v, there are %v", n.groups, groups)
	}
	checkWorkloads(tb, n)
}

func checkWorkloads(tb reporter, n *namespace) {
	tb.Helper()
	workloads := map[workloadRef]int{}
	for g := range n.groups {
		workloads[g.workload]++
	}
	if !maps.Equal(workloads, n.workloads) {
		tb.Errorf("workloads counted %v, there are %v", n.workloads, workloads)
	}
}

func checkDeparted(tb reporter, n *namespace, holders map[*profile]int) {
	tb.Helper()
	for g := range n.departed.groups {
		holders[g.profile]++
		if n.groups[g] > 0 {
			tb.Errorf("a group is remembered as gone, and present")
		}
	}
}

func (n *namespace) cohorts() []*cohort {
	var all []*cohort
	for _, owner := range n.controllers {
		all = append(all, owner.cohorts...)
	}
	return all
}
