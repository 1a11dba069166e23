// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/cli"
)

// A shell waits for completions: they come soon and are not too many, or not at all.
const (
	completeWithin = 3 * time.Second
	mostCompleted  = 1000
)

// CompleteNamespaces completes arguments that are namespaces, at most so many, each once.
func CompleteNamespaces(f cli.Factory, most int) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) >= most {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		left := slices.DeleteFunc(namespaces(cmd.Context(), f), func(name string) bool { return slices.Contains(args, name) })
		return left, cobra.ShellCompDirectiveNoFileComp
	}
}

// CompleteRollouts completes one argument that is a PodSecurityRollout.
func CompleteRollouts(f cli.Factory) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return rollouts(cmd.Context(), f), cobra.ShellCompDirectiveNoFileComp
	}
}

func namespaces(ctx context.Context, f cli.Factory) []cobra.Completion {
	ctx, cancel := context.WithTimeout(ctx, completeWithin)
	defer cancel()
	c, err := Connect(f)
	if err != nil {
		return nil
	}
	list, err := c.Kube.CoreV1().Namespaces().List(ctx, metav1.ListOptions{Limit: mostCompleted})
	if err != nil {
		return nil
	}
	names := make([]cobra.Completion, 0, len(list.Items))
	for i := range list.Items {
		names = append(names, list.Items[i].Name)
	}
	return names
}

func rollouts(ctx context.Context, f cli.Factory) []cobra.Completion {
	ctx, cancel := context.WithTimeout(ctx, completeWithin)
	defer cancel()
	c, err := Connect(f)
	if err != nil {
		return nil
	}
	api, err := c.Rollouts()
	if err != nil {
		return nil
	}
	list := &v1alpha1.PodSecurityRolloutList{}
	if err := api.List(ctx, list, client.Limit(mostCompleted)); err != nil {
		return nil
	}
	var names []cobra.Completion
	for i := range list.Items {
		names = append(names, list.Items[i].Name)
	}
	return names
}

func contexts(f cli.Factory) []cobra.Completion {
	config, err := f.ToRawKubeConfigLoader().RawConfig()
	if err != nil {
		return nil
	}
	return slices.Sorted(maps.Keys(config.Contexts))
}
