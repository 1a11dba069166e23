// SPDX-License-Identifier: Apache-2.0

// Package workloadkinds knows the kinds of custom resources that make pods: what each is called, and where inside its objects the pod templates are.
//
// WellKnown are those that the operator knows by itself; Parse reads another from a flag. A kind without a template is there for ownership only: KubeVirt
// builds the pod of a VirtualMachine itself, out of no template, so that nothing can be said of it before the pod is there; but the pod's owners lead up to the
// VirtualMachine.
//
// A Tekton Task has steps and no pod template. What its pods will be is known well enough to judge them beforehand: each step is a container, with the
// securityContext of spec.stepTemplate where it has none of its own. The adapter of tekton.go makes that pod. What a TaskRun adds to it (a pod-level
// securityContext, workspaces) is not known: for the baseline level, which objects to fields that are set, that makes no difference but for what a TaskRun
// adds; at restricted a Task has to say by itself what it relies on.
//
// The package is pure: decoded objects come in, pod templates go out. It imports Kubernetes' API types and nothing of this module.
package workloadkinds
