// SPDX-License-Identifier: Apache-2.0

// Package conformance shows that internal/standards says what upstream says, to the letter.
//
// Upstream ships thousands of pods with its library, sorted into folders by level, version and whether they pass. For each of them, and for random pods,
// the whole pod and its reduced profile must give the same findings at every level and version, the verdict of the folder, and the message that upstream's
// own evaluator gives.
//
// A check that cannot fail shows nothing. So each field that a profile keeps is dropped in turn, and some fixture must notice.
//
// The fixtures come from test/fixtures, the random pods from test/randompod. The package holds tests only.
package conformance
