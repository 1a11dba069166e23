// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/spf13/cobra"

	"github.com/podsecurity-rollout/operator/internal/cli"
)

// commands are those of the plugin, in the order of --help.
func commands(cli.Factory) []*cobra.Command {
	return nil
}
