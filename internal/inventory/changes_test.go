// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"
	"unique"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/cache"
	psaapi "k8s.io/pod-security-admission/api"

	"github.com/podsecurity-rollout/operator/internal/standards"
)

func profileRefOf(key string) profileRef { return unique.Make(standards.Key(key)) }

// Subscribers hear of a namespace when its set of profile, workload and source changes, and of nothing else.
func TestChanges(t *testing.T) {
	webPod := func(name string, s corev1.PodSpec) *corev1.Pod {
		return newPod(named(name, "apps/v1", "ReplicaSet", "web-1"), s)
	}
	before := []runtime.Object{
		newReplicaSet(named("web-1", "apps/v1", "Deployment", "web"), 1, restricted),
		newReplicaSet(named("web-2", "apps/v1", "Deployment", "web"), 0, restricted),
		webPod("web-1-a", restricted),
	}
	tests := map[string]struct {
		event func(*rig)
		want  []string
	}{
		"the same pod again":          {func(r *rig) { r.apply(webPod("web-1-a", restricted)) }, nil},
		"a pod like another":          {func(r *rig) { r.apply(webPod("web-1-b", restricted)) }, nil},
		"a pod like another leaves":   {func(r *rig) { r.apply(webPod("web-1-b", restricted)); r.remove(webPod("web-1-a", restricted)) }, nil},
		"a pod unlike others":         {func(r *rig) { r.apply(webPod("web-1-b", baseline)) }, []string{ns}},
		"a pod changes":               {func(r *rig) { r.apply(webPod("web-1-a", baseline)) }, []string{ns}},
		"the last pod leaves":         {func(r *rig) { r.remove(webPod("web-1-a", restricted)) }, []string{ns}},
		"a pod that was not there":    {func(r *rig) { r.remove(webPod("other", restricted)) }, nil},
		"a pod of another workload":   {func(r *rig) { r.apply(newPod(plain("x"), restricted)) }, []string{ns}},
		"a new Deployment":            {func(r *rig) { r.apply(newDeployment("api", restricted)) }, []string{ns}},
		"the same template":           {func(r *rig) { r.apply(newDeployment("web", restricted)) }, nil},
		"a rollout of the same":       {func(r *rig) { r.apply(newReplicaSet(named("web-2", "apps/v1", "Deployment", "web"), 1, restricted)) }, nil},
		"a rollout of something else": {func(r *rig) { r.apply(newReplicaSet(named("web-2", "apps/v1", "Deployment", "web"), 1, baseline)) }, []string{ns}},
		"the ReplicaSet is orphaned":  {func(r *rig) { r.apply(newReplicaSet(plain("web-1"), 1, restricted)) }, []string{ns}},
		"another namespace": {func(r *rig) {
			p := newPod(plain("x"), restricted)
			p.Namespace = "other"
			r.apply(p)
		}, []string{"other"}},
		"a list that says the same":                                    {func(r *rig) { r.replace(pods, webPod("web-1-a", restricted)) }, nil},
		"a list in which the pod has been replaced by another like it": {func(r *rig) { r.replace(pods, webPod("web-1-z", restricted)) }, nil},
		"a list without it":                                            {func(r *rig) { r.replace(pods) }, []string{ns}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, Options{})
			r.apply(before...)
			r.told = nil
			tc.event(r)
			if diff := cmp.Diff(tc.want, r.told, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
			checkConsistent(t, r.Inventory)
		})
	}
}

// Nothing is said and nothing is answered before every watch has synced; then all is, once.
func TestNothingBeforeSync(t *testing.T) {
	r := newUnsyncedRig(t, Options{})
	r.apply(newPod(plain("a"), privileged))
	for k := range builtinCount {
		checkSilent(t, r)
		if k == pods {
			r.replace(k, newPod(plain("a"), privileged))
			continue
		}
		r.replace(k)
	}
	if diff := cmp.Diff([]string{""}, r.told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	if v := r.verdict("baseline"); len(v.Violations) != 1 || !r.Synced() || !r.Stats().Synced {
		t.Errorf("verdict %+v", v)
	}
	r.replace(deployments)
	if len(r.told) != 1 {
		t.Errorf("told again by a later list: %v", r.told)
	}
	var late []string
	r.Subscribe(func(namespace string) { late = append(late, namespace) })
	if diff := cmp.Diff([]string{""}, late); diff != "" {
		t.Errorf("a late subscriber is told (-want +got):\n%s", diff)
	}
}

func checkSilent(t *testing.T, r *rig) {
	t.Helper()
	if _, synced := r.Verdict(ns, newest("baseline")); synced || r.Synced() || len(r.told) > 0 {
		t.Fatalf("synced %v, an answer %v, told %v", r.Synced(), synced, r.told)
	}
}

// A subscriber may ask for the verdict at once.
func TestSubscriberMayAsk(t *testing.T) {
	r := newRig(t, Options{})
	var got []int
	r.Subscribe(func(namespace string) {
		v, _ := r.Verdict(namespace, newest("baseline"))
		got = append(got, len(v.Violations))
	})
	r.apply(newPod(plain("a"), privileged))
	if !slices.Equal(got, []int{0, 1}) {
		t.Errorf("violations seen by the subscriber: %v", got)
	}
}

// A list after an interrupted watch: what is new, what has changed, what is gone, and what was made anew under the same name.
func TestReplace(t *testing.T) {
	r := newRig(t, Options{})
	db := func(name string, s corev1.PodSpec) *corev1.Pod {
		return newPod(named(name, "apps/v1", "StatefulSet", "db"), s)
	}
	r.apply(db("db-0", privileged), db("db-1", restricted), db("db-2", baseline))
	now := r.pass(time.Minute)
	r.replace(pods, db("db-1", privileged), db("db-2", baseline), newPod(plain("new"), restricted))
	workload := Workload{"apps/v1", "StatefulSet", "db"}
	want := Verdict{Pods: 3, Workloads: 2, ViolatingWorkloads: 1, Violations: []Violation{
		hostPID(workload, SourcePod, 1, "db-1"), nonRoot(workload, SourcePod, 1, "db-2"),
	}}
	if diff := cmp.Diff(want, r.verdict("restricted")); diff != "" {
		t.Errorf("verdict (-want +got):\n%s", diff)
	}
	r.pass(time.Minute)
	r.replace(pods, db("db-1", restricted))
	got := r.verdict("restricted")
	for i := range got.Departed {
		if want := now.Add(time.Minute); !got.Departed[i].LastSeen.Equal(want) {
			t.Errorf("%s last seen %s, want when its absence was noticed, %s", got.Departed[i].Check, got.Departed[i].LastSeen, want)
		}
	}
	if got.Pods != 1 || !got.Compliant() || len(got.Departed) != 2 {
		t.Errorf("verdict %+v", got)
	}
	checkConsistent(t, r.Inventory)
}

func TestReplaceRefusesWhatItCannotRead(t *testing.T) {
	r := newRig(t, Options{})
	r.apply(newPod(plain("a"), privileged))
	s := r.store(pods)
	for name, err := range map[string]error{
		"a list": s.Replace([]any{newPod(plain("b"), restricted), &corev1.Node{}}, ""), "no object": s.Add("a"), "a node": s.Update(&corev1.Node{}), "a deletion": s.Delete("a"),
	} {
		if err == nil {
			t.Errorf("%s was taken in", name)
		}
	}
	if v := r.verdict("baseline"); v.Pods != 1 || v.Compliant() {
		t.Errorf("verdict %+v", v)
	}
	if err := s.Resync(); err != nil {
		t.Error(err)
	}
}

// The transformer reduces, and leaves what is reduced.
func TestTransformer(t *testing.T) {
	transform := newUnsyncedRig(t, Options{}).store(pods).Transformer()
	once, err := transform(newPod(plain("a"), privileged))
	if err != nil {
		t.Fatal(err)
	}
	twice, err := transform(once)
	if err != nil || twice != once {
		t.Errorf("%v, %v", twice, err)
	}
	r, ok := once.(*record)
	if !ok || r.DeepCopyObject().(*record).name != "a" || r.GetObjectKind() == nil {
		t.Errorf("%#v is no record", once)
	}
	if _, err := transform(&corev1.Node{}); err == nil {
		t.Error("a node was reduced")
	}
	var _ cache.TransformingStore = &store{}
}

// A Deployment's ReplicaSets are collected before their pods. The pods go on counting for the Deployment, and are remembered as its.
func TestPodsOutliveTheirReplicaSet(t *testing.T) {
	r := newRig(t, Options{})
	rs := newReplicaSet(named("web-1", "apps/v1", "Deployment", "web"), 1, restricted)
	pod := func(name string) *corev1.Pod {
		return newPod(named(name, "apps/v1", "ReplicaSet", "web-1"), privileged)
	}
	r.apply(newDeployment("web", restricted), rs, pod("a"))
	r.remove(newDeployment("web", restricted), rs)
	r.apply(pod("b"))
	if diff := cmp.Diff([]Violation{hostPID(web, SourcePod, 2, "a")}, r.verdict("baseline").Violations); diff != "" {
		t.Errorf("violations (-want +got):\n%s", diff)
	}
	now := r.pass(time.Second)
	r.remove(pod("a"), pod("b"))
	want := hostPID(web, SourcePod, 0, "b")
	want.LastSeen = now
	if diff := cmp.Diff([]Violation{want}, r.verdict("baseline").Departed); diff != "" {
		t.Errorf("departed (-want +got):\n%s", diff)
	}
	r.apply(pod("c"))
	if got := r.verdict("baseline").Violations[0].Workload; got != (Workload{"apps/v1", "ReplicaSet", "web-1"}) {
		t.Errorf("a pod of a ReplicaSet that nobody knows counts for %v", got)
	}
	checkConsistent(t, r.Inventory)
}

// What is gone takes no memory.
func TestNothingStays(t *testing.T) {
	r := newRig(t, Options{})
	objects := []runtime.Object{
		newDeployment("web", privileged), newReplicaSet(named("web-1", "apps/v1", "Deployment", "web"), 1, privileged),
		newPod(named("a", "apps/v1", "ReplicaSet", "web-1"), privileged), newPod(named("b", "apps/v1", "ReplicaSet", "web-1"), baseline),
		newCronJob("nightly", restricted), newPod(plain("c"), restricted),
	}
	r.apply(objects...)
	want := Stats{Synced: true, Namespaces: 1, Pods: 3, Templates: 3, Profiles: 3, Owners: 3, ApproximateBytes: r.Stats().ApproximateBytes}
	if diff := cmp.Diff(want, r.Stats()); diff != "" || want.ApproximateBytes == 0 {
		t.Errorf("stats (-want +got):\n%s", diff)
	}
	r.remove(objects...)
	want = Stats{Synced: true, Namespaces: 1, Profiles: 2, Departed: 3, ApproximateBytes: r.Stats().ApproximateBytes}
	if diff := cmp.Diff(want, r.Stats()); diff != "" {
		t.Errorf("stats when all is gone (-want +got):\n%s", diff)
	}
	checkConsistent(t, r.Inventory)
	r.ForgetNamespace(ns)
	if diff := cmp.Diff(Stats{Synced: true}, r.Stats()); diff != "" {
		t.Errorf("stats when the namespace is gone (-want +got):\n%s", diff)
	}
	checkConsistent(t, r.Inventory)
}

// Verdicts may be asked for while the watches go on. What this tests is the race detector's to say.
func TestConcurrentUse(t *testing.T) {
	r := newRig(t, Options{DepartedPerNamespace: 4})
	var wg sync.WaitGroup
	var mu sync.Mutex
	told := 0
	r.subscribers = nil
	r.Subscribe(func(string) { mu.Lock(); told++; mu.Unlock() })
	specs := []corev1.PodSpec{restricted, baseline, privileged, sandboxed}
	for k, object := range map[kind]func(i int) runtime.Object{
		pods: func(i int) runtime.Object {
			return newPod(named(fmt.Sprint(i%7), "apps/v1", "ReplicaSet", "web-1"), specs[i%4])
		},
		replicaSets: func(i int) runtime.Object {
			return newReplicaSet(named("web-1", "apps/v1", "Deployment", fmt.Sprint(i%2)), int32(i%2), specs[i%3])
		},
		jobs: func(i int) runtime.Object { return newJob(plain(fmt.Sprint(i%5)), specs[i%4]) },
	} {
		wg.Go(func() {
			s := r.store(k)
			for i := range 300 {
				var err error
				switch i % 5 {
				case 3:
					err = s.Delete(object(i))
				case 4:
					err = s.Replace([]any{object(i)}, "")
				default:
					err = s.Add(object(i))
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	for _, level := range []psaapi.Level{psaapi.LevelBaseline, psaapi.LevelRestricted} {
		wg.Go(func() {
			for i := range 300 {
				r.Verdict(ns, newest(level))
				r.Stats()
				if i%100 == 99 {
					r.ForgetNamespace(ns)
				}
			}
		})
	}
	wg.Wait()
	checkConsistent(t, r.Inventory)
	mu.Lock()
	defer mu.Unlock()
	if told == 0 {
		t.Error("nothing was told")
	}
}
