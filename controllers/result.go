// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// errStale says that what a write was decided on is no longer so. The change
// that made it stale is on its way through the watch.
var errStale = errors.New("the decision is out of date")

// settle is the time after which a stale decision is looked at again, should
// the watch event that outdates it have been handled already.
const settle = time.Second

// resultOf tells errors apart: what is out of date is decided again once the
// caches have caught up, what is gone needs nothing more, anything else is
// retried with backoff.
func resultOf(ctx context.Context, after time.Duration, err error) (ctrl.Result, error) {
	switch {
	case err == nil:
		return ctrl.Result{RequeueAfter: after}, nil
	case errors.Is(err, errStale), apierrors.IsConflict(err):
		log.FromContext(ctx).V(1).Info("Deciding again", "reason", err.Error())
		return ctrl.Result{RequeueAfter: settle}, nil
	case apierrors.IsNotFound(err):
		return ctrl.Result{}, nil
	default:
		return ctrl.Result{}, err
	}
}

// refused is whether the API server refuses a write for good: a right is
// missing, or an admission policy or webhook says no.
func refused(err error) bool {
	return apierrors.IsForbidden(err) || apierrors.IsInvalid(err) || apierrors.IsBadRequest(err)
}
