// SPDX-License-Identifier: Apache-2.0

// Package v1alpha1 is the API of podsecurity-rollout: the two kinds
// PodSecurityRollout and NamespaceRollout, their validation (OpenAPI and CEL,
// enforced by the API server itself), and every condition type and reason the
// operator writes.
//
// It imports nothing of this project, so that any client may use it.
//
// +kubebuilder:object:generate=true
// +kubebuilder:ac:generate=true
// +groupName=rollout.podsecurity.dev
package v1alpha1
