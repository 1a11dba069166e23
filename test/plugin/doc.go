// SPDX-License-Identifier: Apache-2.0

// Package plugin tests the kubectl plugin as people run it: the built program, on
// a real API server, in a pseudo-terminal and without one.
//
// TestPreviewScale takes minutes and runs only with PLUGIN_SCALE=1.
package plugin
