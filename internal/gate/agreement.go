// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"fmt"
	"strings"

	psaapi "k8s.io/pod-security-admission/api"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

// Agreement compares the operator's own verdict over the pods with the API
// server's dry run.
type Agreement struct {
	// Disagrees is whether they differ.
	Disagrees bool
	// Reason and Message give both answers.
	Reason, Message string
}

// agree says nothing of the rung, so that one agreement after the other is no news.
var agree = Agreement{Reason: v1alpha1.ReasonAgrees, Message: "The operator and the API server say the same"}

// ServerJudges is whether the API server looks at any pod for a dry run of the
// rung's level: not for a level that is no stricter than what is enforced at that
// version, nor for privileged (upstream's ValidateNamespace in admission.go).
func (in Input) ServerJudges() bool {
	to := in.Rung.To
	return to.Level != psaapi.LevelPrivileged &&
		(to.Version != in.Enforced.Version || psaapi.CompareLevels(to.Level, in.Enforced.Level) > 0)
}

// Agree compares the evidence for a rung with the API server's answer to it, and
// answers false when that cannot tell. Templates are left aside: the API server
// does not look at them.
func Agree(in Input) (Agreement, bool) {
	if in.DryRun == nil || !in.Synced || !in.ServerJudges() {
		return Agreement{}, false
	}
	d, ours := in.DryRun, in.Evidence.Pods > 0
	switch {
	case d.Exempt != "" && !in.Exempt:
		return in.disagree(v1alpha1.ReasonUndeclaredExemption, d.Exempt+". Give the operator the API server's own file by --pod-security-config"), true
	case len(d.Violations) > 0 && !ours:
		return in.disagree(v1alpha1.ReasonServerStricter, strings.Join(d.Violations, "; ")), true
	case len(d.Violations) > 0, d.Exempt != "":
		return agree, true
	case d.Inconclusive+d.Partial != "":
		return Agreement{}, false
	case ours:
		return in.disagree(v1alpha1.ReasonServerLaxer,
			"no pod violates. If it exempts their runtime class, give the operator its own file by --pod-security-config"), true
	}
	return agree, true
}

func (in Input) disagree(reason, servers string) Agreement {
	return Agreement{
		Disagrees: true, Reason: reason,
		Message: fmt.Sprintf("Of %s the operator says: %s. The API server says: %s", in.Rung, in.Evidence.ofPods(), servers),
	}
}

func (e Evidence) ofPods() string {
	switch e.Pods {
	case 0:
		return "no pod violates"
	case 1:
		return "pods violate, of " + e.WorstPods
	default:
		return fmt.Sprintf("pods of %d workloads violate, first of %s", e.Pods, e.WorstPods)
	}
}
