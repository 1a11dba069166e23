// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"slices"
)

// Unwatched answers the custom kinds that are served but not watched, each with the reason, in order. What is known of their pods is all that counts of them.
func (i *Inventory) Unwatched() []string {
	i.mu.RLock()
	defer i.mu.RUnlock()
	all := make([]string, 0, len(i.unwatched))
	for k, reason := range i.unwatched {
		all = append(all, i.kinds.nameOf(k)+": "+reason)
	}
	slices.Sort(all)
	return all
}

// nameOf is what a kind is called in reports.
func (c *catalog) nameOf(k kind) string {
	if k < firstCustom {
		return c.infos[k].name
	}
	gvk := c.infos[k].custom.GroupVersionKind
	return gvk.GroupVersion().String() + "/" + gvk.Kind
}

// begin has verdicts wait for the first list of a custom kind, which is served from now on.
func (i *Inventory) begin(k kind) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.unsynced[k] = true
}

// end takes out all objects of a kind, which is no longer served: they were last seen now. Verdicts do not wait for it.
func (i *Inventory) end(k kind) {
	for _, name := range i.namespaceNames() {
		i.update(name, func(n *namespace) { n.replace(k, nil) })
	}
	i.replaced(k)
}

// unwatch is end for a kind that is served and cannot be watched.
func (i *Inventory) unwatch(k kind, reason string) {
	i.end(k)
	i.mu.Lock()
	defer i.mu.Unlock()
	i.unwatched[k] = reason
}
