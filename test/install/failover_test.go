// SPDX-License-Identifier: Apache-2.0

package install

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/tools/leaderelection"
	psaapi "k8s.io/pod-security-admission/api"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/test/e2e/witness"
)

const (
	// retry is the longest that a replica that stands by goes without looking at
	// the lease: controller-runtime's default of two seconds, with the jitter.
	retry = time.Duration(2e9 * (1 + leaderelection.JitterFactor))
	// slack is what a machine busy with other things may add.
	slack = 10 * time.Second
)

var failoverTests = map[string]struct {
	signal syscall.Signal
	// within is how long the other replica may take to lead, given the lease's
	// duration.
	within func(lease time.Duration) time.Duration
}{
	// It saw the last renewal up to a retry late, and sees its end as late again.
	"killed": {signal: syscall.SIGKILL, within: func(lease time.Duration) time.Duration { return lease + 2*retry + slack }},
	// The lease is given back.
	"stopped": {signal: syscall.SIGTERM, within: func(time.Duration) time.Duration { return retry + slack }},
}

// TestFailover ends the replica that leads while namespaces climb. The other one
// has watched everything by then and written nothing. It goes on where the first
// was, with what it has in memory, and no rung is written twice or left out.
func TestFailover(t *testing.T) {
	s := need(t)
	t.Parallel()
	for name, test := range failoverTests {
		t.Run(name, func(t *testing.T) {
			namespaces := []string{name + "-0", name + "-1", name + "-2"}
			seen := s.watchNamespaces(t)
			for _, ns := range namespaces {
				s.populate(t, ns)
			}
			since := len(s.audited(t))
			first := s.runReplica(t, name+"-first", since)
			lease := s.awaitLeader(t, "")
			second := s.runReplica(t, name+"-second", since)
			s.declare(t, name, namespaces)
			s.awaitSome(t, namespaces)
			s.wantStandby(t, second, since)

			ended := time.Now()
			first.signal(t, test.signal)
			next := s.awaitLeader(t, *lease.Spec.HolderIdentity)
			took := next.Spec.AcquireTime.Sub(ended)
			t.Logf("from the leader being %s to the other leading: %s", name, took.Round(100*time.Millisecond))
			if most := test.within(time.Duration(*lease.Spec.LeaseDurationSeconds) * time.Second); took > most {
				t.Errorf("it leads after %s, want at most %s", took, most)
			}
			s.awaitAll(t, namespaces)
			s.wantRungs(t, seen, namespaces, "audit=baseline", "warn=baseline", "enforce=baseline", "audit=restricted", "warn=restricted")
			s.wantTakeover(t, first, second, since, ended)
			second.signal(t, syscall.SIGTERM) // gives the lease back
		})
	}
}

// runReplica runs the operator as one of several, and waits until it watches all
// that it would need to lead.
func (s *site) runReplica(t *testing.T, name string, since int) *operator {
	t.Helper()
	o := s.runOperator(t, name, "--leader-elect", "--leader-election-namespace="+operatorNamespace)
	eventually(t, func(context.Context) error {
		seen := map[string]bool{}
		for _, e := range s.requests(t, o, since) {
			seen[e.Verb+" "+e.ObjectRef.Resource] = true
		}
		for _, resource := range []string{"namespaces", "namespacerollouts", "podsecurityrollouts", "pods", "deployments", "replicasets"} {
			if !seen["watch "+resource] {
				return fmt.Errorf("%s is not watched by %s; its log:\n%s", resource, name, o.logged(t))
			}
		}
		return nil
	})
	return o
}

// awaitLeader waits for a lease that is held by somebody else than before.
func (s *site) awaitLeader(t *testing.T, before string) *coordinationv1.Lease {
	t.Helper()
	lease := &coordinationv1.Lease{}
	eventually(t, func(ctx context.Context) error {
		if err := s.admin.Get(ctx, client.ObjectKey{Namespace: operatorNamespace, Name: "podsecurity-rollout"}, lease); err != nil {
			return err
		}
		if holder := ptr.Deref(lease.Spec.HolderIdentity, ""); holder == "" || holder == before {
			return fmt.Errorf("the lease is held by %q", holder)
		}
		return nil
	})
	return lease
}

// declare makes a rollout of five rungs, with enforce in one namespace at a time.
func (s *site) declare(t *testing.T, name string, namespaces []string) {
	t.Helper()
	rollout := rolloutOf(name, v1alpha1.LevelBaseline, namespaces...)
	rollout.Spec.Targets[0].Audit, rollout.Spec.Targets[0].Warn = v1alpha1.LevelRestricted, v1alpha1.LevelRestricted
	rollout.Spec.Strategy = &v1alpha1.Strategy{
		Enforce: &v1alpha1.EnforceStrategy{Bake: lasting(2 * time.Second)},
		Budgets: []v1alpha1.Budget{{Namespaces: "1"}},
	}
	s.create(t, rollout)
	t.Cleanup(func() { s.delete(t, rollout) })
}

// reached answers how many of the namespaces have a label at a level.
func (s *site) reached(ctx context.Context, namespaces []string, label string, level v1alpha1.Level) (int, error) {
	var list corev1.NamespaceList
	if err := s.admin.List(ctx, &list, client.MatchingLabels{label: string(level)}); err != nil {
		return 0, err
	}
	count := 0
	for i := range list.Items {
		if slices.Contains(namespaces, list.Items[i].Name) {
			count++
		}
	}
	return count, nil
}

// awaitSome waits until enforce has been climbed somewhere, and not everywhere.
func (s *site) awaitSome(t *testing.T, namespaces []string) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		count, err := s.reached(ctx, namespaces, psaapi.EnforceLevelLabel, v1alpha1.LevelBaseline)
		if err == nil && count == 0 {
			err = errors.New("no namespace enforces")
		}
		if count == len(namespaces) {
			t.Fatal("all enforce at once: no test")
		}
		return err
	})
}

// awaitAll waits until all have reached the last rung.
func (s *site) awaitAll(t *testing.T, namespaces []string) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		count, err := s.reached(ctx, namespaces, psaapi.WarnLevelLabel, v1alpha1.LevelRestricted)
		if err == nil && count < len(namespaces) {
			err = fmt.Errorf("%d of %d namespaces have reached the target", count, len(namespaces))
		}
		return err
	})
}

// wantStandby fails the test when a replica that does not lead has written
// anything, be it the lease.
func (s *site) wantStandby(t *testing.T, o *operator, since int) {
	t.Helper()
	for _, e := range s.requests(t, o, since) {
		if writes(e) {
			t.Errorf("it writes while it stands by: %s %s", e.Verb, e.RequestURI)
		}
	}
}

// wantTakeover fails the test when one replica has written nothing, or the second
// wrote before the first has ended or had to fetch anew what runs.
func (s *site) wantTakeover(t *testing.T, first, second *operator, since int, ended time.Time) {
	t.Helper()
	by, then := s.writesToNamespaces(t, first, since), s.writesToNamespaces(t, second, since)
	t.Logf("writes to namespaces: %d by the first replica, %d by the second", len(by), len(then))
	if len(by) == 0 || len(then) == 0 {
		t.Fatal("one of them has written nothing: no test")
	}
	if e := then[0]; e.RequestReceivedTimestamp.Time.Before(ended) {
		t.Errorf("it writes before it leads: %s", e.RequestURI)
	}
	for _, e := range s.requests(t, second, since) {
		if fetches(e) && e.RequestReceivedTimestamp.After(ended) {
			t.Errorf("it fetches what it ought to have: %s %s", e.Verb, e.RequestURI)
		}
	}
}

func (s *site) writesToNamespaces(t *testing.T, o *operator, since int) []auditv1.Event {
	t.Helper()
	return slices.DeleteFunc(s.requests(t, o, since), func(e auditv1.Event) bool {
		return e.ObjectRef.Resource != "namespaces" || !writes(e)
	})
}

// wantRungs fails the test unless every namespace was climbed rung by rung, each
// one once.
func (s *site) wantRungs(t *testing.T, seen *witness.Witness, namespaces []string, rungs ...string) {
	t.Helper()
	version := s.servedVersion(t)
	var want []string
	for _, rung := range rungs {
		want = append(want, rung+":"+version)
	}
	for _, ns := range namespaces {
		var got []string
		eventually(t, func(context.Context) (err error) { // the log and the watch tell the same in the end
			got, err = seen.Writes(operatorUser, ns)
			return err
		})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("writes to namespace %s (-want +got):\n%s", ns, diff)
		}
	}
}

func (s *site) servedVersion(t *testing.T) string {
	t.Helper()
	d, err := discovery.NewDiscoveryClientForConfig(s.Config())
	if err != nil {
		t.Fatal(err)
	}
	info, err := d.ServerVersion()
	if err != nil {
		t.Fatal(err)
	}
	return "v" + info.Major + "." + info.Minor
}
