// SPDX-License-Identifier: Apache-2.0

// Package evidence tests what a verdict is made of on real API servers that are configured otherwise than by default: with exemptions and defaults of their
// own, and emulating an older version. The operator runs in the test's process, as the cluster's admin.
package evidence
