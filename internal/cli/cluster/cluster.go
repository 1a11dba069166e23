// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	psaapi "k8s.io/pod-security-admission/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/cli"
	"github.com/podsecurity-rollout/operator/internal/serverversion"
)

// The client's own limit of requests, as kubectl has it.
const (
	requestsPerSecond = 50
	requestsAtOnce    = 300
)

// shown are those of kubectl's flags that --help lists; the others are taken too.
var shown = map[string]bool{"context": true, "kubeconfig": true, "namespace": true}

// AddFlags adds the flags with which kubectl is told about cluster and user.
func AddFlags(cmd *cobra.Command, f cli.Factory) {
	flags := pflag.NewFlagSet(cmd.Name(), pflag.ContinueOnError)
	f.ConfigFlags.AddFlags(flags)
	flags.VisitAll(func(flag *pflag.Flag) { flag.Hidden = !shown[flag.Name] })
	cmd.Flags().AddFlagSet(flags)
	_ = cmd.RegisterFlagCompletionFunc("namespace", func(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return namespaces(cmd.Context(), f), cobra.ShellCompDirectiveNoFileComp
	})
	_ = cmd.RegisterFlagCompletionFunc("context", func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return contexts(f), cobra.ShellCompDirectiveNoFileComp
	})
}

// Scheme knows the built-in kinds and ours.
func Scheme() *runtime.Scheme {
	s := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(s))
	utilruntime.Must(v1alpha1.AddToScheme(s))
	return s
}

// Cluster is a cluster to ask.
type Cluster struct {
	Config *rest.Config
	// Kube talks protobuf.
	Kube kubernetes.Interface
}

// Connect makes the clients that the flags ask for. Nothing is sent yet.
func Connect(f cli.Factory) (*Cluster, error) {
	cfg, err := f.ToRESTConfig()
	if err != nil {
		return nil, Explain(err)
	}
	cfg = rest.CopyConfig(cfg)
	cfg.QPS, cfg.Burst = requestsPerSecond, requestsAtOnce
	protobuf := rest.CopyConfig(cfg)
	protobuf.ContentType = runtime.ContentTypeProtobuf
	protobuf.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	kube, err := kubernetes.NewForConfig(protobuf)
	if err != nil {
		return nil, fmt.Errorf("making a client: %w", err)
	}
	return &Cluster{Config: cfg, Kube: kube}, nil
}

// Rollouts answers a client for the operator's kinds.
func (c *Cluster) Rollouts() (client.Client, error) {
	rollouts, err := client.New(c.Config, client.Options{Scheme: Scheme()})
	if err != nil {
		return nil, Explain(err)
	}
	return rollouts, nil
}

// Version asks for the API server's emulation version, which is what its standards are of.
func (c *Cluster) Version(ctx context.Context) (psaapi.Version, error) {
	d, err := discovery.NewDiscoveryClientForConfig(c.Config)
	if err != nil {
		return psaapi.Version{}, fmt.Errorf("making a client: %w", err)
	}
	info, err := d.ServerVersionWithContext(ctx)
	if err != nil {
		return psaapi.Version{}, Explain(fmt.Errorf("asking the API server for its version: %w", err))
	}
	return serverversion.Parse(info)
}

// NamespaceOf answers the namespace that a command is about: its argument, else the one of --namespace or of the current context.
func NamespaceOf(f cli.Factory, args []string) (string, error) {
	if len(args) > 0 {
		return args[0], nil
	}
	namespace, _, err := f.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return "", Explain(fmt.Errorf("reading the namespace of the current context: %w", err))
	}
	return namespace, nil
}
