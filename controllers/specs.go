// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"
	psaapi "k8s.io/pod-security-admission/api"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/fleet"
	"github.com/podsecurity-rollout/operator/internal/summary"
)

// mostSpecs bounds what specs remembers: rollouts are few, and those that are
// gone are forgotten with the rest.
const mostSpecs = 256

// specs remembers what accept has made of each rollout's spec: the selectors and
// schedules of the same few are asked for at every look at ten thousand
// namespaces. The zero value is ready.
type specs struct {
	lock sync.Mutex
	made map[types.UID]spec
}

type spec struct {
	generation int64
	server     psaapi.Version
	compiled   fleet.Rollout
	accepted   summary.Acceptance
}

// accept is accept, done once for each generation of a rollout and version of
// the API server.
func (s *specs) accept(r *v1alpha1.PodSecurityRollout, server psaapi.Version) (fleet.Rollout, summary.Acceptance) {
	s.lock.Lock()
	defer s.lock.Unlock()
	known, ok := s.made[r.UID]
	if ok && known.generation == r.Generation && known.server == server {
		return known.compiled, known.accepted
	}
	if s.made == nil || len(s.made) >= mostSpecs {
		s.made = map[types.UID]spec{}
	}
	compiled, accepted := accept(r, server)
	s.made[r.UID] = spec{generation: r.Generation, server: server, compiled: compiled, accepted: accepted}
	return compiled, accepted
}
