// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"fmt"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/tools/cache"
)

// store takes in what one reflector sees of one kind. It is called by that reflector only, one call at a time.
type store struct {
	inventory *Inventory
	kind      kind
	logger    logr.Logger
	// told is set once it has been said that a template cannot be read: with a wrong path that is all of them.
	told bool
}

var _ cache.TransformingStore = (*store)(nil)

// Transformer has the reflector reduce each object of a WatchList stream before it accumulates it.
func (s *store) Transformer() cache.TransformFunc {
	return func(obj any) (any, error) { return s.reduced(obj) }
}

// reduced answers the record of an object, or a record already made.
func (s *store) reduced(obj any) (*record, error) {
	r, err := s.inventory.reduce(s.kind, obj)
	if err == nil && r.unreadable != nil && !s.told {
		s.told = true
		s.logger.Error(r.unreadable, "A pod template cannot be read and is no evidence; later ones of this kind are not logged. Check the path in --workload-kinds",
			"kind", s.inventory.kinds.infos[s.kind].name, "namespace", r.namespace, "name", r.name)
	}
	return r, err
}

// Add takes in an object as it is now.
func (s *store) Add(obj any) error {
	r, err := s.reduced(obj)
	if err != nil {
		return err
	}
	s.inventory.update(r.namespace, func(n *namespace) { n.apply(s.kind, r) })
	return nil
}

// Update is Add.
func (s *store) Update(obj any) error {
	return s.Add(obj)
}

// Delete takes out an object, of which only namespace and name are read.
func (s *store) Delete(obj any) error {
	object, err := meta.Accessor(obj)
	if err != nil {
		return fmt.Errorf("deleting an object: %w", err)
	}
	s.inventory.update(object.GetNamespace(), func(n *namespace) { n.remove(objectID{kind: s.kind, name: object.GetName()}) })
	return nil
}

// Replace takes in a list of all objects of the kind, as after a watch was interrupted: what is not listed is gone, and was last seen now. Nothing is
// taken in when some object cannot be reduced, and the reflector lists again.
func (s *store) Replace(list []any, _ string) error {
	byNamespace := map[string][]*record{}
	for _, obj := range list {
		r, err := s.reduced(obj)
		if err != nil {
			return err
		}
		byNamespace[r.namespace] = append(byNamespace[r.namespace], r)
	}
	for _, name := range s.inventory.namespaceNames() {
		if _, listed := byNamespace[name]; !listed {
			byNamespace[name] = nil
		}
	}
	for name, records := range byNamespace {
		s.inventory.update(name, func(n *namespace) { n.replace(s.kind, records) })
	}
	s.inventory.replaced(s.kind)
	return nil
}

// Resync does nothing: there is no resync period.
func (s *store) Resync() error {
	return nil
}
