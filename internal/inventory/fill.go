// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"context"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"
)

// fillPage is how many objects are asked for at a time, and fillAtOnce how many kinds: both bound what is held undecoded at one time.
const (
	fillPage   = 500
	fillAtOnce = 3
)

// FillOptions say what is listed, and who is told.
type FillOptions struct {
	// Namespace is the one to list, all when it is empty.
	Namespace string
	// Listed is told how many more objects of a kind have arrived, Failed that a kind could not be listed: when it answers nil, the kind is taken for
	// empty, otherwise its answer is Fill's. Both may be nil, and are called from several goroutines at a time.
	Listed func(kind string, more int)
	Failed func(kind string, err error) error
}

// Fill lists each kind once, by pages, into an inventory that no Watcher fills: the way of a command, which looks once and ends. Once it has answered nil
// the inventory is synced. It needs the right to list what a Watcher lists; of the custom kinds those that are served. Like a Watcher's, its verdicts are of
// objects that were read one kind after the other.
func Fill(ctx context.Context, clients Clients, i *Inventory, o FillOptions) error {
	listers, err := i.listers(ctx, clients, o.Namespace)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(fillAtOnce)
	for k, list := range listers {
		group.Go(func() error {
			err := i.fill(ctx, k, list, o.Listed)
			if err == nil {
				return nil
			}
			err = fmt.Errorf("listing objects of kind %s: %w", i.kinds.nameOf(k), err)
			if o.Failed == nil {
				return err
			}
			if failed := o.Failed(i.kinds.nameOf(k), err); failed != nil {
				return failed
			}
			i.replaced(k)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	i.replaced(definitions)
	return nil
}

// fill takes in all objects of a kind. Each page is reduced before the next is asked for.
func (i *Inventory) fill(ctx context.Context, k kind, list lister, listed func(kind string, more int)) error {
	into := &store{inventory: i, kind: k, logger: klog.FromContext(ctx)}
	options := metav1.ListOptions{Limit: fillPage}
	for {
		page, err := list(ctx, options)
		if err != nil {
			return err
		}
		if err := meta.EachListItem(page, func(obj runtime.Object) error { return into.Add(obj) }); err != nil {
			return err
		}
		if listed != nil {
			listed(i.kinds.nameOf(k), meta.LenList(page))
		}
		accessor, err := meta.ListAccessor(page)
		if err != nil {
			return fmt.Errorf("reading a list: %w", err)
		}
		if options.Continue = accessor.GetContinue(); options.Continue == "" {
			i.replaced(k)
			return nil
		}
	}
}

// listers answers how each kind is listed: the built-in ones, and the custom ones that are served in namespaces.
func (i *Inventory) listers(ctx context.Context, clients Clients, namespace string) (map[kind]lister, error) {
	all := map[kind]lister{}
	for k, list := range builtinListers {
		all[kind(k)] = list(clients.Typed, namespace)
	}
	resources := map[schema.GroupVersion]*metav1.APIResourceList{}
	for _, k := range i.kinds.customKinds() {
		custom := i.kinds.infos[k].custom
		gv := custom.GroupVersion()
		if _, asked := resources[gv]; !asked {
			served, err := clients.Typed.Discovery().ServerResourcesForGroupVersionWithContext(ctx, gv.String())
			if err != nil && !apierrors.IsNotFound(err) {
				return nil, fmt.Errorf("discovering %s: %w", gv, err)
			}
			resources[gv] = served
		}
		if resource := resourceOf(resources[gv], custom.Kind); resource != "" {
			all[k] = customLister(clients, gv.WithResource(resource), namespace, len(custom.Templates) > 0)
		}
	}
	return all, nil
}

// resourceOf answers the resource of a kind, "" when it is not served in namespaces.
func resourceOf(served *metav1.APIResourceList, kind string) string {
	if served == nil {
		return ""
	}
	for _, resource := range served.APIResources {
		if resource.Kind == kind && resource.Namespaced && !strings.Contains(resource.Name, "/") {
			return resource.Name
		}
	}
	return ""
}

// customLister lists objects whole when they have templates, else their metadata.
func customLister(clients Clients, resource schema.GroupVersionResource, namespace string, whole bool) lister {
	if whole {
		return listerOf(clients.Dynamic.Resource(resource).Namespace(namespace).List)
	}
	return listerOf(clients.Metadata.Resource(resource).Namespace(namespace).List)
}

// lister lists one page.
type lister func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error)

// builtinListers list each built-in kind in one namespace, or in all.
var builtinListers = [builtinCount]func(client kubernetes.Interface, namespace string) lister{
	pods: func(c kubernetes.Interface, ns string) lister { return listerOf(c.CoreV1().Pods(ns).List) },
	replicationControllers: func(c kubernetes.Interface, ns string) lister {
		return listerOf(c.CoreV1().ReplicationControllers(ns).List)
	},
	podTemplates: func(c kubernetes.Interface, ns string) lister { return listerOf(c.CoreV1().PodTemplates(ns).List) },
	replicaSets:  func(c kubernetes.Interface, ns string) lister { return listerOf(c.AppsV1().ReplicaSets(ns).List) },
	deployments:  func(c kubernetes.Interface, ns string) lister { return listerOf(c.AppsV1().Deployments(ns).List) },
	statefulSets: func(c kubernetes.Interface, ns string) lister { return listerOf(c.AppsV1().StatefulSets(ns).List) },
	daemonSets:   func(c kubernetes.Interface, ns string) lister { return listerOf(c.AppsV1().DaemonSets(ns).List) },
	jobs:         func(c kubernetes.Interface, ns string) lister { return listerOf(c.BatchV1().Jobs(ns).List) },
	cronJobs:     func(c kubernetes.Interface, ns string) lister { return listerOf(c.BatchV1().CronJobs(ns).List) },
}

func listerOf[L runtime.Object](list func(context.Context, metav1.ListOptions) (L, error)) lister {
	return func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
		return list(ctx, options)
	}
}
