// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

// forbiddenFor is how long a kind must not be listed before it is taken as one that is not to be watched. A role that is made along with the
// CustomResourceDefinition comes a moment later, and a server that has just started forbids what it will allow.
const forbiddenFor = 30 * time.Second

// patient makes a kind be taken as not watched once its list has been forbidden for some time, so that verdicts do not wait for it for ever. The reflector goes
// on trying, and a list that succeeds makes it a watched kind again. Any other error is waited out, as with the built-in kinds.
func (w *customWatcher) patient(logger klog.Logger, k kind, lw *cache.ListWatch) *cache.ListWatch {
	clock := w.inventory.options.Clock
	var since time.Time
	given := false
	list := lw.ListWithContextFunc
	lw.ListWithContextFunc = func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
		page, err := list(ctx, options)
		switch {
		case !apierrors.IsForbidden(err):
			since, given = time.Time{}, false
		case since.IsZero():
			since = clock.Now()
		case !given && clock.Since(since) >= forbiddenFor:
			given = true
			w.inventory.unwatch(k, err.Error())
			logger.Error(err, "A custom workload is not watched: give the operator the right to list and watch it, see docs/workloads.md",
				"kind", w.inventory.kinds.nameOf(k))
		}
		return page, err
	}
	return lw
}
