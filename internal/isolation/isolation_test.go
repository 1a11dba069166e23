// SPDX-License-Identifier: Apache-2.0

package isolation

import (
	"flag"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
)

func TestBuiltInHandlers(t *testing.T) {
	for kind, handlers := range map[Kind][]string{
		SharedKernel:    {"", "runc", "crun", "youki", "docker", "nvidia", "nvidia-cdi", "nvidia-legacy", "sysbox-runc", "runhcs-wcow-process", "high-performance"},
		UserSpaceKernel: {"runsc", "gvisor", "runsc-kvm", "gvisor-gpu"},
		VirtualMachine: {
			"kata", "kata-qemu", "kata-clh", "kata-fc", "kata-dragonball", "kata-cc", "kata-remote", "kata-qemu-nvidia-gpu-snp", "firecracker",
			"cloud-hypervisor", "urunc", "runhcs-wcow-hypervisor", "runhcs-wcow-hypervisor-17763", "runhcs-lcow",
		},
		WebAssembly: {"wasmtime", "wasmedge", "wasmer", "spin", "spin-v2", "slight", "wws", "lunatic", "crun-wasm", "crun-wasmedge", "wasmtime-spin-v2"},
		Unknown:     {"acme", "katalyst", "runc-kata", "my-kata", "runscx", "sandbox", "runhcs"},
	} {
		for _, handler := range handlers {
			if got := new(Table).Kind(handler); got != kind {
				t.Errorf("handler %q is %s, want %s", handler, got, kind)
			}
		}
	}
}

// Each built-in pattern must be one that a RuntimeClass's handler can match, and
// none may hide another.
func TestBuiltInPatternsAreSound(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range builtIn {
		if seen[e.pattern] {
			t.Errorf("pattern %q is there twice", e.pattern)
		}
		seen[e.pattern] = true
		handler := strings.ReplaceAll(e.pattern, "*", "x")
		if errs := validation.IsDNS1123Label(handler); handler != "" && len(errs) > 0 {
			t.Errorf("pattern %q matches no handler: %v", e.pattern, errs)
		}
		if kind := new(Table).Kind(handler); kind != e.kind {
			t.Errorf("handler %q is %s, want %s of pattern %q", handler, kind, e.kind, e.pattern)
		}
	}
}

func TestDocumentNamesEveryBuiltInHandler(t *testing.T) {
	document, err := os.ReadFile("../../docs/exemptions.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range builtIn {
		if e.pattern != "" && !strings.Contains(string(document), "`"+e.pattern+"`") {
			t.Errorf("docs/exemptions.md does not name %q", e.pattern)
		}
	}
}

func TestGivenHandlers(t *testing.T) {
	for name, tc := range map[string]struct {
		given []string
		want  map[string]Kind
	}{
		"a name":                    {[]string{"acme=VirtualMachine"}, map[string]Kind{"acme": VirtualMachine, "acme-2": Unknown, "runc": SharedKernel}},
		"a list":                    {[]string{"acme=VirtualMachine, b=WebAssembly"}, map[string]Kind{"acme": VirtualMachine, "b": WebAssembly}},
		"more than once":            {[]string{"acme=VirtualMachine", "b=SharedKernel"}, map[string]Kind{"acme": VirtualMachine, "b": SharedKernel}},
		"a glob":                    {[]string{"*-vm=VirtualMachine"}, map[string]Kind{"acme-vm": VirtualMachine, "vm": Unknown}},
		"one character":             {[]string{"v?=VirtualMachine"}, map[string]Kind{"v1": VirtualMachine, "v": Unknown, "v12": Unknown}},
		"a name before a glob":      {[]string{"acme-*=SharedKernel,acme-vm=VirtualMachine"}, map[string]Kind{"acme-vm": VirtualMachine, "acme-x": SharedKernel}},
		"the first glob":            {[]string{"acme-*=SharedKernel,*-vm=VirtualMachine"}, map[string]Kind{"acme-vm": SharedKernel, "x-vm": VirtualMachine}},
		"before the built-in names": {[]string{"kata=SharedKernel,run*=Unknown"}, map[string]Kind{"kata": SharedKernel, "runsc": Unknown, "kata-fc": VirtualMachine}},
		"the same twice":            {[]string{"acme=VirtualMachine", "acme=VirtualMachine"}, map[string]Kind{"acme": VirtualMachine}},
		"nothing":                   {[]string{"", " "}, map[string]Kind{"acme": Unknown, "kata": VirtualMachine}},
	} {
		t.Run(name, func(t *testing.T) {
			table := new(Table)
			flags := flag.NewFlagSet("", flag.ContinueOnError)
			flags.Var(table, "runtime-handlers", "")
			for _, value := range tc.given {
				if err := flags.Parse([]string{"--runtime-handlers", value}); err != nil {
					t.Fatal(err)
				}
			}
			again := new(Table)
			if err := again.Set(table.String()); err != nil {
				t.Errorf("what it writes out cannot be read: %v", err)
			}
			for handler, want := range tc.want {
				if got := table.Kind(handler); got != want || again.Kind(handler) != want {
					t.Errorf("handler %q is %s, written out and read again %s; want %s", handler, got, again.Kind(handler), want)
				}
			}
		})
	}
}

func TestRefusedHandlers(t *testing.T) {
	for name, tc := range map[string]struct {
		value string
		want  []string // value, remedy
	}{
		"no kind":        {"acme", []string{`"acme" has no kind`, "acme-vm=VirtualMachine"}},
		"an empty item":  {"acme=SharedKernel,", []string{`"" has no kind`}},
		"unknown kind":   {"acme=VM", []string{`handler "acme"`, `unknown kind "VM"`, "SharedKernel, UserSpaceKernel, VirtualMachine, WebAssembly, Unknown"}},
		"other spelling": {"acme=virtualmachine", []string{`unknown kind "virtualmachine"`}},
		"no handler":     {"=VirtualMachine", []string{`"" is no handler`, "lower case"}},
		"no DNS label":   {"aws.firecracker=VirtualMachine", []string{`"aws.firecracker" is no handler`, "lower case"}},
		"upper case":     {"Acme=VirtualMachine", []string{`"Acme" is no handler`}},
		"too long":       {strings.Repeat("a", 64) + "=VirtualMachine", []string{"is no handler"}},
		"brackets":       {"[a-z]=VirtualMachine", []string{`"[a-z]" is no handler`}},
		"contradiction":  {"acme=VirtualMachine,acme=SharedKernel", []string{`handler "acme" is given as VirtualMachine and as SharedKernel`, "keep one"}},
	} {
		t.Run(name, func(t *testing.T) {
			flags := flag.NewFlagSet("", flag.ContinueOnError)
			flags.SetOutput(io.Discard)
			flags.Var(new(Table), "runtime-handlers", "")
			err := flags.Parse([]string{"--runtime-handlers=" + tc.value})
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range append(tc.want, "-runtime-handlers") {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
		})
	}
}

func TestJudge(t *testing.T) {
	classes := map[string]string{"sandbox": "runsc", "vm": "kata-qemu", "fast": "runc", "wasm": "spin", "odd": "acme", "idle": "kata"}
	got := Judge(sets.New("vm", "sandbox", "fast", "wasm", "odd", "kata"), classes, new(Table))
	want := []Exemption{
		{Class: "fast", Exists: true, Handler: "runc", Isolation: SharedKernel, Unsafe: true},
		{Class: "kata", Isolation: Unknown, Unsafe: true},
		{Class: "odd", Exists: true, Handler: "acme", Isolation: Unknown, Unsafe: true},
		{Class: "sandbox", Exists: true, Handler: "runsc", Isolation: UserSpaceKernel},
		{Class: "vm", Exists: true, Handler: "kata-qemu", Isolation: VirtualMachine},
		{Class: "wasm", Exists: true, Handler: "spin", Isolation: WebAssembly, Unsafe: true},
	}
	reasons := map[string]string{
		"fast": "shares the node's kernel", "kata": "does not exist", "odd": "--runtime-handlers=acme=VirtualMachine",
		"sandbox": "a kernel in user space", "vm": "a virtual machine", "wasm": "ordinary containers too",
	}
	for i := range got {
		if e := got[i]; !strings.Contains(e.Reason, reasons[e.Class]) || !strings.Contains(e.Reason, `"`+e.Class+`"`) {
			t.Errorf("reason of %s is %q, want one that names the class and says %q", e.Class, e.Reason, reasons[e.Class])
		}
		if got[i].Unsafe != strings.Contains(got[i].Reason, "end its exemption") {
			t.Errorf("reason of %s is %q; unsafe: %v", got[i].Class, got[i].Reason, got[i].Unsafe)
		}
		got[i].Reason = ""
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("exemptions (-want +got):\n%s", diff)
	}
	if safe := sets.List(Safe(got)); !slices.Equal(safe, []string{"sandbox", "vm"}) {
		t.Errorf("safe are %v, want sandbox and vm", safe)
	}
}

func TestJudgeGoesByTheTable(t *testing.T) {
	table := new(Table)
	if err := table.Set("acme=VirtualMachine,kata=SharedKernel"); err != nil {
		t.Fatal(err)
	}
	got := Judge(sets.New("odd", "kata"), map[string]string{"odd": "acme", "kata": "kata"}, table)
	if got[0].Class != "kata" || !got[0].Unsafe || got[1].Unsafe {
		t.Errorf("got %v, want kata unsafe and odd not", got)
	}
	if got := Judge(nil, map[string]string{"kata": "kata"}, table); len(got) != 0 {
		t.Errorf("got %v of no exemption", got)
	}
}
