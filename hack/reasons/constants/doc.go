// SPDX-License-Identifier: Apache-2.0

// Package constants reads the condition types and the reasons of the API, with
// their comments, from the Go source: for the page that hack/reasons writes, and
// for the tests of the pages that people write.
//
// It imports nothing of this project.
package constants
