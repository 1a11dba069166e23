// SPDX-License-Identifier: Apache-2.0

// Command manager is the operator.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/go-logr/zapr"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	ctrlzap "sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/podsecurity-rollout/operator/controllers"
	"github.com/podsecurity-rollout/operator/internal/inventory"
	"github.com/podsecurity-rollout/operator/internal/isolation"
	"github.com/podsecurity-rollout/operator/internal/standards"
	"github.com/podsecurity-rollout/operator/internal/workloadkinds"
)

// version is stamped by the build.
var version = "dev"

// stopWithin is how long what is under way may take after the signal to stop.
const stopWithin = 20 * time.Second

type options struct {
	leaderElect             bool
	leaderElectionNamespace string
	metricsAddress          string
	metricsSecure           bool
	probeAddress            string
	podSecurityConfig       string
	runtimeHandlers         isolation.Table
	requireIsolated         bool
	workloadKinds           []workloadkinds.Kind
	ownerLabels             []string
	reports                 bool
	version                 bool
	zap                     ctrlzap.Options
}

func main() {
	if err := run(ctrl.SetupSignalHandler(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "manager:", err)
		os.Exit(1)
	}
}

func parse(args []string) (options, error) {
	var o options
	flags := flag.CommandLine // controller-runtime has registered --kubeconfig on it
	flags.Init("manager", flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), "The podsecurity-rollout operator: climbs the Pod Security labels of namespaces, one rung at a time.\n\nFlags:\n")
		flags.PrintDefaults()
	}
	flags.BoolVar(&o.leaderElect, "leader-elect", false,
		"act only while holding a lease, so that more than one replica can run; the others stand by with their inventory warm")
	flags.StringVar(&o.leaderElectionNamespace, "leader-election-namespace", "",
		"namespace of the lease; empty means the one the operator runs in")
	flags.StringVar(&o.metricsAddress, "metrics-bind-address", "0", `address to serve metrics on, such as ":8443"; "0" serves none`)
	flags.BoolVar(&o.metricsSecure, "metrics-secure", true, "serve metrics by HTTPS, to clients that the API server authenticates and authorises")
	flags.StringVar(&o.probeAddress, "health-probe-bind-address", ":8081", `address to serve /healthz and /readyz on; "0" serves none`)
	flags.StringVar(&o.podSecurityConfig, "pod-security-config", "",
		"file that the API server's PodSecurity plugin is configured with (AdmissionConfiguration or PodSecurityConfiguration); "+
			"read again when it changes; empty means the built-in defaults")
	flags.Var(&o.runtimeHandlers, "runtime-handlers", "what kind of isolation the handlers of RuntimeClasses stand for, as `handler=kind,...`, before what is built in; "+
		"handlers may be globs, kinds are SharedKernel, UserSpaceKernel, VirtualMachine, WebAssembly and Unknown; may be repeated")
	flags.BoolVar(&o.requireIsolated, "require-isolated-exemptions", false,
		"judge pods whose runtime class the API server exempts though it does not exist, or is not known to isolate from the node's kernel")
	flags.Func("workload-kinds",
		"custom kinds to look for pod templates in, besides the well-known ones: `group/version/Kind=path[,...]`, such as \"example.com/v1/App=spec.template\"; "+
			"the path leads to a pod template or pod spec, [*] in it to every element of a list or map, + joins paths, and without one the kind only owns pods; "+
			"may be repeated, and needs the right to list and watch the kind", addKinds(&o.workloadKinds))
	o.ownerLabels = inventory.DefaultOwnerKeys
	flags.Func("owner-labels",
		"`labels` or annotations of a workload and of its namespace that say who owns it, the first that is there counts; empty for none (default "+
			strings.Join(inventory.DefaultOwnerKeys, ",")+")", setOwnerLabels(&o.ownerLabels))
	flags.Func("reports", "`kind` of reports to write, one for each namespace: \"openreports\" (openreports.io/v1alpha1), where the API server serves them; "+
		"needs the rights of config/openreports; empty for none", setReports(&o.reports))
	flags.BoolVar(&o.version, "version", false, "print the version and exit")
	o.zap.BindFlags(flags)
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q: the operator takes flags only, see --help", flags.Arg(0))
	}
	return o, nil
}

func run(ctx context.Context, args []string) error {
	o, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	if o.version {
		fmt.Println("podsecurity-rollout", version, "knows the Pod Security Standards up to", knownVersion())
		return nil
	}
	log := zapr.NewLogger(ctrlzap.NewRaw(ctrlzap.UseFlagOptions(&o.zap)))
	ctrl.SetLogger(log)
	klog.SetLogger(log)
	log.Info("Starting", "version", version, "standards", knownVersion())

	mgr, err := newManager(o)
	if err != nil {
		return err
	}
	op, err := controllers.AddToManager(mgr, controllers.Options{
		PodSecurityConfig: o.podSecurityConfig, RuntimeHandlers: o.runtimeHandlers, RequireIsolatedExemptions: o.requireIsolated,
		WorkloadKinds: o.workloadKinds, OwnerLabels: o.ownerLabels, Reports: o.reports, Version: version, Clock: clock.RealClock{},
	})
	if err != nil {
		return err
	}
	if err := addProbes(mgr, op.Inventory); err != nil {
		return err
	}
	return mgr.Start(ctx)
}

// setReports takes the one kind of reports there is, or none.
func setReports(write *bool) func(string) error {
	return func(kind string) error {
		if kind != "" && kind != "openreports" {
			return fmt.Errorf("no kind of reports is called %q: openreports is", kind)
		}
		*write = kind != ""
		return nil
	}
}

func knownVersion() string {
	v := standards.NewestVersion()
	return v.String()
}

func newManager(o options) (ctrl.Manager, error) {
	cfg, err := ctrl.GetConfig()
	if err != nil {
		return nil, fmt.Errorf("finding the API server (run in a cluster, or give --kubeconfig): %w", err)
	}
	// The API server's priority and fairness is the limit; this one only keeps a
	// start with ten thousand namespaces from being slowed by the client.
	cfg.QPS, cfg.Burst = 200, 400
	metrics := metricsserver.Options{BindAddress: o.metricsAddress, SecureServing: o.metricsSecure}
	if o.metricsSecure {
		metrics.FilterProvider = filters.WithAuthenticationAndAuthorization
	}
	stop := stopWithin
	mgr, err := ctrl.NewManager(cfg, ctrl.Options{
		Scheme:                        controllers.NewScheme(),
		Cache:                         controllers.CacheOptions(),
		Metrics:                       metrics,
		HealthProbeBindAddress:        o.probeAddress,
		LeaderElection:                o.leaderElect,
		LeaderElectionID:              "podsecurity-rollout",
		LeaderElectionNamespace:       o.leaderElectionNamespace,
		LeaderElectionReleaseOnCancel: true,
		GracefulShutdownTimeout:       &stop,
		// Whoever stands by has everything cached when it comes to lead.
		Controller: config.Controller{EnableWarmup: ptr.To(true)},
	})
	if err != nil {
		return nil, fmt.Errorf("making the manager: %w", err)
	}
	return mgr, nil
}

// addProbes serves liveness as long as the process answers, and readiness once
// the inventory has seen everything that runs.
func addProbes(mgr ctrl.Manager, pods *inventory.Inventory) error {
	if err := mgr.AddHealthzCheck("ping", healthz.Ping); err != nil {
		return err
	}
	return mgr.AddReadyzCheck("inventory", func(*http.Request) error {
		if !pods.Synced() {
			return errors.New("not every watch of pods and workloads has synced yet")
		}
		return nil
	})
}
