// SPDX-License-Identifier: Apache-2.0

// Package psaconfig reads the API server's own PodSecurity configuration: the
// cluster's default policy, and who is exempt. No API shows it, so the operator
// is given the same file that the API server is given, and follows its changes.
//
// The file is read as the API server reads it: with its types, its strictness
// and its way of finding the file that a plugin's path names. It may import
// nothing of this project.
package psaconfig
