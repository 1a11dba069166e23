// SPDX-License-Identifier: Apache-2.0

package isolation

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/sets"
)

// Exemption is a runtime class whose pods the API server's PodSecurity plugin does
// not look at.
type Exemption struct {
	// Class is the name in the configuration's exemptions.runtimeClasses.
	Class string
	// Exists is whether there is a RuntimeClass of that name.
	Exists bool
	// Handler is that class's, empty when there is none.
	Handler string
	// Isolation is what the handler stands for, Unknown when there is none.
	Isolation Kind
	// Unsafe is whether the class is not known to isolate: it does not exist, its
	// handler shares the kernel or also runs what does, or says nothing.
	Unsafe bool
	// Reason says in a sentence what the class is, and of an unsafe one how to put
	// it right.
	Reason string
}

// Judge answers the exemptions for these classes, ordered by class. classes are the
// handlers of the cluster's RuntimeClasses, by name.
func Judge(exempt sets.Set[string], classes map[string]string, table *Table) []Exemption {
	var out []Exemption
	for _, class := range sets.List(exempt) {
		e := Exemption{Class: class, Isolation: Unknown}
		if e.Handler, e.Exists = classes[class]; e.Exists {
			e.Isolation = table.Kind(e.Handler)
		}
		e.Unsafe = !e.Isolation.Isolates()
		e.Reason = e.reason()
		out = append(out, e)
	}
	return out
}

// Safe answers the classes whose exemption is not unsafe.
func Safe(exemptions []Exemption) sets.Set[string] {
	safe := sets.New[string]()
	for _, e := range exemptions {
		if !e.Unsafe {
			safe.Insert(e.Class)
		}
	}
	return safe
}

func (e Exemption) reason() string {
	if !e.Exists {
		return fmt.Sprintf("RuntimeClass %q does not exist, and whoever creates it chooses what its pods run on: create it with a handler that isolates, or end its exemption", e.Class)
	}
	handler := fmt.Sprintf("The handler %q of RuntimeClass %q ", e.Handler, e.Class)
	switch e.Isolation {
	case UserSpaceKernel:
		return handler + "gives its pods a kernel in user space"
	case VirtualMachine:
		return handler + "gives its pods a virtual machine"
	case SharedKernel:
		return handler + "shares the node's kernel, so that a privileged pod is root on the node: use a handler that isolates, or end its exemption"
	case WebAssembly:
		return handler + "runs WebAssembly modules, but ordinary containers too, on the node's own kernel: end its exemption"
	}
	return handler + fmt.Sprintf("is not known to isolate: if it does, give the operator --runtime-handlers=%s=%s (or %s), otherwise end its exemption",
		e.Handler, VirtualMachine, UserSpaceKernel)
}
