// SPDX-License-Identifier: Apache-2.0

// Package fix is `kubectl podsecurity fix`: manifests with the fields that make their pods comply with a level, everything else left as it was written.
//
// What to set comes from internal/remedy, the text from internal/manifest. What would take something away that somebody wrote is said, and done only when it is
// asked for.
//
// It may import internal/cli, cli/offline, manifest, remedy and standards.
package fix
