// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/spf13/cobra"

	"github.com/podsecurity-rollout/operator/internal/cli"
	"github.com/podsecurity-rollout/operator/internal/cli/preview"
)

// commands are those of the plugin, in the order of --help.
func commands(f cli.Factory) []*cobra.Command {
	return []*cobra.Command{
		preview.New(f),
	}
}
