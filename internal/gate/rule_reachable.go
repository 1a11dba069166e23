// SPDX-License-Identifier: Apache-2.0

package gate

import "github.com/podsecurity-rollout/operator/api/v1alpha1"

// reachable is rule 2: the namespace is not exempt in the API server's
// configuration, where labels have no effect, nor being deleted.
func reachable(in Input) *Decision {
	switch {
	case in.Terminating:
		return held(v1alpha1.ReasonTerminating, "The namespace is being deleted")
	case in.Exempt:
		return held(v1alpha1.ReasonExempt,
			"The API server's configuration exempts the namespace from Pod Security: its labels would have no effect")
	}
	return nil
}
