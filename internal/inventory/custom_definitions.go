// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/tools/cache"
)

// definitionStore takes in the names of CustomResourceDefinitions. It keeps none: it has discovery asked about their groups.
type definitionStore struct {
	watcher *customWatcher
}

var _ cache.TransformingStore = (*definitionStore)(nil)

// nameOnly is all of a definition that is read: "<plural>.<group>".
func nameOnly(obj any) (*record, error) {
	if r, ok := obj.(*record); ok {
		return r, nil
	}
	object, err := meta.Accessor(obj)
	if err != nil {
		return nil, fmt.Errorf("reading the name of a CustomResourceDefinition: %w", err)
	}
	return &record{name: strings.Clone(object.GetName())}, nil
}

func (r *record) group() string {
	_, group, _ := strings.Cut(r.name, ".")
	return group
}

// Transformer has a stream of definitions accumulate names only.
func (s *definitionStore) Transformer() cache.TransformFunc {
	return func(obj any) (any, error) { return nameOnly(obj) }
}

// Add has the group of a definition looked at.
func (s *definitionStore) Add(obj any) error {
	r, err := nameOnly(obj)
	if err != nil {
		return err
	}
	s.watcher.define([]string{r.group()}, false)
	s.watcher.look(r.group())
	return nil
}

// Update is Add: a definition changes when it comes to be served, and when another version of it does.
func (s *definitionStore) Update(obj any) error { return s.Add(obj) }

// Delete is Add too: discovery knows what is left of the group.
func (s *definitionStore) Delete(obj any) error { return s.Add(obj) }

// Replace has the groups of all definitions looked at, and those that had definitions before.
func (s *definitionStore) Replace(list []any, _ string) error {
	groups := make([]string, 0, len(list))
	for _, obj := range list {
		r, err := nameOnly(obj)
		if err != nil {
			return err
		}
		groups = append(groups, r.group())
	}
	for _, group := range s.watcher.define(groups, true) {
		s.watcher.look(group)
	}
	s.watcher.seen()
	return nil
}

// Resync does nothing: there is no resync period.
func (s *definitionStore) Resync() error { return nil }
