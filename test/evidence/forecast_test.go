// SPDX-License-Identifier: Apache-2.0

package evidence

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	psaapi "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/controllers"
	"github.com/podsecurity-rollout/operator/internal/standards"
	"github.com/podsecurity-rollout/operator/test/controlplane"
	"github.com/podsecurity-rollout/operator/test/e2e/await"
)

// TestForecast has an API server that emulates v1.34 and workloads that later
// versions treat otherwise. What is foretold is what the upstream evaluator says at
// each version.
func TestForecast(t *testing.T) {
	cluster, err := controlplane.Start(t.Context(), controlplane.Options{Dir: filepath.Join(directory, "emulating"), EmulatedVersion: "1.34"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Stop(); err != nil {
			t.Error(err)
		}
	})
	s := at(t, cluster, controllers.Options{})
	probing := newDeployment("later", "probing", func(spec *corev1.PodSpec) {
		spec.Containers[0].LivenessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Host: "192.0.2.1", Port: intstr.FromInt32(80)}}}
	})
	tuned := newDeployment("later", "tuned", func(spec *corev1.PodSpec) {
		spec.SecurityContext = &corev1.PodSecurityContext{Sysctls: []corev1.Sysctl{{Name: "net.ipv4.tcp_slow_start_after_idle", Value: "0"}}}
	})
	clean := newDeployment("later", "web")
	s.create(newNamespace("later", "forecast"), probing, tuned, clean)
	s.rollout("forecast", v1alpha1.LevelBaseline)
	claim := s.await("later", func(status v1alpha1.NamespaceRolloutStatus) error {
		if len(status.Forecast) == 0 {
			return fmt.Errorf("nothing is foretold")
		}
		return state(v1alpha1.ReasonViolations)(status)
	})
	for minor := 34; minor <= 37; minor++ {
		version := psaapi.MajorMinorVersion(1, minor)
		if got, want := foretold(t, claim.Status.Forecast, version), upstream(t, version, probing, tuned, clean); got != want {
			t.Errorf("at %s %d workloads are foretold to violate baseline, upstream says %d: %+v", version.String(), got, want, claim.Status.Forecast)
		}
	}
	if last := claim.Status.Forecast[len(claim.Status.Forecast)-1]; last.Allowed != 1 {
		t.Errorf("v1.37 allows the sysctl, and %+v does not say so", last)
	}
}

// foretold is how many workloads the forecast has violate baseline at a version.
func foretold(t *testing.T, forecast []v1alpha1.ForecastEntry, version psaapi.Version) int {
	t.Helper()
	for _, e := range forecast {
		if e.Level == v1alpha1.LevelBaseline && within(t, version, e.From, e.To) {
			return int(e.ViolatingWorkloads)
		}
	}
	return -1
}

// upstream is how many of the Deployments upstream's evaluator has violate baseline.
func upstream(t *testing.T, version psaapi.Version, all ...*appsv1.Deployment) int {
	t.Helper()
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	violating := 0
	for _, d := range all {
		template := d.Spec.Template
		results := evaluator.EvaluatePod(psaapi.LevelVersion{Level: psaapi.LevelBaseline, Version: version}, &template.ObjectMeta, &template.Spec)
		if !policy.AggregateCheckResults(results).Allowed {
			violating++
		}
	}
	return violating
}

func within(t *testing.T, v psaapi.Version, from, to string) bool {
	t.Helper()
	first, err := standards.ParseLevelVersion("baseline:" + from)
	if err != nil {
		t.Fatal(err)
	}
	last, err := standards.ParseLevelVersion("baseline:" + to)
	if err != nil {
		t.Fatal(err)
	}
	return !v.Older(first.Version) && !last.Version.Older(v)
}

// many is how many workloads violate in one namespace.
const many = 2000

// TestManyViolations has a status stay small and be written once, however many
// violate, and the owners told of it one by one.
func TestManyViolations(t *testing.T) {
	s := at(t, configured, controllers.Options{PodSecurityConfig: configFile})
	s.create(newNamespace("many", "many"))
	for i := range many {
		s.create(newDeployment("many", fmt.Sprintf("workload-with-a-name-%04d", i), privileged))
	}
	s.rollout("many", v1alpha1.LevelRestricted)
	claim := s.await("many", func(status v1alpha1.NamespaceRolloutStatus) error {
		if status.ViolatingWorkloads != many || status.Fleet == nil { // what the fleet says is a write of its own
			return fmt.Errorf("%d workloads violate, want %d", status.ViolatingWorkloads, many)
		}
		return state(v1alpha1.ReasonViolations)(status)
	})
	claim.ManagedFields = nil
	whole, err := json.Marshal(claim)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("the object has %d bytes, and was written %s", len(whole), claim.ResourceVersion)
	if len(whole) >= 32<<10 {
		t.Errorf("the object has %d bytes, want less than 32 KiB", len(whole))
	}
	if claim.Status.ViolationsTotal <= 32 || len(claim.Status.Violations) != 32 {
		t.Errorf("%d of %d violations are listed, want 32 of more", len(claim.Status.Violations), claim.Status.ViolationsTotal)
	}
	s.awaitAdvice("many", 150)
	again := &v1alpha1.NamespaceRollout{}
	if err := s.Get(t.Context(), client.ObjectKeyFromObject(claim), again); err != nil {
		t.Fatal(err)
	}
	if again.ResourceVersion != claim.ResourceVersion {
		t.Errorf("the status was written again: %s, then %s", claim.ResourceVersion, again.ResourceVersion)
	}
}

// awaitAdvice waits until so many owners were told: little by little.
func (s *site) awaitAdvice(namespace string, owners int) {
	s.Helper()
	await.Until(s.T, soon, func() error {
		var events eventsv1.EventList
		if err := s.List(s.Context(), &events, client.InNamespace(namespace), client.MatchingFields{"reason": "PodSecurityViolation"}); err != nil {
			return err
		}
		if len(events.Items) < owners {
			return fmt.Errorf("%d owners were told", len(events.Items))
		}
		return nil
	})
}
