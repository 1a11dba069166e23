// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/podsecurity-rollout/operator/internal/workloadkinds"
)

// addKinds reads values of --workload-kinds. The flag package puts its name before the errors.
func addKinds(kinds *[]workloadkinds.Kind) func(string) error {
	return func(value string) error {
		for part := range strings.SplitSeq(value, ",") {
			kind, err := workloadkinds.Parse(part)
			if err != nil {
				return err
			}
			*kinds = append(*kinds, kind)
		}
		_, err := workloadkinds.With(*kinds)
		return err
	}
}

// setOwnerLabels reads the value of --owner-labels, which may be empty.
func setOwnerLabels(labels *[]string) func(string) error {
	return func(value string) error {
		*labels = []string{}
		if strings.TrimSpace(value) == "" {
			return nil
		}
		for part := range strings.SplitSeq(value, ",") {
			key := strings.TrimSpace(part)
			if wrong := validation.IsQualifiedName(key); len(wrong) > 0 {
				return fmt.Errorf("%q is no key of a label: %s; write keys with commas between, such as \"team,app.kubernetes.io/part-of\"",
					key, strings.Join(wrong, ", "))
			}
			*labels = append(*labels, key)
		}
		return nil
	}
}
