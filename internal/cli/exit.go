// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
)

// The exit codes of the plugin.
const (
	ExitOK       = 0 // nothing is wrong
	ExitFindings = 1 // something violates
	ExitBadInput = 2 // what was given cannot be understood, or the cluster not be reached
)

// ErrFindings ends a command that has said what violates: nothing more is to be
// printed.
var ErrFindings = errors.New("there are findings")

// ExitCode answers the exit code of what a command has returned.
func ExitCode(err error) int {
	switch {
	case err == nil:
		return ExitOK
	case errors.Is(err, ErrFindings):
		return ExitFindings
	default:
		return ExitBadInput
	}
}

// Report prints what went wrong, unless the command has said it already.
func Report(f Factory, err error) {
	if err != nil && !errors.Is(err, ErrFindings) {
		fmt.Fprintln(f.ErrOut, "error:", err)
	}
}
