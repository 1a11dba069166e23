// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/spf13/cobra"

	"github.com/podsecurity-rollout/operator/internal/cli"
	"github.com/podsecurity-rollout/operator/internal/cli/check"
	"github.com/podsecurity-rollout/operator/internal/cli/explain"
	"github.com/podsecurity-rollout/operator/internal/cli/fix"
	"github.com/podsecurity-rollout/operator/internal/cli/labels"
	"github.com/podsecurity-rollout/operator/internal/cli/preview"
	"github.com/podsecurity-rollout/operator/internal/cli/report"
	"github.com/podsecurity-rollout/operator/internal/cli/status"
	"github.com/podsecurity-rollout/operator/internal/cli/steer"
)

// commands are those of the plugin, in the order of --help.
func commands(f cli.Factory) []*cobra.Command {
	return []*cobra.Command{
		check.New(f),
		fix.New(f),
		preview.New(f),
		report.New(f),
		status.New(f),
		explain.New(f),
		steer.NewApprove(f),
		steer.NewRetry(f),
		steer.NewSuspend(f),
		steer.NewResume(f),
		labels.New(f),
	}
}
