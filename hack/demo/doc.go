// SPDX-License-Identifier: Apache-2.0

// Command demo shows the operator at work, on a real Kubernetes control plane full of manifests that
// nobody wrote for it, and checks the outcome against Pod Security Admission itself.
//
// It starts the local cluster (test/controlplane), fills namespaces with the addons and testing
// manifests of Kubernetes, which it reads from the Go module cache, installs config/default, and runs
// the operator as a child process with the rights of its ServiceAccount. Then it shows each namespace
// climbing or held and why, fixes one workload, and shows that namespace climb on.
//
// What the namespaces' labels ought to be is computed from the upstream evaluator, the API server's
// own dry runs and a few lines of arithmetic (expect.go), without any code of the operator: the demo
// ends with exit code 0 only when that is what it finds.
//
// It may import the API, test/controlplane and client libraries, and nothing of internal/.
package main
