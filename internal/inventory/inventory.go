// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"

	"github.com/podsecurity-rollout/operator/internal/standards"
	"github.com/podsecurity-rollout/operator/internal/workloadkinds"
)

// The default bounds of the memory of what is gone.
const (
	DefaultDepartedPerNamespace = 256
	DefaultDepartedFor          = 31 * 24 * time.Hour
)

// Options of an Inventory. The zero value takes every default.
type Options struct {
	// Clock says when something was last seen. Default: the real clock.
	Clock clock.PassiveClock
	// DepartedPerNamespace bounds how many distinct groups (profile, workload, source) that are gone a namespace remembers. Only those are
	// remembered that violate some level at some version. Beyond the bound falls off, first, the oldest of those whose profile a later departure
	// shows as well, then the oldest. Default: 256. Negative: none.
	DepartedPerNamespace int
	// DepartedFor bounds how long they are remembered. Default: 31 days.
	DepartedFor time.Duration
	// Kinds are the custom kinds to watch where they are served. Default: none.
	Kinds []workloadkinds.Kind
	// OwnerKeys name the labels or annotations of a workload that say who owns it: the first that it has counts. Nil is DefaultOwnerKeys, empty is none.
	OwnerKeys []string
}

// Inventory holds what runs in every namespace. It is filled by a Watcher and may be asked by many goroutines at once. It never calls the API server.
type Inventory struct {
	options   Options
	kinds     *catalog
	evaluator *standards.Evaluator

	// mu guards all below, and what kinds says of owners. It is held for one object, or for the objects of one namespace, at a time, and never while a profile
	// is evaluated for a verdict.
	mu         sync.RWMutex
	namespaces map[string]*namespace
	profiles   profiles
	// unsynced are the kinds of which the first list has not arrived: of the custom kinds, those that are served. As long as definitions is among them it is
	// not known which that are.
	unsynced map[kind]bool
	// unwatched is why a kind is not watched though it is served.
	unwatched   map[kind]string
	subscribers []func(namespace string)
}

// New makes an empty inventory, which answers nothing until every watch has synced.
func New(evaluator *standards.Evaluator, options Options) *Inventory {
	if options.Clock == nil {
		options.Clock = clock.RealClock{}
	}
	if options.DepartedPerNamespace == 0 {
		options.DepartedPerNamespace = DefaultDepartedPerNamespace
	}
	if options.DepartedFor <= 0 {
		options.DepartedFor = DefaultDepartedFor
	}
	if options.OwnerKeys == nil {
		options.OwnerKeys = DefaultOwnerKeys
	}
	i := &Inventory{
		options:    options,
		kinds:      newCatalog(options.Kinds),
		evaluator:  evaluator,
		namespaces: map[string]*namespace{},
		profiles:   profiles{evaluator: evaluator, byRef: map[profileRef]*profile{}},
		unsynced:   map[kind]bool{},
		unwatched:  map[kind]string{},
	}
	for k := range builtinCount {
		i.unsynced[k] = true
	}
	if len(options.Kinds) > 0 {
		i.unsynced[definitions] = true
	}
	return i
}

// Synced says whether the first list of every watch has arrived. It stays true when a watch is interrupted: the reflector then lists again, and the
// difference is taken in. It turns false for the moment that it takes to list a custom kind that has come to be served.
func (i *Inventory) Synced() bool {
	i.mu.RLock()
	defer i.mu.RUnlock()
	return len(i.unsynced) == 0
}

// Subscribe has a function called with the name of a namespace when what it shows changes: the set of distinct profile, topmost workload and source. A pod
// that comes or goes beside others like it is silence, and so is all that happens before every watch has synced; then the function is called once with
// metav1.NamespaceAll (""), which means every namespace there is, also those without any pod. So is a function that subscribes later, at once.
//
// Calls come from the watches' goroutines, no lock held, and may come from several at a time. A call must be brief, since its watch waits for it: add
// to a work queue, and ask for the Verdict from there.
func (i *Inventory) Subscribe(changed func(namespace string)) {
	i.mu.Lock()
	i.subscribers = append(i.subscribers, changed)
	synced := len(i.unsynced) == 0
	i.mu.Unlock()
	if synced {
		changed(metav1.NamespaceAll)
	}
}

// ForgetNamespace drops the memory of what is gone from a namespace. Call it when the namespace itself is gone: memory of it would otherwise stay until
// its time is over, and would be held against a namespace created under the same name. Subjects that the watches have not yet reported gone
// leave without being remembered.
func (i *Inventory) ForgetNamespace(name string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if n, known := i.namespaces[name]; known {
		n.forget()
		i.dropIfEmpty(name, n)
	}
}

// update changes a namespace, making it when needed and dropping it when nothing is left, and then tells the subscribers if it shows something else.
func (i *Inventory) update(name string, change func(*namespace)) {
	i.mu.Lock()
	n, known := i.namespaces[name]
	if !known {
		n = newNamespace(&i.options, i.kinds, &i.profiles)
		i.namespaces[name] = n
	}
	change(n)
	changed := n.changed
	n.changed = false
	i.dropIfEmpty(name, n)
	subscribers := i.subscribers
	if !changed || len(i.unsynced) > 0 {
		subscribers = nil
	}
	i.mu.Unlock()
	for _, tell := range subscribers {
		tell(name)
	}
}

func (i *Inventory) dropIfEmpty(name string, n *namespace) {
	if n.empty() {
		delete(i.namespaces, name)
	}
}

// replaced notes that a list of a kind has arrived. The first of the last kind tells the subscribers.
func (i *Inventory) replaced(k kind) {
	i.mu.Lock()
	first := i.unsynced[k]
	delete(i.unsynced, k)
	delete(i.unwatched, k)
	var subscribers []func(string)
	if first && len(i.unsynced) == 0 {
		subscribers = i.subscribers
	}
	i.mu.Unlock()
	for _, tell := range subscribers {
		tell(metav1.NamespaceAll)
	}
}

// namespaceNames are the namespaces that there is anything about.
func (i *Inventory) namespaceNames() []string {
	i.mu.RLock()
	defer i.mu.RUnlock()
	names := make([]string, 0, len(i.namespaces))
	for name := range i.namespaces {
		names = append(names, name)
	}
	return names
}
