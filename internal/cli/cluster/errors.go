// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"errors"
	"fmt"
	"net"
	"net/url"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

// ErrNotInstalled says that the cluster does not know the operator's kinds.
var ErrNotInstalled = fmt.Errorf("the operator is not installed in this cluster, which has no kinds of %s: install it, or use "+
	"`kubectl podsecurity preview`, which needs nothing installed", v1alpha1.GroupVersion)

// Explain adds to an error of a request what is missing and what to do about it.
func Explain(err error) error {
	var unreachable *url.Error
	var network net.Error
	switch {
	case err == nil:
		return nil
	case NotInstalled(err):
		return ErrNotInstalled
	case clientcmd.IsEmptyConfig(err):
		return fmt.Errorf("no cluster is configured: set KUBECONFIG, or give --kubeconfig or --server: %w", err)
	case apierrors.IsUnauthorized(err):
		return fmt.Errorf("%w: the cluster does not know who you are: log in again, or choose another --context", err)
	case apierrors.IsForbidden(err):
		return fmt.Errorf("%w: ask for that right, or name only namespaces that you may read", err)
	case errors.As(err, &unreachable) && errors.As(unreachable.Err, &network):
		return fmt.Errorf("%w: the API server cannot be reached: is it the right --context, and is the network up?", err)
	default:
		return err
	}
}

// NotInstalled is whether an error says that the cluster does not know the operator's kinds.
func NotInstalled(err error) bool {
	var group *discovery.ErrGroupDiscoveryFailed
	return errors.Is(err, ErrNotInstalled) || meta.IsNoMatchError(err) || errors.As(err, &group)
}
