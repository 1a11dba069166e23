// SPDX-License-Identifier: Apache-2.0

//go:build unix && !linux

package controlplane

import (
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// processAttributes keep a child out of reach of the terminal's signals. There is no way here to
// have it end with this process: Stop does.
func processAttributes(detach bool) *syscall.SysProcAttr {
	if detach {
		return &syscall.SysProcAttr{Setsid: true}
	}
	return &syscall.SysProcAttr{Setpgid: true}
}

// commandLine answers the arguments of a process, program first, or nil when it does not run.
func commandLine(pid int) []string {
	out, err := exec.Command("ps", "-ww", "-o", "command=", "-p", strconv.Itoa(pid)).Output()
	if err != nil {
		return nil
	}
	return strings.Fields(string(out))
}

// ending tells whether a process without arguments is still known to the system.
func ending(pid int) bool {
	return len(commandLine(pid)) == 0 && syscall.Kill(pid, 0) == nil
}
