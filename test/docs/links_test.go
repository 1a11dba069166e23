// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// index is where readers of docs begin.
const index = "docs/README.md"

// Every relative link leads to a file or directory, and its anchor to a heading
// there; every image is in the repository, so that the pages are whole offline.
func TestLinks(t *testing.T) {
	all := pages(t)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		for _, problem := range broken(os.DirFS(root), all, all[name]) {
			t.Errorf("%s: %s", name, problem)
		}
	}
}

// The index names every page of docs itself, and those below can be found from it.
func TestReachable(t *testing.T) {
	all := pages(t)
	found, named := reachable(all, index), targets(all[index])
	for _, name := range slices.Sorted(maps.Keys(all)) {
		switch {
		case path.Dir(name) == path.Dir(index) && name != index && !named[name]:
			t.Errorf("%s does not name %s. Add it for those who read it", index, name)
		case strings.HasPrefix(name, "docs/") && !found[name]:
			t.Errorf("%s: no way leads there from %s", name, index)
		}
	}
}

// targets answers what the links of a page lead to.
func targets(p *page) map[string]bool {
	to := map[string]bool{}
	for _, l := range p.links {
		if target, _, local := resolve(p.path, l.to); local {
			to[target] = true
		}
	}
	return to
}

// broken says what is wrong with the links and images of a page.
func broken(repository fs.FS, all map[string]*page, p *page) []string {
	var problems []string
	for _, l := range p.links {
		target, anchor, local := resolve(p.path, l.to)
		if !local {
			continue
		}
		if _, err := fs.Stat(repository, target); err != nil {
			problems = append(problems, fmt.Sprintf("[%s](%s) leads nowhere", l.text, l.to))
			continue
		}
		if to := all[target]; anchor != "" && (to == nil || !to.anchors()[anchor]) {
			problems = append(problems, fmt.Sprintf("[%s](%s): %s has no heading #%s", l.text, l.to, target, anchor))
		}
	}
	for _, image := range p.images {
		target, _, local := resolve(p.path, image)
		if _, err := fs.Stat(repository, target); !local || err != nil {
			problems = append(problems, fmt.Sprintf("image %s is not in the repository", image))
		}
	}
	return problems
}

// resolve answers the file of the repository that a link leads to, and the anchor
// in it; false when it leads out of here.
func resolve(from, to string) (target, anchor string, local bool) {
	u, err := url.Parse(to)
	if err != nil {
		return to, "", true // leads nowhere, and is told so
	}
	if u.Scheme != "" || u.Host != "" {
		return "", "", false
	}
	if u.Path == "" {
		return from, u.Fragment, true
	}
	return path.Join(path.Dir(from), u.Path), u.Fragment, true
}

// reachable answers the pages that links lead to from one of them. A link to a
// directory leads to each page in it: Git hosts and browsers list them.
func reachable(all map[string]*page, start string) map[string]bool {
	found := map[string]bool{}
	queue := []string{start}
	for len(queue) > 0 {
		name := queue[0]
		queue = queue[1:]
		if all[name] == nil || found[name] {
			continue
		}
		found[name] = true
		for target := range targets(all[name]) {
			queue = append(queue, target)
			for other := range all {
				if path.Dir(other) == target {
					queue = append(queue, other)
				}
			}
		}
	}
	return found
}

func TestBroken(t *testing.T) {
	source := map[string]string{
		"README.md":    "[in](docs/a.md) [up](docs/a.md#sec) [none](docs/none.md) [dir](docs) [out](https://example.com/x)",
		"docs/a.md":    "# Sec\n\n[here](#sec) [not](#other) [up](../README.md) ![far](https://example.com/x.png) ![near](x.png)",
		"docs/b.md":    "| a |\n| - |\n| [cell](none.md) |\n\n`[no](link.md)`\n\n```\n[no](link.md)\n```\n",
		"docs/c/d.md":  "alone",
		"docs/c/e.txt": "no page",
	}
	repository, all := tree(source)
	want := map[string][]string{
		"README.md": {"[none](docs/none.md) leads nowhere"},
		"docs/a.md": {"[not](#other): docs/a.md has no heading #other", "image https://example.com/x.png is not in the repository", "image x.png is not in the repository"},
		"docs/b.md": {"[cell](none.md) leads nowhere"},
	}
	for name, p := range all {
		if got := broken(repository, all, p); !slices.Equal(got, want[name]) {
			t.Errorf("%s: problems %q, want %q", name, got, want[name])
		}
	}
	found := slices.Sorted(maps.Keys(reachable(all, "README.md")))
	if wantFound := []string{"README.md", "docs/a.md", "docs/b.md"}; !slices.Equal(found, wantFound) {
		t.Errorf("reachable %q, want %q: a directory leads to the pages in it, not below", found, wantFound)
	}
}

// tree is a repository of these files, and the pages among them.
func tree(source map[string]string) (fs.FS, map[string]*page) {
	repository, all := fstest.MapFS{}, map[string]*page{}
	for name, content := range source {
		repository[name] = &fstest.MapFile{Data: []byte(content)}
		if path.Ext(name) == ".md" {
			all[name] = parse(name, []byte(content))
		}
	}
	return repository, all
}
