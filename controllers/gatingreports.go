// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"

	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/reportgate"
)

// GatingReports answers what fails in the reports of other tools.
type GatingReports interface {
	// Reports answers those of a namespace in which something fails, and why there may
	// be others, empty when these are all.
	Reports(namespace string) (failing []reportgate.Report, unread string)
	// Settled is false until it is known whether they can be read, where any are asked for.
	Settled() bool
}

// asking tells whether any rollout asks for reports to hold its enforce rungs. It runs
// on every replica, so that a standby has read them when it comes to lead.
type asking struct {
	cache cache.Cache
	tell  func(asked bool)
}

// NeedLeaderElection is false: see asking.
func (a *asking) NeedLeaderElection() bool { return false }

// Start tells at once, and after every change of a rollout, until the context is done.
func (a *asking) Start(ctx context.Context) error {
	informer, err := a.cache.GetInformer(ctx, &v1alpha1.PodSecurityRollout{})
	if err != nil {
		return fmt.Errorf("watching PodSecurityRollouts: %w", err)
	}
	look := func() {
		var rollouts v1alpha1.PodSecurityRolloutList
		if err := a.cache.List(ctx, &rollouts); err != nil {
			log.FromContext(ctx).Error(err, "Could not list PodSecurityRollouts")
			return
		}
		a.tell(asked(rollouts.Items))
	}
	handler, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc: func(any) { look() }, UpdateFunc: func(any, any) { look() }, DeleteFunc: func(any) { look() },
	})
	if err != nil {
		return fmt.Errorf("watching PodSecurityRollouts: %w", err)
	}
	look() // there may be none
	<-ctx.Done()
	return informer.RemoveEventHandler(handler)
}

// asked is whether a rollout asks for reports. One that is suspended does: what
// would hold it is told.
func asked(rollouts []v1alpha1.PodSecurityRollout) bool {
	for i := range rollouts {
		strategy := ptr.Deref(rollouts[i].Spec.Strategy, v1alpha1.Strategy{})
		if len(ptr.Deref(strategy.Enforce, v1alpha1.EnforceStrategy{}).Reports) > 0 {
			return true
		}
	}
	return false
}
