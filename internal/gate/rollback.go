// SPDX-License-Identifier: Apache-2.0

package gate

import (
	psaapi "k8s.io/pod-security-admission/api"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/ladder"
)

// RollbackInput is everything a rollback is decided from.
type RollbackInput struct {
	// Asked is whether the strategy says so, Active whether labels are written.
	Asked, Active bool
	// Baking is whether the bake of the last enforce rung is not over.
	Baking bool
	// Rejecting is whether pods have been refused since.
	Rejecting bool
	// Decided is whether the rollback of this rung was decided before, and may
	// have to be finished after a restart.
	Decided bool
	// Last is the last enforce rung, nil when none is known; InForce is enforce now.
	Last    *ladder.Rung
	InForce psaapi.LevelVersion
	// Ours is whether the operator set the enforce labels last: what somebody else
	// has set since, be it to the very rung, is theirs.
	Ours bool
	// Owners own the enforce labels with a value other than the one to go back to.
	Owners []Owner
}

// Rollback answers the step that takes the last enforce rung back, and false
// when it is not to be taken. It is the only time that a level is lowered: to
// the very policy that the rung left, within the bake, once.
func Rollback(in RollbackInput) (ladder.Rung, bool) {
	switch {
	case in.Last == nil, !in.Active, in.InForce != in.Last.To, !in.Ours, len(in.Owners) > 0:
		return ladder.Rung{}, false
	case in.Decided:
	case !in.Asked, !in.Baking, !in.Rejecting:
		return ladder.Rung{}, false
	}
	to := in.Last.From
	if to.Level == psaapi.LevelPrivileged {
		// The version of privileged means nothing, and latest is never written unasked.
		to.Version = in.Last.To.Version
	}
	return ladder.Rung{Mode: v1alpha1.ModeEnforce, From: in.InForce, To: to}, true
}
