// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
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
// the inventory is synced. It needs the right to list what a Watcher lists. Like a Watcher's, its verdicts are of objects that were read one kind after the
// other.
func Fill(ctx context.Context, client kubernetes.Interface, i *Inventory, o FillOptions) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(fillAtOnce)
	for k := range kindCount {
		group.Go(func() error {
			err := i.fill(ctx, k, listers[k](client, o.Namespace), o.Listed)
			if err == nil {
				return nil
			}
			err = fmt.Errorf("listing objects of kind %s: %w", kinds[k].name, err)
			if o.Failed != nil {
				err = o.Failed(kinds[k].name, err)
			}
			if err == nil {
				i.replaced(k)
			}
			return err
		})
	}
	return group.Wait()
}

// fill takes in all objects of a kind. Each page is reduced before the next is asked for.
func (i *Inventory) fill(ctx context.Context, k kind, list lister, listed func(kind string, more int)) error {
	into := &store{inventory: i, kind: k}
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
			listed(kinds[k].name, meta.LenList(page))
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

// lister lists one page.
type lister func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error)

// listers list each kind in one namespace, or in all.
var listers = [kindCount]func(client kubernetes.Interface, namespace string) lister{
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
