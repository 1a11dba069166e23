// SPDX-License-Identifier: Apache-2.0

// Package nslabels reads and writes the six pod-security labels of a namespace:
// the policy they put in force, who owns them, the API server's dry run of a
// level, and the server-side apply of one rung.
//
// It may import the API, internal/ladder and internal/gate, and client-go. The
// namespaces come from the caller's cache; the only requests it makes are the
// dry run and the apply.
package nslabels
