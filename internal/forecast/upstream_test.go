// SPDX-License-Identifier: Apache-2.0

package forecast_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	psaapi "k8s.io/pod-security-admission/api"
	"k8s.io/utils/ptr"

	"github.com/podsecurity-rollout/operator/internal/forecast"
	"github.com/podsecurity-rollout/operator/internal/standards"
)

// hardened complies with restricted at every version; change adapts it.
func hardened(change func(*corev1.PodSpec)) *corev1.PodSpec {
	spec := &corev1.PodSpec{
		SecurityContext: &corev1.PodSecurityContext{
			RunAsNonRoot:   ptr.To(true),
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
		Containers: []corev1.Container{{Name: "c", SecurityContext: &corev1.SecurityContext{
			AllowPrivilegeEscalation: ptr.To(false),
			Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		}}},
	}
	change(spec)
	return spec
}

func sysctls(names ...string) *corev1.PodSpec {
	return hardened(func(s *corev1.PodSpec) {
		for _, name := range names {
			s.SecurityContext.Sysctls = append(s.SecurityContext.Sysctls, corev1.Sysctl{Name: name})
		}
	})
}

// knownChanges are workloads that some version treats otherwise than the one before.
var knownChanges = map[string]struct {
	inForce string
	spec    *corev1.PodSpec
	want    string
}{
	"v1.27 allows a sysctl": {
		"baseline:v1.26", sysctls("net.ipv4.ip_local_reserved_ports"),
		"baseline is violated at v1.26 by 1 workload, because Deployment web: forbidden sysctls (net.ipv4.ip_local_reserved_ports); " +
			"from v1.27 it would hold, which allows Deployment web: forbidden sysctls (net.ipv4.ip_local_reserved_ports)",
	},
	"v1.29 and v1.37 allow sysctls": {
		"baseline:v1.27", sysctls("net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_notsent_lowat"),
		"baseline is violated from v1.27 to v1.36 by 1 workload, because Deployment web: " +
			"forbidden sysctls (net.ipv4.tcp_keepalive_time, net.ipv4.tcp_notsent_lowat); from v1.37 it would hold, which allows Deployment web: " +
			"forbidden sysctls (net.ipv4.tcp_notsent_lowat)",
	},
	"v1.32 allows sysctls": {
		"baseline:v1.31", sysctls("net.ipv4.tcp_rmem"),
		"baseline is violated at v1.31 by 1 workload, because Deployment web: forbidden sysctls (net.ipv4.tcp_rmem); " +
			"from v1.32 it would hold, which allows Deployment web: forbidden sysctls (net.ipv4.tcp_rmem)",
	},
	"v1.31 allows an SELinux type": {
		"baseline:v1.30", hardened(func(s *corev1.PodSpec) {
			s.SecurityContext.SELinuxOptions = &corev1.SELinuxOptions{Type: "container_engine_t"}
		}),
		"baseline is violated at v1.30 by 1 workload, because Deployment web: " +
			`seLinuxOptions (pod set forbidden securityContext.seLinuxOptions: type "container_engine_t"); ` +
			"from v1.31 it would hold, which allows Deployment web: " +
			`seLinuxOptions (pod set forbidden securityContext.seLinuxOptions: type "container_engine_t")`,
	},
	"v1.34 forbids hosts of probes": {
		"baseline:v1.33", hardened(func(s *corev1.PodSpec) {
			s.Containers[0].LivenessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Host: "10.0.0.1"}}}
		}),
		"baseline holds at v1.33; from v1.34 1 workload would violate, because Deployment web: " +
			`probe or lifecycle host (container "c" uses probe or lifecycle host "10.0.0.1")`,
	},
	"v1.35 allows baseline an unmasked /proc in a user namespace": {
		"baseline:v1.34", hardened(func(s *corev1.PodSpec) {
			s.HostUsers = ptr.To(false)
			s.Containers[0].SecurityContext.ProcMount = ptr.To(corev1.UnmaskedProcMount)
		}),
		"baseline is violated at v1.34 by 1 workload, because Deployment web: " +
			`procMount (container "c" must not set securityContext.procMount to "Unmasked"); ` +
			"from v1.35 it would hold, which allows Deployment web: " +
			`procMount (container "c" must not set securityContext.procMount to "Unmasked")`,
	},
	"and restricted root there": {
		"restricted:v1.34", hardened(func(s *corev1.PodSpec) {
			s.HostUsers = ptr.To(false)
			s.SecurityContext.RunAsNonRoot = nil
		}),
		"restricted is violated at v1.34 by 1 workload, because Deployment web: " +
			`runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true); ` +
			"from v1.35 it would hold, which allows Deployment web: " +
			`runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true)`,
	},
	"but not restricted an unmasked /proc": {
		"restricted:v1.34", hardened(func(s *corev1.PodSpec) {
			s.HostUsers = ptr.To(false)
			s.Containers[0].SecurityContext.ProcMount = ptr.To(corev1.UnmaskedProcMount)
		}),
		"restricted is violated from v1.34 to v1.37 by 1 workload, because Deployment web: " +
			`procMount (container "c" must not set securityContext.procMount to "Unmasked")`,
	},
}

// What upstream is known to have changed shows at its version.
func TestKnownChanges(t *testing.T) {
	e := mustEvaluator(t)
	for name, tc := range knownChanges {
		t.Run(name, func(t *testing.T) {
			profile := standards.Reduce(nil, tc.spec)
			inForce := mustLevelVersion(t, tc.inForce)
			got := forecast.Make(forecast.Input{
				Evaluator: e, InForce: inForce, Newest: v1(37),
				Verdict: func(lv psaapi.LevelVersion) []forecast.Violation {
					var violations []forecast.Violation
					for _, f := range e.Evaluate(lv, &profile.Meta, &profile.Spec) {
						violations = append(violations, forecast.Violation{Workload: "Deployment web", Check: f.Check, Message: f.Message()})
					}
					return violations
				},
			}).Sentence(inForce.Level)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("sentence (-want +got):\n%s", diff)
			}
		})
	}
}
