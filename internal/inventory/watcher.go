// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

// Watcher fills an inventory from the API server. It is a manager's Runnable that runs on every replica, so that a standby has its inventory when it is
// elected.
type Watcher struct {
	clients   Clients
	inventory *Inventory
}

// Clients are what a Watcher talks to the API server with.
type Clients struct {
	// Typed is for the built-in kinds, and to find out which custom kinds are served. The others are not used without custom kinds.
	Typed kubernetes.Interface
	// Metadata is for CustomResourceDefinitions, and for custom kinds without templates.
	Metadata metadata.Interface
	// Dynamic is for custom kinds with templates.
	Dynamic dynamic.Interface
}

// NewWatcher makes a watcher that talks protobuf, which takes a fraction of the time and memory of JSON to decode, wherever the server does. It needs the
// rights to list and watch, in all namespaces: pods, replicationcontrollers and podtemplates, replicasets, deployments, statefulsets and daemonsets of apps, jobs and
// cronjobs of batch; with custom kinds, also those that are served, and customresourcedefinitions. What it must not list of these it does without, see
// Inventory.Unwatched.
func NewWatcher(cfg *rest.Config, inventory *Inventory) (*Watcher, error) {
	clients, err := NewClients(cfg)
	if err != nil {
		return nil, err
	}
	return NewWatcherForClients(clients, inventory), nil
}

// NewClients makes clients that talk protobuf wherever the server does.
func NewClients(cfg *rest.Config) (Clients, error) {
	cfg = rest.CopyConfig(cfg)
	cfg.ContentType = runtime.ContentTypeProtobuf
	cfg.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	var clients Clients
	var errs [3]error
	clients.Typed, errs[0] = kubernetes.NewForConfig(cfg)
	clients.Metadata, errs[1] = metadata.NewForConfig(cfg)
	clients.Dynamic, errs[2] = dynamic.NewForConfig(cfg)
	if err := errors.Join(errs[:]...); err != nil {
		return Clients{}, fmt.Errorf("building the clients of the inventory: %w", err)
	}
	return clients, nil
}

// NewWatcherForClients makes a watcher with clients as they are.
func NewWatcherForClients(clients Clients, inventory *Inventory) *Watcher {
	return &Watcher{clients: clients, inventory: inventory}
}

// Start watches until the context is done, and answers nil then. A watch that fails is taken up again by its reflector, with growing pauses of up to 30
// seconds or so; the errors are logged by the context's logger.
func (w *Watcher) Start(ctx context.Context) error {
	var running sync.WaitGroup
	for k := range builtinCount {
		reflector := w.reflector(ctx, k)
		running.Go(func() { reflector.RunWithContext(ctx) })
	}
	if len(w.inventory.kinds.customKinds()) > 0 {
		running.Go(func() { newCustomWatcher(w.clients, w.inventory).run(ctx) })
	}
	running.Wait()
	return nil
}

// NeedLeaderElection says that the watches run on every replica.
func (w *Watcher) NeedLeaderElection() bool {
	return false
}

// listWatches list and watch each kind in all namespaces.
var listWatches = [builtinCount]func(kubernetes.Interface, reducer) *cache.ListWatch{
	pods: func(c kubernetes.Interface, r reducer) *cache.ListWatch { return listWatch(c.CoreV1().Pods(""), r) },
	replicationControllers: func(c kubernetes.Interface, r reducer) *cache.ListWatch {
		return listWatch(c.CoreV1().ReplicationControllers(""), r)
	},
	podTemplates: func(c kubernetes.Interface, r reducer) *cache.ListWatch {
		return listWatch(c.CoreV1().PodTemplates(""), r)
	},
	replicaSets: func(c kubernetes.Interface, r reducer) *cache.ListWatch {
		return listWatch(c.AppsV1().ReplicaSets(""), r)
	},
	deployments: func(c kubernetes.Interface, r reducer) *cache.ListWatch {
		return listWatch(c.AppsV1().Deployments(""), r)
	},
	statefulSets: func(c kubernetes.Interface, r reducer) *cache.ListWatch {
		return listWatch(c.AppsV1().StatefulSets(""), r)
	},
	daemonSets: func(c kubernetes.Interface, r reducer) *cache.ListWatch {
		return listWatch(c.AppsV1().DaemonSets(""), r)
	},
	jobs: func(c kubernetes.Interface, r reducer) *cache.ListWatch { return listWatch(c.BatchV1().Jobs(""), r) },
	cronJobs: func(c kubernetes.Interface, r reducer) *cache.ListWatch {
		return listWatch(c.BatchV1().CronJobs(""), r)
	},
}

// reflector makes the reflector of a built-in kind. It uses WatchList where client-go does and the server has it, and lists by the page otherwise.
func (w *Watcher) reflector(ctx context.Context, k kind) *cache.Reflector {
	logger := klog.FromContext(ctx)
	s := &store{inventory: w.inventory, kind: k, logger: logger}
	lw := cache.ToListWatcherWithWatchListSemantics(listWatches[k](w.clients.Typed, s.reduced), w.clients.Typed)
	return newReflector(logger, lw, w.inventory.kinds.infos[k], s)
}

func newReflector(logger klog.Logger, lw cache.ListerWatcher, info kindInfo, s cache.ReflectorStore) *cache.Reflector {
	return cache.NewReflectorWithOptions(lw, info.example, s, cache.ReflectorOptions{Logger: &logger, Name: "inventory/" + info.name})
}

// listWatcher is a client of one kind.
type listWatcher[L runtime.Object] interface {
	List(ctx context.Context, options metav1.ListOptions) (L, error)
	Watch(ctx context.Context, options metav1.ListOptions) (watch.Interface, error)
}

// reducer makes an object a record.
type reducer func(obj any) (*record, error)

// listWatch has a client list and watch. Pages are reduced as they arrive, so that a list of all pods is never held whole.
func listWatch[L runtime.Object](client listWatcher[L], reduce reducer) *cache.ListWatch {
	return &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			page, err := client.List(ctx, paged(options))
			if err != nil {
				return nil, err
			}
			return reducedPage(page, reduce)
		},
		WatchFuncWithContext: client.Watch,
	}
}

// paged makes a list come in pages. A reflector sets a limit, but first asks for version "0", and to that servers answer from their cache, everything at
// once.
func paged(options metav1.ListOptions) metav1.ListOptions {
	if options.ResourceVersion == "0" {
		options.ResourceVersion = ""
	}
	return options
}

// reducedPage is a page of a list with each object reduced.
func reducedPage(page runtime.Object, reduce reducer) (runtime.Object, error) {
	list, err := meta.ListAccessor(page)
	if err != nil {
		return nil, fmt.Errorf("reading a list: %w", err)
	}
	records := &internalversion.List{ListMeta: metav1.ListMeta{ResourceVersion: list.GetResourceVersion(), Continue: list.GetContinue()}}
	err = meta.EachListItem(page, func(obj runtime.Object) error {
		r, err := reduce(obj)
		if err == nil {
			records.Items = append(records.Items, r)
		}
		return err
	})
	return records, err
}
