// SPDX-License-Identifier: Apache-2.0

package strategy

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
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/test/e2e/await"
)

const (
	// soon is how long a test waits for what ought to take a few seconds. It is
	// for a machine busy with other things.
	soon = 60 * time.Second
	// quiet is how long a test watches that nothing is written.
	quiet = 5 * time.Second
)

// sceneLabel is on the namespaces of a scene, with its name.
const sceneLabel = "example.com/scene"

// scene is what a test has for itself: namespaces of one label, and a rollout
// that selects by it.
type scene struct {
	*testing.T
	*site
	name string
	// version is the API server's when the scene was made: "v1.37".
	version    string
	namespaces []string
}

// sceneAt makes a scene on a site.
func sceneAt(t *testing.T, where *site) *scene {
	t.Helper()
	s := &scene{T: t, site: where, name: "s" + utilrand.String(6), version: where.version(t)}
	s.Cleanup(s.tellOfFailure)
	return s
}

// commonScene makes one on the site that tests share, and lets the test run
// beside the others.
func commonScene(t *testing.T) *scene {
	t.Helper()
	need(t)
	t.Parallel()
	return sceneAt(t, common)
}

// tellOfFailure prints, should the test have failed, what is known of its
// namespaces: of many, less.
func (s *scene) tellOfFailure() {
	if !s.Failed() {
		return
	}
	for _, namespace := range s.namespaces {
		written, err := s.audit.rungs(operatorUser, namespace)
		s.Logf("the operator has written to namespace %s: %v %v", namespace, written, err)
		s.Logf("the NamespaceRollout of %s was:\n%s", namespace, strings.Join(s.trace(namespace), "\n"))
		if len(s.namespaces) > 4 {
			continue
		}
		if claim, err := s.claim(namespace); err == nil {
			s.Logf("the NamespaceRollout of %s is:\n%s", namespace, asYAML(claim))
		}
		s.Logf("the end of the operator's log of namespace %s:\n%s", namespace, s.operator.logged(namespace))
	}
}

// trace is the states that a namespace has been in, in lines.
func (s *scene) trace(namespace string) []string {
	var lines []string
	for _, v := range s.claims.all(claimKey(namespace)) {
		if c := meta.FindStatusCondition(v.Status.Conditions, v1alpha1.ConditionProgressing); c != nil {
			lines = append(lines, fmt.Sprintf("  at %s %s: %s", v.ResourceVersion, c.Reason, c.Message))
		}
	}
	return lines
}

func asYAML(object client.Object) string {
	object, ok := object.DeepCopyObject().(client.Object)
	if !ok {
		return "no object"
	}
	object.SetManagedFields(nil)
	data, err := yaml.Marshal(object)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// namespace makes a namespace of the scene, with labels besides the scene's, and
// answers its name.
func (s *scene) namespace(suffix string, labels ...string) string {
	s.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.name + "-" + suffix, Labels: map[string]string{sceneLabel: s.name}}}
	for _, label := range labels {
		key, value, _ := strings.Cut(label, "=")
		ns.Labels[key] = value
	}
	// Its labels are those of a person: no tool stands behind them.
	if err := s.Create(s.Context(), ns, client.FieldOwner("kubectl-create")); err != nil {
		s.Fatalf("creating namespace %s: %v", ns.Name, err)
	}
	s.namespaces = append(s.namespaces, ns.Name)
	return ns.Name
}

func (s *scene) create(object client.Object) {
	s.Helper()
	if err := s.Create(s.Context(), object); err != nil {
		s.Fatalf("creating %T %s: %v", object, object.GetName(), err)
	}
}

// remove deletes an object at once, and what it owns soon after.
func (s *scene) remove(object client.Object) {
	s.Helper()
	if err := s.Delete(s.Context(), object, client.GracePeriodSeconds(0), client.PropagationPolicy(metav1.DeletePropagationBackground)); err != nil {
		s.Fatalf("deleting %T %s: %v", object, object.GetName(), err)
	}
}

// edit is a change of a rollout's spec.
type edit func(*v1alpha1.PodSecurityRolloutSpec)

// rollout makes a rollout of the scene's namespaces to enforce=baseline: all of
// them at once, without a bake, if the edits do not say otherwise.
func (s *scene) rollout(edits ...edit) *v1alpha1.PodSecurityRollout {
	s.Helper()
	rollout := &v1alpha1.PodSecurityRollout{ObjectMeta: metav1.ObjectMeta{Name: s.name}, Spec: v1alpha1.PodSecurityRolloutSpec{
		Targets: []v1alpha1.Target{{
			Name:              "scene",
			NamespaceSelector: &v1alpha1.NamespaceSelector{MatchLabels: map[string]string{sceneLabel: s.name}},
			Enforce:           v1alpha1.LevelBaseline,
		}},
		Strategy: &v1alpha1.Strategy{
			Enforce: &v1alpha1.EnforceStrategy{Bake: &metav1.Duration{}},
			Budgets: []v1alpha1.Budget{{Namespaces: "100%"}},
		},
	}}
	for _, change := range edits {
		change(&rollout.Spec)
	}
	s.create(rollout)
	s.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), soon)
		defer cancel()
		if err := client.IgnoreNotFound(s.Delete(ctx, rollout)); err != nil {
			s.Errorf("deleting rollout %s: %v", rollout.Name, err)
		}
	})
	return rollout
}

func (s *scene) edit(rollout *v1alpha1.PodSecurityRollout, change edit) {
	s.Helper()
	base := rollout.DeepCopy()
	change(&rollout.Spec)
	if err := s.Patch(s.Context(), rollout, client.MergeFrom(base)); err != nil {
		s.Fatalf("editing rollout %s: %v", rollout.Name, err)
	}
}

func lasting(d time.Duration) *metav1.Duration { return &metav1.Duration{Duration: d} }

func budget(namespaces string) edit {
	return func(spec *v1alpha1.PodSecurityRolloutSpec) {
		spec.Strategy.Budgets = []v1alpha1.Budget{{Namespaces: namespaces}}
	}
}

// enforcing changes the pace of the enforce rungs.
func enforcing(change func(*v1alpha1.EnforceStrategy)) edit {
	return func(spec *v1alpha1.PodSecurityRolloutSpec) { change(spec.Strategy.Enforce) }
}

func suspend(suspended bool) edit {
	return func(spec *v1alpha1.PodSecurityRolloutSpec) { spec.Suspend = &suspended }
}

func claimKey(namespace string) client.ObjectKey {
	return client.ObjectKey{Namespace: namespace, Name: v1alpha1.NamespaceRolloutName}
}

// claim answers the NamespaceRollout of a namespace as it was last seen, and
// errs when it is not as wanted.
func (s *scene) claim(namespace string, wanted ...want) (*v1alpha1.NamespaceRollout, error) {
	versions := s.claims.all(claimKey(namespace))
	if len(versions) == 0 {
		return nil, fmt.Errorf("there is no NamespaceRollout in namespace %s yet", namespace)
	}
	claim := versions[len(versions)-1]
	for _, w := range wanted {
		if err := w(claim); err != nil {
			return nil, fmt.Errorf("namespace %s: %w", namespace, err)
		}
	}
	return claim, nil
}

// await waits until a namespace's NamespaceRollout is as wanted, and answers it.
func (s *scene) await(namespace string, wanted ...want) *v1alpha1.NamespaceRollout {
	s.Helper()
	var claim *v1alpha1.NamespaceRollout
	await.Until(s.T, soon, func() (err error) {
		claim, err = s.claim(namespace, wanted...)
		return err
	})
	return claim
}

// want errs when a NamespaceRollout is not as wanted.
type want func(*v1alpha1.NamespaceRollout) error

// state wants the reason of the condition Progressing, and in its message all of
// the words.
func state(reason string, words ...string) want {
	return condition(v1alpha1.ConditionProgressing, "", reason, words...)
}

// condition wants a condition, its status any if left empty.
func condition(kind string, status metav1.ConditionStatus, reason string, words ...string) want {
	return func(claim *v1alpha1.NamespaceRollout) error {
		return hasCondition(claim.Status.Conditions, kind, status, reason, words...)
	}
}

func hasCondition(conditions []metav1.Condition, kind string, status metav1.ConditionStatus, reason string, words ...string) error {
	c := meta.FindStatusCondition(conditions, kind)
	switch {
	case c == nil:
		return fmt.Errorf("no condition %s", kind)
	case status != "" && c.Status != status, c.Reason != reason:
		return fmt.Errorf("condition %s is %s, %s (%s), want %s %s", kind, c.Status, c.Reason, c.Message, status, reason)
	}
	for _, word := range words {
		if !strings.Contains(c.Message, word) {
			return fmt.Errorf("the message of condition %s, %q, does not have %q", kind, c.Message, word)
		}
	}
	return nil
}

// next wants the next rung, such as "enforce=baseline:v1.37".
func next(rung string) want {
	return func(claim *v1alpha1.NamespaceRollout) error {
		if claim.Status.Next == nil || claim.Status.Next.Rung != rung {
			return fmt.Errorf("the next rung is %v, want %s", claim.Status.Next, rung)
		}
		return nil
	}
}

// climb is what the operator writes on the way from nothing to a level.
func climb(level, version string) []string {
	return []string{"audit=" + level + ":" + version, "warn=" + level + ":" + version, "enforce=" + level + ":" + version}
}

// written answers what the operator has written to a namespace, and errs when it
// is anything but these.
func (s *scene) written(namespace string, rungs ...string) ([]rung, error) {
	written, err := s.audit.rungs(operatorUser, namespace)
	if err != nil {
		return nil, err
	}
	var have []string
	for _, r := range written {
		have = append(have, r.what)
	}
	if diff := cmp.Diff(rungs, have, cmpopts.EquateEmpty()); diff != "" {
		return nil, fmt.Errorf("what the operator wrote to namespace %s (-want +got):\n%s", namespace, diff)
	}
	return written, nil
}

// awaitWritten waits until the operator has written these to a namespace and
// nothing else, and answers them.
func (s *scene) awaitWritten(namespace string, rungs ...string) []rung {
	s.Helper()
	var written []rung
	await.Until(s.T, soon, func() (err error) {
		written, err = s.audit.rungs(operatorUser, namespace)
		if err == nil && len(written) < len(rungs) {
			err = fmt.Errorf("the operator has written %v to namespace %s so far, want %q", written, namespace, rungs)
		}
		return err
	})
	if _, err := s.written(namespace, rungs...); err != nil {
		s.Fatal(err)
	}
	return written
}

// staysAt fails the test when the operator writes anything but these to a
// namespace within a while.
func (s *scene) staysAt(d time.Duration, namespace string, rungs ...string) {
	s.Helper()
	await.Throughout(s.T, d, func() error {
		_, err := s.written(namespace, rungs...)
		return err
	})
}

// notBefore fails the test when a rung was written before a time.
func (s *scene) notBefore(r rung, then time.Time, of string) {
	s.Helper()
	if r.at.Before(then) {
		s.Errorf("%s, %v was written %v too early: %s was at %s", s.name, r, then.Sub(r.at), of, then.UTC().Format("15:04:05.000"))
	}
}

// deleted answers when the API server was last told to delete one of a
// namespace's objects.
func (s *scene) deleted(resource, namespace string) time.Time {
	s.Helper()
	var last time.Time
	await.Until(s.T, soon, func() error {
		found, err := s.audit.find(func(c stored) bool {
			return c.resource == resource && c.namespace == namespace && (c.verb == "delete" || c.verb == "deletecollection")
		})
		if err == nil && len(found) == 0 {
			err = fmt.Errorf("none of the %s of namespace %s was deleted", resource, namespace)
		}
		for _, c := range found {
			if c.at.After(last) {
				last = c.at
			}
		}
		return err
	})
	return last
}
