// SPDX-License-Identifier: Apache-2.0

package survey

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/gate"
	"github.com/podsecurity-rollout/operator/internal/inventory"
	"github.com/podsecurity-rollout/operator/internal/reportgate"
)

// reportsPage is how many reports are listed at a time.
const reportsPage = 100

// AddReports adds to a question what the reports that the rollout names hold against
// the rung, as they are now. What the caller may not list is said to be unread; the
// operator may be able to.
func (c Case) AddReports(ctx context.Context, clients inventory.Clients, in *gate.Input) error {
	gates := enforceStrategy(c.Rollout).Reports
	if in.Rung.Mode != v1alpha1.ModeEnforce || len(gates) == 0 {
		return nil
	}
	var all []reportgate.Report
	access := map[reportgate.Kind]reportgate.Access{}
	for _, k := range reportgate.Kinds {
		reports, seen, err := listReports(ctx, clients, k, c.Namespace.Name)
		if err != nil {
			return err
		}
		all, access[k] = append(all, reports...), seen
	}
	in.FailingReports, in.UnreadReports = reportgate.Failing(gates, all), reportgate.Unread("this user", access)
	return nil
}

// listReports reads the reports of a kind in a namespace, a page at a time. Discovery is asked
// first: a list of what is not served is refused like one that needs a right.
func listReports(ctx context.Context, clients inventory.Clients, k reportgate.Kind, namespace string) ([]reportgate.Report, reportgate.Access, error) {
	served, err := serves(ctx, clients, k)
	if err != nil || !served {
		return nil, reportgate.NotServed, err
	}
	var out []reportgate.Report
	options := metav1.ListOptions{Limit: reportsPage}
	for {
		page, err := clients.Dynamic.Resource(k.GVR()).Namespace(namespace).List(ctx, options)
		switch {
		case apierrors.IsForbidden(err):
			return nil, reportgate.Forbidden, nil
		case err != nil:
			return nil, reportgate.Unknown, fmt.Errorf("listing %s: %w", k.Definition(), err)
		}
		for i := range page.Items {
			out = append(out, reportgate.Read(&page.Items[i]))
		}
		if options.Continue = page.GetContinue(); options.Continue == "" {
			return out, reportgate.Listed, nil
		}
	}
}

func serves(ctx context.Context, clients inventory.Clients, k reportgate.Kind) (bool, error) {
	list, err := clients.Typed.Discovery().ServerResourcesForGroupVersionWithContext(ctx, k.GroupVersion().String())
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("discovering %s: %w", k.GroupVersion(), err)
	}
	for _, resource := range list.APIResources {
		if resource.Name == k.Resource {
			return true, nil
		}
	}
	return false, nil
}
