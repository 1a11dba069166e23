// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/discovery"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/inventory"
	"github.com/podsecurity-rollout/operator/internal/isolation"
	"github.com/podsecurity-rollout/operator/internal/metrics"
	"github.com/podsecurity-rollout/operator/internal/nslabels"
	"github.com/podsecurity-rollout/operator/internal/psaconfig"
	"github.com/podsecurity-rollout/operator/internal/rejections"
	"github.com/podsecurity-rollout/operator/internal/reportwatch"
	"github.com/podsecurity-rollout/operator/internal/runtimeclasses"
	"github.com/podsecurity-rollout/operator/internal/serverversion"
	"github.com/podsecurity-rollout/operator/internal/standards"
	"github.com/podsecurity-rollout/operator/internal/workloadkinds"
)

// NewScheme answers the kinds that the operator reads and writes.
func NewScheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(v1alpha1.AddToScheme(scheme))
	return scheme
}

// CacheOptions keeps managedFields of namespaces only: that is where it matters
// who owns a label.
func CacheOptions() cache.Options {
	return cache.Options{ByObject: map[client.Object]cache.ByObject{
		&v1alpha1.PodSecurityRollout{}: {Transform: cache.TransformStripManagedFields()},
		&v1alpha1.NamespaceRollout{}:   {Transform: cache.TransformStripManagedFields()},
	}}
}

// Options of the operator.
type Options struct {
	// PodSecurityConfig is the path of the file that the API server's PodSecurity
	// plugin is configured with, empty for the built-in defaults.
	PodSecurityConfig string
	// RuntimeHandlers says what kind of isolation the handlers of RuntimeClasses
	// stand for; the zero value knows the well-known ones.
	RuntimeHandlers isolation.Table
	// RequireIsolatedExemptions has pods judged whose runtime class the API server
	// exempts though it does not exist, or is not known to isolate.
	RequireIsolatedExemptions bool
	// WorkloadKinds are custom kinds to watch besides the well-known ones, or in
	// the place of those of the same group and name.
	WorkloadKinds []workloadkinds.Kind
	// OwnerLabels name the labels or annotations that say who owns a workload or
	// a namespace: the first that is there counts. Nil takes the defaults.
	OwnerLabels []string
	// Reports has a Report of OpenReports (openreports.io/v1alpha1) written for each
	// namespace, where the API server serves them.
	Reports bool
	// Version is the operator's own, for its metrics.
	Version string
	// Clock is the one clock that every decision goes by.
	Clock clock.PassiveClock
}

// Operator is the inventory and the two reconcilers, added to a manager.
type Operator struct {
	// Inventory is filled once the manager runs.
	Inventory *inventory.Inventory
	evaluator *standards.Evaluator
	server    *serverversion.Watcher
	refusals  *rejections.Watcher
	config    *psaconfig.Watcher
	classes   *runtimeclasses.Watcher
	reports   *reportwatch.Watcher
}

// AddToManager wires the operator into a manager. It asks the API server for
// its version, and errs when that does not answer.
func AddToManager(mgr ctrl.Manager, o Options) (*Operator, error) {
	op := &Operator{}
	if o.OwnerLabels == nil {
		o.OwnerLabels = inventory.DefaultOwnerKeys
	}
	for _, add := range []func(ctrl.Manager, Options) error{
		op.addConfig, op.addRuntimeClasses, op.addServerVersion, op.addInventory, op.addRefusals, op.addReports, op.addReconcilers, op.addMetrics,
	} {
		if err := add(mgr, o); err != nil {
			return nil, err
		}
	}
	return op, nil
}

func (op *Operator) addConfig(mgr ctrl.Manager, o Options) (err error) {
	if op.config, err = psaconfig.NewWatcher(o.PodSecurityConfig); err != nil {
		return fmt.Errorf("--pod-security-config: %w", err)
	}
	return mgr.Add(op.config)
}

func (op *Operator) addRuntimeClasses(mgr ctrl.Manager, _ Options) (err error) {
	if op.classes, err = runtimeclasses.NewWatcher(mgr.GetConfig()); err != nil {
		return err
	}
	return mgr.Add(op.classes)
}

func (op *Operator) addServerVersion(mgr ctrl.Manager, _ Options) error {
	d, err := discovery.NewDiscoveryClientForConfig(mgr.GetConfig())
	if err != nil {
		return fmt.Errorf("making a discovery client: %w", err)
	}
	if op.server, err = serverversion.New(context.Background(), d); err != nil {
		return err
	}
	return mgr.Add(op.server)
}

// The custom kinds that internal/workloadkinds knows. They are watched only
// where their definitions are served; without the right to list one, it is not.
// +kubebuilder:rbac:groups=apiextensions.k8s.io,resources=customresourcedefinitions,verbs=list;watch
// +kubebuilder:rbac:groups=argoproj.io,resources=rollouts,verbs=list;watch
// +kubebuilder:rbac:groups=serving.knative.dev,resources=configurations;revisions;services,verbs=list;watch
// +kubebuilder:rbac:groups=apps.kruise.io,resources=clonesets;daemonsets;statefulsets,verbs=list;watch
// +kubebuilder:rbac:groups=kubevirt.io,resources=virtualmachineinstances;virtualmachines,verbs=list;watch
// +kubebuilder:rbac:groups=tekton.dev,resources=tasks,verbs=list;watch
// +kubebuilder:rbac:groups=jobset.x-k8s.io,resources=jobsets,verbs=list;watch
// +kubebuilder:rbac:groups=leaderworkerset.x-k8s.io,resources=leaderworkersets,verbs=list;watch
// +kubebuilder:rbac:groups=kubeflow.org,resources=pytorchjobs;tfjobs,verbs=list;watch

// addInventory has every replica watch what runs, the leader or not.
func (op *Operator) addInventory(mgr ctrl.Manager, o Options) error {
	var err error
	if op.evaluator, err = standards.NewEvaluator(); err != nil {
		return err
	}
	kinds, err := workloadkinds.With(o.WorkloadKinds)
	if err != nil {
		return fmt.Errorf("--workload-kinds: %w", err)
	}
	op.Inventory = inventory.New(op.evaluator, inventory.Options{Clock: o.Clock, Kinds: kinds, OwnerKeys: o.OwnerLabels})
	watcher, err := inventory.NewWatcher(mgr.GetConfig(), op.Inventory)
	if err != nil {
		return err
	}
	return mgr.Add(watcher)
}

func (op *Operator) addRefusals(mgr ctrl.Manager, _ Options) (err error) {
	if op.refusals, err = rejections.NewWatcher(mgr.GetConfig()); err != nil {
		return err
	}
	return mgr.Add(op.refusals)
}

// addReports has every replica watch the reports of others, while a rollout asks for it.
func (op *Operator) addReports(mgr ctrl.Manager, _ Options) (err error) {
	if op.reports, err = reportwatch.NewWatcher(mgr.GetConfig()); err != nil {
		return err
	}
	if err := mgr.Add(op.reports); err != nil {
		return err
	}
	return mgr.Add(&asking{cache: mgr.GetCache(), tell: op.reports.Want})
}

// subscribe has a function called for every namespace whose pods, refused pods, or
// failing reports have changed.
func (op *Operator) subscribe(changed func(namespace string)) {
	op.Inventory.Subscribe(changed)
	op.refusals.Subscribe(changed)
	op.reports.Subscribe(changed)
}

// onChange has a function called when something has changed that concerns every
// namespace: the API server's version or configuration, or the RuntimeClasses that
// its exemptions are about.
func (op *Operator) onChange(changed func()) {
	op.server.OnChange(changed)
	op.config.OnChange(changed)
	op.classes.OnChange(changed)
}

func (op *Operator) addReconcilers(mgr ctrl.Manager, o Options) error {
	labels, err := nslabels.NewClient(mgr.GetConfig())
	if err != nil {
		return err
	}
	namespace := &NamespaceRolloutReconciler{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Labels: labels, Inventory: op.Inventory,
		Refusals: op.refusals, Server: op.server,
		Config:         op.config.Config,
		RuntimeClasses: op.classes, RuntimeHandlers: o.RuntimeHandlers, RequireIsolatedExemptions: o.RequireIsolatedExemptions,
		Insight: op.Inventory, Evaluator: op.evaluator, OwnerLabels: o.OwnerLabels, Reports: o.Reports, GatingReports: op.reports,
		Recorder: mgr.GetEventRecorder("podsecurity-rollout"), Clock: o.Clock,
	}
	if err := namespace.SetupWithManager(mgr, op.subscribe, op.onChange); err != nil {
		return fmt.Errorf("setting up the NamespaceRollout controller: %w", err)
	}
	rollout := &PodSecurityRolloutReconciler{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Server: op.server, Clock: o.Clock,
		Exemptions: func() []isolation.Exemption {
			return isolation.Judge(op.config.Config().ExemptRuntimeClasses, op.classes.Classes(), &o.RuntimeHandlers)
		},
		ConfigurationProblem: op.config.Problem,
	}
	if err := rollout.SetupWithManager(mgr, op.onChange); err != nil {
		return fmt.Errorf("setting up the PodSecurityRollout controller: %w", err)
	}
	return nil
}

// addMetrics has the state of the fleet told by the replica that leads, and that of
// the operator by every one.
func (op *Operator) addMetrics(mgr ctrl.Manager, o Options) error {
	fleet := &metrics.Fleet{Reader: mgr.GetClient(), Clock: o.Clock}
	self := &metrics.Operator{Version: o.Version, Inventory: op.Inventory.Stats, Server: op.server.Version}
	if err := mgr.Add(metrics.Serve(ctrlmetrics.Registry, fleet, true)); err != nil {
		return err
	}
	return mgr.Add(metrics.Serve(ctrlmetrics.Registry, self, false))
}
