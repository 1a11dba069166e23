// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"

	psaapi "k8s.io/pod-security-admission/api"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/fleet"
	"github.com/podsecurity-rollout/operator/internal/ladder"
	"github.com/podsecurity-rollout/operator/internal/summary"
)

// accept answers whether a rollout's spec is acted on, and if so the rollout
// ready for matching. A spec is acted on as a whole or not at all.
func accept(r *v1alpha1.PodSecurityRollout, server psaapi.Version) (fleet.Rollout, summary.Acceptance) {
	compiled, err := fleet.Compile(r)
	if err != nil {
		return fleet.Rollout{}, refuse(v1alpha1.ReasonInvalidSpec, "%v", err)
	}
	for _, t := range r.Spec.Targets {
		policy, err := ladder.TargetPolicy(t, server)
		if err != nil {
			return compiled, refuse(v1alpha1.ReasonInvalidSpec, "spec.targets: %v", err)
		}
		if v := policy.Enforce.Version; !v.Latest() && server.Older(v) {
			return compiled, refuse(v1alpha1.ReasonVersionNotServed,
				"spec.targets: target %q pins version %s, which the API server at %s does not serve. Pin %s or older, or use version: Cluster. Nothing is written meanwhile",
				t.Name, v.String(), server.String(), server.String())
		}
	}
	return compiled, summary.Acceptance{OK: true}
}

func refuse(reason, format string, args ...any) summary.Acceptance {
	return summary.Acceptance{Reason: reason, Message: fmt.Sprintf(format, args...)}
}
