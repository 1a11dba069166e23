// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// processAttributes keep a child out of reach of the terminal's signals. Detached, it is in a session
// of its own; otherwise the kernel kills it when the thread that started it ends.
func processAttributes(detach bool) *syscall.SysProcAttr {
	if detach {
		return &syscall.SysProcAttr{Setsid: true}
	}
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// commandLine answers the arguments of a process, program first, or nil when it does not run or is
// ending.
func commandLine(pid int) []string {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	data = bytes.TrimRight(data, "\x00")
	if err != nil || len(data) == 0 {
		return nil
	}
	return strings.Split(string(data), "\x00")
}

// ending tells whether a process has given up its memory, and with it its arguments, but not yet all
// the rest. That is done when nobody but its parent may still want to know of it.
func ending(pid int) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil || len(commandLine(pid)) > 0 {
		return false
	}
	// See proc_pid_stat(5): the name, in parentheses, may hold anything; the state follows, and the
	// number of threads is 17 fields on.
	const state, threads = 0, 17
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	if len(fields) <= threads {
		return false
	}
	dead := fields[state] == "Z" || fields[state] == "X"
	return !dead || (fields[threads] != "0" && fields[threads] != "1")
}
