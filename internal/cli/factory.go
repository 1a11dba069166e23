// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// Factory is what commands are made from: where they read and write, and how they
// reach the cluster, by the flags that kubectl has.
type Factory struct {
	genericiooptions.IOStreams
	*genericclioptions.ConfigFlags
}

// NewFactory answers a factory on the streams given.
func NewFactory(streams genericiooptions.IOStreams) Factory {
	return Factory{IOStreams: streams, ConfigFlags: genericclioptions.NewConfigFlags(true)}
}
