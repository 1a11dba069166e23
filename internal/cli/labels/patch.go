// SPDX-License-Identifier: Apache-2.0

package labels

import (
	"fmt"
	"maps"
	"strings"

	psaapi "k8s.io/pod-security-admission/api"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/cli"
	"github.com/podsecurity-rollout/operator/internal/cli/output"
	"github.com/podsecurity-rollout/operator/internal/cli/survey"
	"github.com/podsecurity-rollout/operator/internal/ladder"
	"github.com/podsecurity-rollout/operator/internal/nslabels"
)

// namespacePatch is a Namespace with nothing but labels.
type namespacePatch struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name   string            `json:"name"`
		Labels map[string]string `json:"labels"`
	} `json:"metadata"`
}

// patchOf answers the patch that gives a namespace the six labels of a policy.
func patchOf(name string, policy psaapi.Policy) namespacePatch {
	patch := namespacePatch{APIVersion: "v1", Kind: "Namespace"}
	patch.Metadata.Name, patch.Metadata.Labels = name, map[string]string{}
	for _, mode := range ladder.Modes {
		maps.Copy(patch.Metadata.Labels, nslabels.Wanted(ladder.Rung{Mode: mode, To: ladder.Of(policy, mode)}))
	}
	return patch
}

// write writes the patch, and before it what it does and what would be refused by it. It ends with findings when something would.
func (o *options) write(s *survey.Survey, name string, wanted psaapi.Policy, rungs string) error {
	evidence := s.Evidence(name, wanted.Enforce)
	violates := evidence.Verdict() != v1alpha1.VerdictCompliant
	if o.format.Name == output.YAML {
		if rungs != "" {
			fmt.Fprintf(o.Out, "# %s\n", rungs)
		}
		if violates {
			message := strings.ReplaceAll(evidence.ForGate().Message(), "\n", " ")
			fmt.Fprintf(o.Out, "# not yet: enforce=%s would refuse the pods of %s\n", wanted.Enforce.String(), message)
		}
	}
	if err := o.format.Write(o.Out, patchOf(name, wanted)); err != nil {
		return err
	}
	if violates {
		return cli.ErrFindings
	}
	return nil
}
