// SPDX-License-Identifier: Apache-2.0

// Package term is what the plugin's commands write to a terminal with: colour
// where it is taken, tables and text that fit its width, bars, progress of long
// work, a screen that is drawn again. Where the output is no terminal there is
// none of it, and lines are as long as they are.
//
// It may import the packages of other modules that do the drawing, and nothing
// of this one.
package term
