// SPDX-License-Identifier: Apache-2.0

package isolation

// builtIn are the handlers that the runtimes' own installers and documents use.
// What does not clearly isolate is left out, and so Unknown. No RuntimeClass has
// the handler "": that is what pods without a class run on.
var builtIn = []entry{
	{"", SharedKernel},
	{"runc", SharedKernel},
	{"crun", SharedKernel},
	{"youki", SharedKernel},
	{"docker", SharedKernel},
	{"high-performance", SharedKernel}, // CRI-O's, for CPU pinning
	{"nvidia", SharedKernel},
	{"nvidia-cdi", SharedKernel},
	{"nvidia-legacy", SharedKernel},
	{"sysbox-runc", SharedKernel}, // user namespaces, the same kernel
	{"runhcs-wcow-process", SharedKernel},

	{"gvisor", UserSpaceKernel},
	{"gvisor-*", UserSpaceKernel},
	{"runsc", UserSpaceKernel},
	{"runsc-*", UserSpaceKernel},

	{"kata", VirtualMachine},
	{"kata-*", VirtualMachine},
	{"firecracker", VirtualMachine},
	{"cloud-hypervisor", VirtualMachine},
	{"urunc", VirtualMachine},
	{"runhcs-lcow", VirtualMachine},
	{"runhcs-wcow-hypervisor", VirtualMachine},
	{"runhcs-wcow-hypervisor-*", VirtualMachine},

	{"crun-wasm*", WebAssembly},
	{"lunatic", WebAssembly},
	{"lunatic-*", WebAssembly},
	{"slight", WebAssembly},
	{"slight-*", WebAssembly},
	{"spin", WebAssembly},
	{"spin-*", WebAssembly},
	{"wamr", WebAssembly},
	{"wasm", WebAssembly},
	{"wasmedge", WebAssembly},
	{"wasmedge-*", WebAssembly},
	{"wasmer", WebAssembly},
	{"wasmer-*", WebAssembly},
	{"wasmtime", WebAssembly},
	{"wasmtime-*", WebAssembly},
	{"wws", WebAssembly},
	{"wws-*", WebAssembly},
}
