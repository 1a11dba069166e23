// SPDX-License-Identifier: Apache-2.0

package isolation

// Kind is what stands between a pod and its node's kernel.
type Kind string

const (
	// SharedKernel is for runtimes that start processes of the node's own kernel,
	// such as runc and crun.
	SharedKernel Kind = "SharedKernel"
	// UserSpaceKernel is for runtimes that answer system calls themselves, such as
	// gVisor's runsc.
	UserSpaceKernel Kind = "UserSpaceKernel"
	// VirtualMachine is for runtimes that boot a kernel for each pod, such as Kata
	// and Firecracker.
	VirtualMachine Kind = "VirtualMachine"
	// WebAssembly is for runtimes that run WebAssembly modules. They run ordinary
	// containers too, on the node's own kernel.
	WebAssembly Kind = "WebAssembly"
	// Unknown is for handlers whose name says nothing.
	Unknown Kind = "Unknown"
)

// kinds in the order that messages list them.
var kinds = []Kind{SharedKernel, UserSpaceKernel, VirtualMachine, WebAssembly, Unknown}

// Isolates is whether the kind keeps a privileged pod from its node's kernel. Only
// what is known to do so does.
func (k Kind) Isolates() bool {
	return k == UserSpaceKernel || k == VirtualMachine
}
