// SPDX-License-Identifier: Apache-2.0

// Package controlplane starts and stops a real Kubernetes control plane on loopback: etcd,
// kube-apiserver and, when asked, kube-controller-manager, as child processes.
//
// The tests, the demo and hack/cluster use it to put the operator in front of the API server that
// admits pods in production, with its PodSecurity plugin, its audit log, its RBAC and its emulated
// versions, where envtest would hide those behind defaults. No kubelet runs: pods stay Pending,
// which admission does not mind.
//
// Everything of a control plane lives in one directory, Options.Dir:
//
//	kubeconfig          cluster-admin
//	audit.log           what the API server saw, written before it answers
//	logs/               one file a process
//	etcd/ pki/ config/  data, keys and generated configuration
//	run/                pid files
//	controlplane.json   ports, tokens and options, by which another process finds the cluster
//
// It is for trying and testing only: etcd takes any client of the same machine, and a crash of the
// machine loses data.
//
// The binaries come from hack/controlplane (make controlplane) or from KUBEBUILDER_ASSETS.
//
// It may import the standard library, k8s.io/api, k8s.io/apimachinery and k8s.io/client-go, and
// nothing of the operator: what checks the operator must not depend on it.
package controlplane
