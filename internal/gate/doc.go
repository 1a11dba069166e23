// SPDX-License-Identifier: Apache-2.0

// Package gate answers whether a namespace may climb its next rung now.
//
// The rules run in the order of the table in docs/architecture.md; the first
// that holds the rung back gives the reason, the message and when to look
// again. One rule a file.
//
// It is pure: everything it decides from is in Input, time included, and the
// API server's dry run is a value that the caller fetches when the decision
// asks for it. It may import the API, internal/ladder and internal/standards.
package gate
