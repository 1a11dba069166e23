// SPDX-License-Identifier: Apache-2.0

package isolation

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// entry says what kind the handlers of a pattern are of.
type entry struct {
	// pattern is a handler's name, or a glob of names: * for any run of
	// characters, ? for one.
	pattern string
	kind    Kind
}

// Table says what kind of isolation a handler stands for. Its zero value has the
// built-in handlers only. It is a flag.Value, to be given any number of times; it
// must not be set while it is asked.
type Table struct {
	given []entry
}

// Kind answers the kind of a handler. Names and globs that were given come before
// the built-in ones, names before globs, and of globs the first that matches.
func (t *Table) Kind(handler string) Kind {
	for _, entries := range [][]entry{t.given, builtIn} {
		if kind, known := find(entries, handler); known {
			return kind
		}
	}
	return Unknown
}

func find(entries []entry, handler string) (kind Kind, known bool) {
	for _, matches := range []func(entry) bool{
		func(e entry) bool { return e.pattern == handler },
		func(e entry) bool { return glob(e.pattern, handler) },
	} {
		if i := slices.IndexFunc(entries, matches); i >= 0 {
			return entries[i].kind, true
		}
	}
	return "", false
}

func glob(pattern, handler string) bool {
	matched, err := path.Match(pattern, handler)
	return err == nil && matched // patterns have no brackets and no backslash, so there is no error
}

// patterns is what a RuntimeClass's handler may be made of (a DNS label), and the
// two wildcards.
var patterns = regexp.MustCompile(`^[a-z0-9*?]([-a-z0-9*?]{0,61}[a-z0-9*?])?$`)

// Set adds handlers, such as "acme-vm=VirtualMachine,acme-*=SharedKernel". It
// implements flag.Value.
func (t *Table) Set(value string) error {
	if strings.TrimSpace(value) == "" {
		return nil
	}
	for item := range strings.SplitSeq(value, ",") {
		if err := t.add(strings.TrimSpace(item)); err != nil {
			return err
		}
	}
	return nil
}

func (t *Table) add(item string) error {
	pattern, name, found := strings.Cut(item, "=")
	pattern, kind := strings.TrimSpace(pattern), Kind(strings.TrimSpace(name))
	switch {
	case !found:
		return fmt.Errorf("%q has no kind: write handler=kind, such as acme-vm=%s", item, VirtualMachine)
	case !patterns.MatchString(pattern):
		return fmt.Errorf("%q is no handler of a RuntimeClass: use lower case letters, digits and -, with * for any run of them and ? for one", pattern)
	case !slices.Contains(kinds, kind):
		return fmt.Errorf("handler %q: unknown kind %q: use one of %s", pattern, kind, list(kinds))
	}
	for _, known := range t.given {
		if known.pattern == pattern && known.kind != kind {
			return fmt.Errorf("handler %q is given as %s and as %s: keep one of them", pattern, known.kind, kind)
		}
	}
	t.given = append(t.given, entry{pattern, kind})
	return nil
}

// String writes out what was given, as Set takes it.
func (t *Table) String() string {
	var items []string
	for _, e := range t.given {
		items = append(items, e.pattern+"="+string(e.kind))
	}
	return strings.Join(items, ",")
}

func list(kinds []Kind) string {
	var names []string
	for _, kind := range kinds {
		names = append(names, string(kind))
	}
	return strings.Join(names, ", ")
}
