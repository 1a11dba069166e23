// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podsecurity-rollout/operator/test/e2e/await"
	"github.com/podsecurity-rollout/operator/test/e2e/witness"
)

const (
	silenceLabel = "example.com/silence"
	// silence is how long nothing may be written after a climb.
	silence = 60 * time.Second
	// restartEvery is how often a pod is made anew meanwhile.
	restartEvery = 3 * time.Second
)

// hardened is a Deployment that meets restricted.
const hardened = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: hardened, namespace: %s}
spec:
  replicas: 3
  selector: {matchLabels: {app: hardened}}
  template:
    metadata: {labels: {app: hardened}}
    spec:
      securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
      containers:
      - name: c
        image: registry.example.com/image
        securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
`

// climbs of TestClimbAndSilence, by namespace.
var climbs = map[string]struct {
	rollout rollout
	want    []string
}{
	"silence-told-of-restricted": {
		rollout: rollout{enforce: "baseline", warn: "restricted", audit: "restricted"},
		want:    []string{"audit=baseline", "warn=baseline", "enforce=baseline", "audit=restricted", "warn=restricted"},
	},
	"silence-restricted": {
		rollout: rollout{enforce: "restricted", warn: "restricted", audit: "restricted"},
		want:    []string{"audit=baseline", "warn=baseline", "enforce=baseline", "audit=restricted", "warn=restricted", "enforce=restricted"},
	},
}

// TestClimbAndSilence climbs from no label at all to the target. The audit log
// has to show the ladder's writes in their order, each of one mode and one
// level, no write to any namespace that no rollout selects, and none at all in
// the minute after, while pods are restarted.
func TestClimbAndSilence(t *testing.T) {
	t.Parallel()
	e := need(t)
	for ns, climb := range climbs {
		e.create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns, Labels: map[string]string{silenceLabel: ns}}})
		if _, err := e.Kubectl(t.Context(), fmt.Appendf(nil, hardened, ns), "apply", "-f", "-"); err != nil {
			t.Fatal(err)
		}
		e.awaitReplicas(t, ns, 3)
		climb.rollout.name, climb.rollout.label = ns, silenceLabel+": "+ns
		e.apply(t, climb.rollout)
	}
	for ns, climb := range climbs {
		if r := e.awaitSettled(t, ns, 1); r.Status.Namespaces.Complete != 1 {
			t.Fatalf("it is not complete:\n%s", asYAML(r))
		}
		if err := e.wrote(ns, climb.want...); err != nil {
			t.Fatal(err)
		}
	}
	e.staysSilent(t)
	for ns, climb := range climbs {
		if err := e.wrote(ns, climb.want...); err != nil {
			t.Error(err)
		}
	}
	e.wantUnselectedUntouched(t)
}

func (e *environment) awaitReplicas(t *testing.T, namespace string, n int) {
	t.Helper()
	await.Until(t, soon, func() error {
		var pods corev1.PodList
		if err := e.client.List(t.Context(), &pods, client.InNamespace(namespace)); err != nil {
			return err
		}
		if len(pods.Items) != n {
			return fmt.Errorf("there are %d pods in namespace %s, want %d", len(pods.Items), namespace, n)
		}
		return nil
	})
}

// staysSilent fails the test when the operator writes anything but Events, in
// the namespaces or to their rollouts, while pods are made anew.
func (e *environment) staysSilent(t *testing.T) {
	t.Helper()
	before, err := e.climbWrites()
	if err != nil {
		t.Fatal(err)
	}
	restart := time.NewTicker(restartEvery)
	defer restart.Stop()
	await.Throughout(t, silence, func() error {
		select {
		case <-restart.C:
			if err := e.restartPods(t); err != nil {
				return err
			}
		default:
		}
		after, err := e.climbWrites()
		if err == nil && len(after) > len(before) {
			err = fmt.Errorf("the operator wrote after it was done: %v", after[len(before):])
		}
		return err
	})
}

// climbWrites answers what the operator has asked to be changed of the climbs'
// namespaces, in them, and of their rollouts.
func (e *environment) climbWrites() ([]witness.Request, error) {
	return e.witness.Requests(func(r witness.Request) bool {
		_, inside := climbs[r.Namespace]
		_, rollout := climbs[r.Name]
		return (inside || rollout) && r.User == operatorUser && r.Writes() && r.Resource != "events"
	})
}

// restartPods deletes the first pod of each namespace, for a controller to make
// anew.
func (e *environment) restartPods(t *testing.T) error {
	t.Helper()
	for ns := range climbs {
		var pods corev1.PodList
		if err := e.client.List(t.Context(), &pods, client.InNamespace(ns)); err != nil {
			return err
		}
		if len(pods.Items) == 0 {
			return fmt.Errorf("there is no pod to restart in namespace %s", ns)
		}
		if err := e.client.Delete(t.Context(), &pods.Items[0], client.GracePeriodSeconds(0)); client.IgnoreNotFound(err) != nil {
			return err
		}
	}
	return nil
}

// wantUnselectedUntouched fails the test when the operator has asked for a
// change, be it by a dry run, of a namespace that no rollout selects, or was
// refused anything for want of a right.
func (e *environment) wantUnselectedUntouched(t *testing.T) {
	t.Helper()
	requests, err := e.witness.Requests(func(r witness.Request) bool { return r.User == operatorUser })
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range requests {
		if r.Denied {
			t.Errorf("config/rbac does not let the operator do what it does: %s", r)
		}
		if versions := e.witness.Versions(r.Name); r.Resource == "namespaces" && r.Verb == "patch" && !isSelected(versions) {
			t.Errorf("the operator has touched a namespace that no rollout selects: %s", r)
		}
	}
}

func isSelected(versions []witness.Version) bool {
	for _, key := range []string{corpusLabel, silenceLabel, asleepLabel} {
		if len(versions) > 0 && versions[0].Labels[key] != "" {
			return true
		}
	}
	return false
}
