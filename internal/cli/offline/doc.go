// SPDX-License-Identifier: Apache-2.0

// Package offline is what the commands share that need no cluster: which manifests they read, and which level and version each pod is held to.
//
// It may import internal/cli, manifest, remedy and standards.
package offline
