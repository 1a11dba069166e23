// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/test/controlplane"
	"github.com/podsecurity-rollout/operator/test/e2e/await"
)

const (
	// emulated is the API server's version before the upgrade.
	emulated = "1.36"
	// upgradedWithin is how soon after the server's return all labels are at its
	// new version.
	upgradedWithin = 60 * time.Second
)

// withSysctl sets a sysctl that baseline allows from v1.37 on.
func withSysctl(spec *corev1.PodSpec) {
	spec.SecurityContext.Sysctls = []corev1.Sysctl{{Name: "net.ipv4.tcp_slow_start_after_idle", Value: "0"}}
}

// withProbeHost has a probe ask another host, which baseline forbids from v1.34 on.
func withProbeHost(spec *corev1.PodSpec) {
	spec.Containers[0].LivenessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{
		HTTPGet: &corev1.HTTPGetAction{Host: "192.0.2.1", Port: intstr.FromInt32(80)},
	}}
}

// admits tells whether the API server would let a pod in.
func (s *scene) admits(namespace string, change func(*corev1.PodSpec)) bool {
	s.Helper()
	err := s.Create(s.Context(), pod(namespace, "try", change), client.DryRunAll)
	switch {
	case err == nil:
		return true
	case apierrors.IsForbidden(err) && strings.Contains(err.Error(), "violates PodSecurity"):
		return false
	}
	s.Fatalf("trying to create a pod in namespace %s: %v", namespace, err)
	return false
}

// TestUpgrade has the API server's version rise. The operator, which is not
// restarted, follows it: audit, warn and enforce move in this order, and what
// the old version held is let go.
func TestUpgrade(t *testing.T) {
	need(t)
	t.Parallel()
	s := sceneAt(t, ownSite(t, controlplane.Options{EmulatedVersion: emulated}))
	old := s.version
	if old != "v"+emulated {
		t.Fatalf("the API server is at %s, want v%s", old, emulated)
	}
	same, ahead, held := s.namespace("same", "set=same"), s.namespace("ahead", "set=ahead"), s.namespace("held", "set=same")
	for _, ns := range []string{same, ahead} {
		s.runs(deployment(ns, "web"))
	}
	s.runs(deployment(held, "proxy", withSysctl))
	s.rollout(func(spec *v1alpha1.PodSecurityRolloutSpec) { spec.Targets = sets("same", "ahead") })

	written := map[string][]string{
		same:  climb("baseline", old),
		ahead: append(climb("baseline", old), "audit=restricted:"+old, "warn=restricted:"+old),
		held:  nil,
	}
	for _, ns := range []string{same, ahead} {
		s.awaitWritten(ns, written[ns]...)
		s.await(ns, state(v1alpha1.ReasonComplete))
	}
	s.await(held, next("audit=baseline:"+old), state(v1alpha1.ReasonViolations, "Deployment proxy", "sysctl"))
	if s.admits(same, withSysctl) {
		t.Errorf("the API server at %s lets a pod with the sysctl in", old)
	}

	process := s.operator.process.Pid
	if err := s.cluster.RestartAPIServer(t.Context(), func(o *controlplane.Options) { o.EmulatedVersion = "" }); err != nil {
		t.Fatal(err)
	}
	returned := time.Now() // by the one clock that this machine has
	now := s.site.version(t)
	written[same] = append(written[same], climb("baseline", now)...)
	written[ahead] = append(written[ahead], "audit=restricted:"+now, "warn=restricted:"+now, "enforce=baseline:"+now)
	written[held] = climb("baseline", now)
	for _, ns := range s.namespaces {
		rungs := s.awaitWritten(ns, written[ns]...)
		last := rungs[len(rungs)-1]
		t.Logf("namespace %s: %v, %v after the API server's return", ns, last, last.at.Sub(returned))
		if last.at.After(returned.Add(upgradedWithin)) {
			t.Errorf("namespace %s is done %v after the API server's return, want %v", ns, last.at.Sub(returned), upgradedWithin)
		}
		s.await(ns, state(v1alpha1.ReasonComplete))
	}
	if !s.admits(same, withSysctl) {
		t.Errorf("the API server at %s does not let a pod with the sysctl in", now)
	}
	if !s.operator.running() || s.operator.process.Pid != process {
		t.Error("the operator has ended")
	}
}

// sets are two targets by the label set: in the second, warn and audit are
// stricter than enforce.
func sets(same, ahead string) []v1alpha1.Target {
	selecting := func(set string) *v1alpha1.NamespaceSelector {
		return &v1alpha1.NamespaceSelector{MatchLabels: map[string]string{"set": set}}
	}
	return []v1alpha1.Target{
		{Name: same, NamespaceSelector: selecting(same), Enforce: v1alpha1.LevelBaseline},
		{
			Name: ahead, NamespaceSelector: selecting(ahead), Enforce: v1alpha1.LevelBaseline,
			Warn: v1alpha1.LevelRestricted, Audit: v1alpha1.LevelRestricted,
		},
	}
}

// TestPinnedVersions edits a pin from a version to a later one that forbids more:
// what violates the later one stays at the earlier, and is named.
func TestPinnedVersions(t *testing.T) {
	const before, after = "v1.33", "v1.34"
	s := commonScene(t)
	clean, probing := s.namespace("clean"), s.namespace("probing")
	s.runs(deployment(clean, "web"))
	s.runs(deployment(probing, "web", withProbeHost))
	pin := func(version v1alpha1.Version) edit {
		return func(spec *v1alpha1.PodSecurityRolloutSpec) { spec.Targets[0].Version = version }
	}
	rollout := s.rollout(pin(before))
	for _, ns := range []string{clean, probing} {
		s.awaitWritten(ns, climb("baseline", before)...)
		s.await(ns, state(v1alpha1.ReasonComplete))
		if !s.admits(ns, withProbeHost) {
			t.Errorf("namespace %s at %s does not let a pod in whose probe has a host", ns, before)
		}
	}
	s.edit(rollout, pin(after))
	s.awaitWritten(clean, slices.Concat(climb("baseline", before), climb("baseline", after))...)
	s.await(clean, state(v1alpha1.ReasonComplete))
	s.await(probing, next("audit=baseline:"+after), state(v1alpha1.ReasonViolations, "Deployment web", "probe or lifecycle host"))
	s.staysAt(quiet, probing, climb("baseline", before)...)
	if s.admits(clean, withProbeHost) || !s.admits(probing, withProbeHost) {
		t.Errorf("a pod whose probe has a host is let in at %s: %v, at %s: %v", after, s.admits(clean, withProbeHost), before, s.admits(probing, withProbeHost))
	}
	await.Until(t, soon, func() error {
		versions := s.rollouts.all(client.ObjectKeyFromObject(rollout))
		for _, b := range versions[len(versions)-1].Status.Blocked {
			if b.Namespace == probing && strings.Contains(b.Message, "Deployment web") {
				return nil
			}
		}
		return errors.New("the rollout does not name the workload: " + asYAML(versions[len(versions)-1]))
	})
}
