// SPDX-License-Identifier: Apache-2.0

// Package manifests reads workloads from manifests that nobody wrote for this
// project: the addons and testing manifests of Kubernetes, which come with its
// module in the Go module cache. They are read there and never copied.
//
// It may import API machinery and nothing of this module.
package manifests
