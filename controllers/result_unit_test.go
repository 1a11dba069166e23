// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"errors"
	"fmt"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func TestResultOf(t *testing.T) {
	shops := schema.GroupResource{Resource: "namespaces"}
	conflict := apierrors.NewConflict(shops, "shop", errors.New("it has changed"))
	missing := apierrors.NewNotFound(shops, "shop")
	for name, tc := range map[string]struct {
		err   error
		after time.Duration
		fails bool
	}{
		"all is well":         {nil, time.Hour, false},
		"out of date":         {errStale, time.Second, false},
		"out of date, told":   {fmt.Errorf("%w: the turn has changed", errStale), time.Second, false},
		"a conflict":          {conflict, time.Second, false},
		"a conflict, wrapped": {fmt.Errorf("applying: %w", conflict), time.Second, false},
		"gone":                {missing, 0, false},
		"gone, wrapped":       {fmt.Errorf("applying: %w", missing), 0, false},
		"refused":             {apierrors.NewForbidden(shops, "shop", errors.New("no right")), 0, true},
		"anything else":       {errors.New("connection refused"), 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := resultOf(t.Context(), time.Hour, tc.err)
			if got.RequeueAfter != tc.after {
				t.Errorf("again after %s, want %s", got.RequeueAfter, tc.after)
			}
			if tc.fails != (err != nil) || tc.fails && !errors.Is(err, tc.err) {
				t.Errorf("error %v, want it to be retried: %v", err, tc.fails)
			}
		})
	}
}

// What a person has to put right is told in the status; the rest may pass.
func TestRefused(t *testing.T) {
	shops := schema.GroupResource{Resource: "namespaces"}
	for name, tc := range map[string]struct {
		err  error
		want bool
	}{
		"no error":                {nil, false},
		"a right is missing":      {apierrors.NewForbidden(shops, "shop", errors.New("no right")), true},
		"told with more words":    {fmt.Errorf("applying: %w", apierrors.NewForbidden(shops, "shop", errors.New("no right"))), true},
		"it is invalid":           {apierrors.NewInvalid(schema.GroupKind{Kind: "Namespace"}, "shop", nil), true},
		"a webhook says no":       {apierrors.NewBadRequest("no"), true},
		"a conflict":              {apierrors.NewConflict(shops, "shop", errors.New("it has changed")), false},
		"the server is too busy":  {apierrors.NewTooManyRequests("later", 1), false},
		"gone":                    {apierrors.NewNotFound(shops, "shop"), false},
		"out of date":             {errStale, false},
		"nothing the server said": {errors.New("connection refused"), false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := refused(tc.err); got != tc.want {
				t.Errorf("refused: %v, want %v", got, tc.want)
			}
		})
	}
}
