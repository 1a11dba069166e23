// SPDX-License-Identifier: Apache-2.0

package preview

import (
	"cmp"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

// setDefaults gives a spec the defaults of the CRD's schema, which the API server would: a preview needs neither. A test holds it against that schema.
func setDefaults(spec *v1alpha1.PodSecurityRolloutSpec) {
	spec.Mode = cmp.Or(spec.Mode, v1alpha1.RolloutModeApply)
	spec.LabelConflicts = cmp.Or(spec.LabelConflicts, v1alpha1.LabelConflictYield)
	setDefault(&spec.Suspend, false)
	if spec.ExcludedNamespaces == nil {
		spec.ExcludedNamespaces = []string{"kube-system", "kube-public", "kube-node-lease"}
	}
	for i := range spec.Targets {
		spec.Targets[i].Version = cmp.Or(spec.Targets[i].Version, v1alpha1.VersionCluster)
	}
	setDefault(&spec.Strategy, v1alpha1.Strategy{})
	setStrategyDefaults(spec.Strategy)
}

func setStrategyDefaults(s *v1alpha1.Strategy) {
	for _, mode := range []**v1alpha1.ModeStrategy{&s.Audit, &s.Warn} {
		setDefault(mode, v1alpha1.ModeStrategy{})
		(*mode).Require = cmp.Or((*mode).Require, v1alpha1.RequirementCompliant)
		setDefault(&(*mode).Soak, metav1.Duration{})
	}
	setDefault(&s.Enforce, v1alpha1.EnforceStrategy{})
	setDefault(&s.Enforce.Soak, metav1.Duration{})
	setDefault(&s.Enforce.Bake, metav1.Duration{Duration: 10 * time.Minute})
	s.Enforce.Approval = cmp.Or(s.Enforce.Approval, v1alpha1.ApprovalAutomatic)
	s.Enforce.OnRejection = cmp.Or(s.Enforce.OnRejection, v1alpha1.RejectionHold)
	for i := range s.Waves {
		setDefault(&s.Waves[i].MinComplete, intstr.FromString("100%"))
	}
	if s.Budgets == nil {
		s.Budgets = []v1alpha1.Budget{{Namespaces: "10%"}}
	}
}

func setDefault[T any](field **T, value T) {
	if *field == nil {
		*field = ptr.To(value)
	}
}
