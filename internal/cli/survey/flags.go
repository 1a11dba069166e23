// SPDX-License-Identifier: Apache-2.0

package survey

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/utils/clock"

	"github.com/podsecurity-rollout/operator/internal/cli/cluster"
	"github.com/podsecurity-rollout/operator/internal/cli/term"
	"github.com/podsecurity-rollout/operator/internal/inventory"
	"github.com/podsecurity-rollout/operator/internal/psaconfig"
	"github.com/podsecurity-rollout/operator/internal/standards"
)

// Flags are those of the commands that look at the cluster.
type Flags struct {
	configFile string
	Selector   string
}

// AddFlags adds them, and the selector of namespaces for commands that take many.
func (f *Flags) AddFlags(cmd *cobra.Command, many bool) {
	cmd.Flags().StringVar(&f.configFile, "pod-security-config", "",
		"The API server's PodSecurity configuration file, if it has one: cluster defaults and exemptions, which no API shows")
	if many {
		cmd.Flags().StringVarP(&f.Selector, "selector", "l", "", "Only namespaces whose labels match, such as team=shop,env!=dev")
	}
}

// Look takes a survey of some namespaces, all when none is named, and tells of its progress on errOut.
func (f *Flags) Look(ctx context.Context, c *cluster.Cluster, errOut io.Writer, names ...string) (*Survey, error) {
	config, err := psaconfig.Load(f.configFile)
	if err != nil {
		return nil, err
	}
	server, err := c.Version(ctx)
	if err != nil {
		return nil, err
	}
	if library := standards.NewestVersion(); library.Older(server) {
		fmt.Fprintf(errOut, "warning: the API server is at %s and this plugin knows the standards up to %s: what is newer is not judged\n",
			server.String(), library.String())
	}
	s, err := take(ctx, c, errOut, Options{Names: names, Selector: f.Selector, Server: server, Config: config})
	if err != nil {
		return nil, cluster.Explain(err)
	}
	if len(s.NotJudged) > 0 {
		fmt.Fprintf(errOut, "warning: you may not list objects of kind %s, so their pod templates are not judged: what is said to comply may not\n",
			strings.Join(s.NotJudged, ", "))
	}
	return s, nil
}

// take tells of its progress while it looks.
func take(ctx context.Context, c *cluster.Cluster, errOut io.Writer, o Options) (*Survey, error) {
	progress := term.StartProgress(errOut, clock.RealClock{}, "Listing")
	defer progress.Stop()
	o.Listed = progress.Add
	clients, err := inventory.NewClients(c.Config)
	if err != nil {
		return nil, err
	}
	return Take(ctx, clients, o)
}
