// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

// podLife is how long a pod lives that only just counts.
const podLife = 2 * time.Second

func soak(d time.Duration) edit {
	return enforcing(func(e *v1alpha1.EnforceStrategy) { e.Soak = lasting(d) })
}

// soaking wants the enforce rung to soak, for longer than until a time.
func (s *scene) soaking(until time.Time) want {
	return func(claim *v1alpha1.NamespaceRollout) error {
		if err := next("enforce=baseline:" + s.version)(claim); err != nil {
			return err
		}
		if err := state(v1alpha1.ReasonSoaking)(claim); err != nil {
			return err
		}
		if claim.Status.SoakUntil == nil || !claim.Status.SoakUntil.After(until) {
			return fmt.Errorf("it soaks until %v, want longer than until %v", claim.Status.SoakUntil, until)
		}
		return nil
	}
}

// TestShortLivedPodRestartsSoak has a Deployment whose pod violates come and go
// while a namespace soaks.
func TestShortLivedPodRestartsSoak(t *testing.T) {
	s := commonScene(t)
	ns := s.namespace("shop")
	s.runs(deployment(ns, "web"))
	s.soaksAnew(ns, func() {
		debug := s.runs(deployment(ns, "debug", privileged))
		s.lives(podLife, debug)
		s.remove(debug)
		s.awaitPods(ns, 1)
	}, func() {})
}

// crowd is how many namespaces keep the operator busy.
const crowd = 16

// departsUnseen has a pod that violates live and go while the operator's process
// is stopped. Awake again it learns of pods in other namespaces first, of the pod
// and of its end then: no reconcile is quick enough to see the pod.
func (s *scene) departsUnseen(namespace string) {
	s.Helper()
	s.signal(s.operator.pause)
	defer s.signal(s.operator.resume)
	for _, other := range s.namespaces {
		if other != namespace {
			s.create(pod(other, "busy", privileged))
		}
	}
	short := pod(namespace, "debug", privileged)
	s.create(short)
	s.lives(podLife, short)
	s.remove(short)
	s.awaitPods(namespace, 0)
}

// shopInCrowd makes a namespace, and others beside it.
func (s *scene) shopInCrowd() string {
	s.Helper()
	for i := range crowd {
		s.namespace(fmt.Sprint("crowd-", i))
	}
	return s.namespace("shop")
}

func (s *scene) signal(send func() error) {
	s.Helper()
	if err := send(); err != nil {
		s.Fatalf("signalling the operator: %v", err)
	}
}

// departedUnseen has a pod come and go while no reconcile runs, and still the pod
// restarts the soak.
func departedUnseen(t *testing.T, where *site) {
	where.operator.mu.Lock()
	defer where.operator.mu.Unlock()
	s := sceneAt(t, where)
	ns := s.shopInCrowd()
	s.soaksAnew(ns, func() { s.departsUnseen(ns) }, func() { s.sayIfSeen(ns) })
}

// departedUnseenThenKilled has the operator killed once it has told, in the
// status, of the soak that the pod has restarted: it does not forget.
func departedUnseenThenKilled(t *testing.T, where *site) {
	where.operator.mu.Lock()
	release := sync.OnceFunc(where.operator.mu.Unlock)
	defer release()
	s := sceneAt(t, where)
	ns := s.shopInCrowd()
	s.soaksAnew(ns, func() { s.departsUnseen(ns) }, func() {
		s.sayIfSeen(ns)
		if err := s.operator.restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		release()
	})
}

// soaksAnew has something restart the soak of a namespace and something else
// happen then, and fails the test when enforce is written before the soak is over.
func (s *scene) soaksAnew(ns string, depart, then func()) {
	s.Helper()
	const long = 10 * time.Second
	s.rollout(soak(long))
	before := s.await(ns, s.soaking(time.Time{})).Status.SoakUntil.Time
	depart()
	after := s.await(ns, s.soaking(before)).Status.SoakUntil.Time
	then()
	written := s.awaitWritten(ns, climb("baseline", s.version)...)
	enforce := written[len(written)-1]
	s.notBefore(enforce, after, "status.soakUntil")
	s.notBefore(enforce, s.deleted("pods", ns).Add(long), "the end of the soak that began when the pod went")
}

// sayIfSeen says so when a reconcile was quick enough to see the pod after all:
// the test then has shown less than it could.
func (s *scene) sayIfSeen(ns string) {
	s.Helper()
	if slices.ContainsFunc(s.claims.all(claimKey(ns)), func(claim *v1alpha1.NamespaceRollout) bool { return claim.Status.ViolatingWorkloads > 0 }) {
		s.Logf("a reconcile has seen the pod:\n%s", strings.Join(s.trace(ns), "\n"))
	}
}

// killedWhileSoaking kills the operator in the middle of a soak: the status says
// the same before and after, and the rung is written at the time it said.
func killedWhileSoaking(t *testing.T, where *site) {
	const long = 12 * time.Second
	s := sceneAt(t, where)
	ns := s.namespace("shop")
	s.runs(deployment(ns, "web"))
	s.rollout(soak(long))
	before := s.await(ns, s.soaking(time.Time{}))
	where.operator.mu.Lock()
	err := s.operator.restart(t.Context())
	where.operator.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.written(ns, climb("baseline", s.version)[:2]...); err != nil {
		t.Fatalf("the operator is back too late, or climbed at once: %v", err)
	}
	written := s.awaitWritten(ns, climb("baseline", s.version)...)
	enforce := written[len(written)-1]
	s.notBefore(enforce, before.Status.SoakUntil.Time, "status.soakUntil")
	s.notBefore(enforce, written[1].at.Add(long), "the end of the soak that began with the rung before")
	if late := enforce.at.Sub(before.Status.SoakUntil.Time); late > rejectedWithin {
		t.Errorf("%v was written %v after status.soakUntil, want it soon", enforce, late)
	}
	for _, claim := range s.claims.all(claimKey(ns)) {
		if s.soaking(time.Time{})(claim) != nil {
			continue
		}
		if !claim.Status.SoakUntil.Equal(before.Status.SoakUntil) || !cmp.Equal(since(claim), since(before)) {
			t.Errorf("soakUntil and since were %v and %v, and became so:\n%s", before.Status.SoakUntil, since(before), asYAML(claim))
		}
	}
}

// since answers since when each level has its verdict.
func since(claim *v1alpha1.NamespaceRollout) map[v1alpha1.Level]time.Time {
	all := map[v1alpha1.Level]time.Time{}
	for _, c := range claim.Status.Compliance {
		all[c.Level] = c.Since.Time
	}
	return all
}

// statusWiped takes the whole status away in the middle of a soak. The namespace
// soaks anew, and that is all.
func statusWiped(t *testing.T, where *site) {
	const long = 8 * time.Second
	s := sceneAt(t, where)
	ns := s.namespace("shop")
	s.runs(deployment(ns, "web"))
	s.rollout(soak(long))
	before := s.await(ns, s.soaking(time.Time{})).Status.SoakUntil.Time
	s.staysAt(podLife, ns, climb("baseline", s.version)[:2]...) // so that a new soak ends later than this

	wipe := client.RawPatch(types.JSONPatchType, []byte(`[{"op":"replace","path":"/status","value":{}}]`))
	if err := s.Status().Patch(t.Context(), claimOf(ns), wipe); err != nil {
		t.Fatalf("wiping the status: %v", err)
	}
	after := s.await(ns, s.soaking(before)).Status.SoakUntil.Time
	written := s.awaitWritten(ns, climb("baseline", s.version)...)
	enforce := written[len(written)-1]
	s.notBefore(enforce, after, "status.soakUntil")
	s.notBefore(enforce, before.Add(time.Second), "the soak before")
	s.await(ns, state(v1alpha1.ReasonComplete))
	s.staysAt(quiet, ns, climb("baseline", s.version)...)
}
