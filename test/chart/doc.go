// SPDX-License-Identifier: Apache-2.0

// Package chart tests charts/podsecurity-rollout with the Go packages of Helm 3 and
// Helm 4: both lint it, both render the objects that kustomize renders of
// config/chart, and both install, upgrade and uninstall it on a real API server
// while a rollout is in progress. It also types what docs/install.md tells to type.
//
// It may import api/v1alpha1 and test/controlplane of the operator. All of it is in
// _test.go files.
package chart
