// SPDX-License-Identifier: Apache-2.0

// Package cluster is how the plugin's commands reach a cluster: the flags that
// kubectl has, clients, what completes names of namespaces and rollouts, and
// errors that say what is missing and what to do about it.
//
// It may import the API, internal/cli, internal/serverversion, client-go and
// controller-runtime's client.
package cluster
