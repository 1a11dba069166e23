// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilrand "k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/client-go/discovery"
	psaapi "k8s.io/pod-security-admission/api"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/serverversion"
	"github.com/podsecurity-rollout/operator/test/e2e/await"
	"github.com/podsecurity-rollout/operator/test/e2e/witness"
)

const (
	// soon is how long a test waits for what ought to happen in a second or two.
	// It is for a machine busy with other things.
	soon = 60 * time.Second
	// quiet is how long a test watches that nothing happens.
	quiet = 5 * time.Second
)

// sceneLabel is on the namespaces of a scene. Its value is the scene's name,
// which no other test has.
const sceneLabel = "example.com/scene"

// wholeLadder is from nothing to enforce=restricted.
var wholeLadder = []string{"audit=baseline", "warn=baseline", "enforce=baseline", "audit=restricted", "warn=restricted", "enforce=restricted"}

// scene is what a test of the operator has for itself: namespaces of one label,
// and rollouts that select by it.
type scene struct {
	*testing.T
	client.Client
	*witness.Witness
	name string
	// version is the API server's, as labels have it: "v1.37".
	version string
	// namespaces were made, and told of when the test failed.
	namespaces []string
	told       bool
}

// newScene makes one. The operator may run already, or be started later.
func newScene(t *testing.T) *scene {
	t.Helper()
	return &scene{T: t, Client: newClient(t), Witness: witnessed(t), name: "s" + utilrand.String(8), version: servedVersion(t).String()}
}

// servedVersion answers the API server's version, which KUBEBUILDER_ASSETS may
// make another than that of the binaries built here.
func servedVersion(t *testing.T) psaapi.Version {
	t.Helper()
	d, err := discovery.NewDiscoveryClientForConfig(cluster.Config())
	if err != nil {
		t.Fatalf("making a discovery client: %v", err)
	}
	info, err := d.ServerVersion()
	if err != nil {
		t.Fatalf("asking for the API server's version: %v", err)
	}
	version, err := serverversion.Parse(info)
	if err != nil {
		t.Fatal(err)
	}
	return version
}

// namespace makes a namespace of the scene, with labels besides the scene's. A
// label without a value takes the scene's own away.
func (s *scene) namespace(labels ...string) string {
	s.Helper()
	all := map[string]string{sceneLabel: s.name}
	for _, label := range labels {
		key, value, _ := strings.Cut(label, "=")
		if all[key] = value; value == "" {
			delete(all, key)
		}
	}
	name := newNamespace(s.T, all).Name
	s.namespaces = append(s.namespaces, name)
	s.Cleanup(s.tellOfFailure)
	return name
}

// tellOfFailure prints, should the test have failed, all that is known of its
// namespaces, once. It is called before any of it is cleaned up.
func (s *scene) tellOfFailure() {
	if !s.Failed() || s.told {
		return
	}
	s.told = true
	ctx, cancel := context.WithTimeout(context.Background(), cleanupTimeout)
	defer cancel()
	for _, namespace := range s.namespaces {
		claim := &v1alpha1.NamespaceRollout{}
		if err := s.Get(ctx, claimKey(namespace), claim); err != nil {
			s.Logf("the NamespaceRollout of %s: %v", namespace, err)
		} else {
			s.Logf("the NamespaceRollout of %s:\n%s", namespace, asYAML(claim))
		}
		versions := s.Versions(namespace)
		for i := 1; i < len(versions); i++ {
			s.Logf("version %s of namespace %s: %s", versions[i].ResourceVersion, namespace, witness.Change(versions[i-1], versions[i]))
		}
		requests, err := s.Requests(func(r witness.Request) bool { return r.User == operatorUser && r.Namespace == namespace })
		s.Logf("the last requests of the operator about namespace %s: %v %v", namespace, requests[max(0, len(requests)-20):], err)
		lines := operatorLog.about(namespace)
		s.Logf("the end of the operator's log of namespace %s:\n%s", namespace, strings.Join(lines[max(0, len(lines)-40):], "\n"))
	}
}

func asYAML(object client.Object) string {
	object.SetManagedFields(nil)
	data, err := yaml.Marshal(object)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// levels are the three levels of a target, the last two empty to follow enforce.
type levels struct{ enforce, warn, audit v1alpha1.Level }

// rolloutSpec selects the namespaces of the scene, all at once and without a
// bake, so that a test that is about neither need not wait.
func (s *scene) rolloutSpec(to levels) v1alpha1.PodSecurityRolloutSpec {
	return v1alpha1.PodSecurityRolloutSpec{
		Targets: []v1alpha1.Target{{
			Name:              "scene",
			NamespaceSelector: &v1alpha1.NamespaceSelector{MatchLabels: map[string]string{sceneLabel: s.name}},
			Enforce:           to.enforce, Warn: to.warn, Audit: to.audit,
		}},
		Strategy: &v1alpha1.Strategy{
			Enforce: &v1alpha1.EnforceStrategy{Bake: &metav1.Duration{}},
			Budgets: []v1alpha1.Budget{{Namespaces: "100%"}},
		},
	}
}

// rollout makes a rollout of the scene's namespaces, its spec changed first.
func (s *scene) rollout(to levels, changes ...func(*v1alpha1.PodSecurityRolloutSpec)) *v1alpha1.PodSecurityRollout {
	s.Helper()
	return s.namedRollout(s.name, to, changes...)
}

func (s *scene) namedRollout(name string, to levels, changes ...func(*v1alpha1.PodSecurityRolloutSpec)) *v1alpha1.PodSecurityRollout {
	s.Helper()
	rollout := &v1alpha1.PodSecurityRollout{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: s.rolloutSpec(to)}
	for _, change := range changes {
		change(&rollout.Spec)
	}
	if err := s.Create(s.Context(), rollout); err != nil {
		s.Fatalf("creating rollout %s: %v", name, err)
	}
	cleanup(s.T, func(ctx context.Context) error {
		s.tellOfFailure()
		return client.IgnoreNotFound(s.Delete(ctx, rollout))
	})
	return rollout
}

// edit changes the spec of a rollout.
func (s *scene) edit(rollout *v1alpha1.PodSecurityRollout, change func(*v1alpha1.PodSecurityRolloutSpec)) {
	s.Helper()
	base := rollout.DeepCopy()
	change(&rollout.Spec)
	if err := s.Patch(s.Context(), rollout, client.MergeFrom(base)); err != nil {
		s.Fatalf("editing rollout %s: %v", rollout.Name, err)
	}
}

func claimKey(namespace string) client.ObjectKey {
	return client.ObjectKey{Namespace: namespace, Name: v1alpha1.NamespaceRolloutName}
}

// awaitClaim waits until the namespace's NamespaceRollout is as wanted, and
// answers it.
func (s *scene) awaitClaim(namespace string, wanted func(*v1alpha1.NamespaceRollout) error) *v1alpha1.NamespaceRollout {
	s.Helper()
	var claim *v1alpha1.NamespaceRollout
	await.Until(s.T, soon, func() error {
		claim = &v1alpha1.NamespaceRollout{}
		if err := s.Get(s.Context(), claimKey(namespace), claim); err != nil {
			return err
		}
		if err := wanted(claim); err != nil {
			return fmt.Errorf("%w in\n%s", err, asYAML(claim))
		}
		return nil
	})
	return claim
}

// awaitState waits until the namespace is at a state, the reason of its
// condition Progressing, and its message has all of the words.
func (s *scene) awaitState(namespace, reason string, words ...string) *v1alpha1.NamespaceRollout {
	s.Helper()
	return s.awaitClaim(namespace, func(claim *v1alpha1.NamespaceRollout) error {
		return hasCondition(claim.Status.Conditions, v1alpha1.ConditionProgressing, "", reason, words...)
	})
}

// awaitHeld waits until the namespace is held before a rung, such as
// "audit=restricted", for a reason.
func (s *scene) awaitHeld(namespace, rung, reason string, words ...string) *v1alpha1.NamespaceRollout {
	s.Helper()
	want := s.rungs(rung)[0]
	return s.awaitClaim(namespace, func(claim *v1alpha1.NamespaceRollout) error {
		if claim.Status.Next == nil || claim.Status.Next.Rung != want {
			return fmt.Errorf("the next rung is not %s", want)
		}
		return hasCondition(claim.Status.Conditions, v1alpha1.ConditionProgressing, "", reason, words...)
	})
}

// awaitRollout waits until a rollout is as wanted, and answers it.
func (s *scene) awaitRollout(name string, wanted func(*v1alpha1.PodSecurityRollout) error) *v1alpha1.PodSecurityRollout {
	s.Helper()
	var rollout *v1alpha1.PodSecurityRollout
	await.Until(s.T, soon, func() error {
		rollout = &v1alpha1.PodSecurityRollout{}
		if err := s.Get(s.Context(), client.ObjectKey{Name: name}, rollout); err != nil {
			return err
		}
		if rollout.Status.ObservedGeneration != rollout.Generation {
			return fmt.Errorf("generation %d has not been looked at in\n%s", rollout.Generation, asYAML(rollout))
		}
		if err := wanted(rollout); err != nil {
			return fmt.Errorf("%w in\n%s", err, asYAML(rollout))
		}
		return nil
	})
	return rollout
}

// awaitCounts waits until a rollout counts its namespaces so.
func (s *scene) awaitCounts(name string, want v1alpha1.NamespaceCounts) *v1alpha1.PodSecurityRollout {
	s.Helper()
	return s.awaitRollout(name, func(rollout *v1alpha1.PodSecurityRollout) error {
		if rollout.Status.Namespaces == nil {
			return fmt.Errorf("no namespaces are counted")
		}
		if diff := cmp.Diff(want, *rollout.Status.Namespaces); diff != "" {
			return fmt.Errorf("the counts differ (-want +got):\n%s", diff)
		}
		return nil
	})
}

// hasCondition is whether there is such a condition; an empty status or reason
// may be any. The message has to have all of the words.
func hasCondition(conditions []metav1.Condition, kind string, status metav1.ConditionStatus, reason string, words ...string) error {
	condition := meta.FindStatusCondition(conditions, kind)
	switch {
	case condition == nil:
		return fmt.Errorf("no condition %s", kind)
	case status != "" && condition.Status != status, reason != "" && condition.Reason != reason:
		return fmt.Errorf("condition %s is %s, %s (%s), want %s %s", kind, condition.Status, condition.Reason, condition.Message, status, reason)
	}
	for _, word := range words {
		if !strings.Contains(condition.Message, word) {
			return fmt.Errorf("the message of condition %s, %q, does not have %q", kind, condition.Message, word)
		}
	}
	return nil
}

// rungs answers rungs at the API server's version: "audit=baseline" becomes
// "audit=baseline:v1.37".
func (s *scene) rungs(short ...string) []string {
	all := make([]string, 0, len(short))
	for _, rung := range short {
		all = append(all, rung+":"+s.version)
	}
	return all
}

// awaitWrites waits until the operator has written so many rungs to a namespace,
// and fails the test when they are not these.
func (s *scene) awaitWrites(namespace string, short ...string) {
	s.Helper()
	await.Until(s.T, soon, func() error {
		writes, err := s.Writes(operatorUser, namespace)
		if err == nil && len(writes) < len(short) {
			err = fmt.Errorf("the operator has written %q so far, want %q", writes, short)
		}
		return err
	})
	s.wantWrites(namespace, short...)
}

// wantWrites fails the test when what the operator has written to a namespace
// up to now is anything but these rungs.
func (s *scene) wantWrites(namespace string, short ...string) {
	s.Helper()
	if err := s.wrote(namespace, short...); err != nil {
		s.Fatal(err)
	}
}

// staysAt fails the test when the operator writes more than these rungs to a
// namespace in the time that tests watch for quiet.
func (s *scene) staysAt(namespace string, short ...string) {
	s.Helper()
	await.Throughout(s.T, quiet, func() error { return s.wrote(namespace, short...) })
}

func (s *scene) wrote(namespace string, short ...string) error {
	writes, err := s.Writes(operatorUser, namespace)
	if err != nil {
		return err
	}
	if diff := cmp.Diff(s.rungs(short...), writes, cmpopts.EquateEmpty()); diff != "" {
		return fmt.Errorf("what the operator wrote to namespace %s (-want +got):\n%s", namespace, diff)
	}
	return nil
}

// pod creates a pod.
func (s *scene) pod(namespace, name string, level v1alpha1.Level) *corev1.Pod {
	s.Helper()
	pod := newPod(namespace, name, level)
	if err := s.Create(s.Context(), pod); err != nil {
		s.Fatalf("creating pod %s: %v", name, err)
	}
	return pod
}

// remove deletes an object at once.
func (s *scene) remove(object client.Object) {
	s.Helper()
	if err := s.Delete(s.Context(), object, client.GracePeriodSeconds(0)); err != nil {
		s.Fatalf("deleting %T %s: %v", object, object.GetName(), err)
	}
}

// inTheSecondAfter waits until the clock shows another second than a time, to
// which the API server cuts times of creation.
func (s *scene) inTheSecondAfter(then metav1.Time) {
	s.Helper()
	await.Until(s.T, soon, func() error {
		if now := time.Now().Truncate(time.Second); !now.After(then.Time) {
			return fmt.Errorf("it is still %v", now)
		}
		return nil
	})
}
