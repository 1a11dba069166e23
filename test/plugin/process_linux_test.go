// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"os"
	"syscall"
)

// peakMemory is the most memory a process had at one time, in bytes.
func peakMemory(state *os.ProcessState) int64 {
	usage, ok := state.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	return usage.Maxrss * 1024
}
