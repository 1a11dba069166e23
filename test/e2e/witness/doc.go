// SPDX-License-Identifier: Apache-2.0

// Package witness tells tests what was done to namespaces, by the word of the
// API server and of nobody else: its watch, which shows every version of every
// namespace, and its audit log, which says who wrote which of them.
//
// It knows Pod Security's labels and nothing of the operator: what it reports
// must not depend on the code that it is asked about. It may import
// k8s.io/pod-security-admission and client-go, and nothing of this module.
package witness
