// SPDX-License-Identifier: Apache-2.0

package summary

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

// maxNamespacesNamed bounds the namespaces that a message names.
const maxNamespacesNamed = 5

// setUnsafeExemption says which exempt runtime classes are not known to isolate,
// and what they let through.
func setUnsafeExemption(c *conditions, in RolloutInput) {
	var unsafe []string
	for _, e := range in.Exemptions {
		if e.Unsafe {
			unsafe = append(unsafe, fmt.Sprintf("%s. %s", letThrough(e.Class, in.Namespaces), e.Reason))
		}
	}
	if len(unsafe) == 0 {
		c.set(v1alpha1.ConditionUnsafeExemption, metav1.ConditionFalse, v1alpha1.ReasonNoUnsafeExemption,
			"No runtime class is exempt that is not known to isolate its pods")
		return
	}
	c.set(v1alpha1.ConditionUnsafeExemption, metav1.ConditionTrue, v1alpha1.ReasonNotIsolated, strings.Join(unsafe, "; "))
}

// letThrough says of a class how many pods its exemption lets through, and where.
func letThrough(class string, namespaces map[string]v1alpha1.NamespaceRolloutStatus) string {
	var pods int32
	var where []string
	for _, name := range slices.Sorted(maps.Keys(namespaces)) {
		for _, use := range namespaces[name].RuntimeClasses {
			if use.Name == class && use.LetThrough > 0 {
				pods += use.LetThrough
				where = append(where, name)
			}
		}
	}
	if pods == 0 {
		return fmt.Sprintf("The exemption of runtime class %s lets no violating pod through now", class)
	}
	named := strings.Join(where[:min(len(where), maxNamespacesNamed)], ", ")
	if more := len(where) - maxNamespacesNamed; more > 0 {
		named += fmt.Sprintf(" and %d more", more)
	}
	return fmt.Sprintf("The exemption of runtime class %s lets %d violating %s through in namespaces %s", class, pods, plural(int(pods), "pod", "pods"), named)
}

func setConfiguration(c *conditions, problem string) {
	if problem == "" {
		c.set(v1alpha1.ConditionConfigurationInvalid, metav1.ConditionFalse, v1alpha1.ReasonRead, "The API server's configuration is known as it was given")
		return
	}
	c.set(v1alpha1.ConditionConfigurationInvalid, metav1.ConditionTrue, v1alpha1.ReasonUnreadable, problem+". The last good configuration counts meanwhile")
}
