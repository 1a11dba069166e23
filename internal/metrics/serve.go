// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"context"
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/manager"
)

// Serve answers what has a collector scraped for as long as it runs: by every
// replica, or only by the one that leads.
func Serve(registry prometheus.Registerer, c prometheus.Collector, leaderOnly bool) manager.Runnable {
	return &served{registry: registry, collector: c, leaderOnly: leaderOnly}
}

type served struct {
	registry   prometheus.Registerer
	collector  prometheus.Collector
	leaderOnly bool
}

// Start implements manager.Runnable. Of several operators in one process, which
// only tests have, the first is scraped.
func (s *served) Start(ctx context.Context) error {
	err := s.registry.Register(s.collector)
	if errors.As(err, &prometheus.AlreadyRegisteredError{}) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("registering metrics: %w", err)
	}
	<-ctx.Done()
	s.registry.Unregister(s.collector)
	return nil
}

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (s *served) NeedLeaderElection() bool { return s.leaderOnly }
