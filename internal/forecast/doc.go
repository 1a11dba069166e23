// SPDX-License-Identifier: Apache-2.0

// Package forecast says, before a version or a level is raised, what that will break and what it will allow: for the level in force and the next stricter
// one, each stretch of versions at which the same is violated, from the version in force to the newest one known. A newer version is not always stricter.
//
// It asks for a verdict only where upstream changes a check, and its answer is bounded and stably ordered, fit for a status.
//
// Everything here is a pure function of its arguments: no client, no logger, no wall clock. Of this module the package imports internal/standards.
package forecast
