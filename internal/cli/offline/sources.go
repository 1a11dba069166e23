// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/podsecurity-rollout/operator/internal/manifest"
)

// Stdin is the name of standard input among files, and StdinName what it is called in messages.
const (
	Stdin     = "-"
	StdinName = "stdin"
)

var extensions = []string{"yaml", "yml", "json"}

// filesOf answers the files that names stand for, each once: a directory for all manifests below it, in the order of their paths.
func filesOf(names []string) ([]string, error) {
	var files []string
	for _, name := range names {
		if name == Stdin {
			files = append(files, Stdin)
			continue
		}
		info, err := os.Stat(name)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			files = append(files, filepath.Clean(name))
			continue
		}
		below, err := under(name)
		if err != nil {
			return nil, err
		}
		if len(below) == 0 {
			return nil, fmt.Errorf("no manifest in the directory %s: none of its files is .%s", name, strings.Join(extensions, ", ."))
		}
		files = append(files, below...)
	}
	seen := map[string]bool{}
	return slices.DeleteFunc(files, func(name string) bool {
		twice := seen[name]
		seen[name] = true
		return twice
	}), nil
}

// under lists the manifests below a directory, but not in hidden ones.
func under(dir string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != dir && strings.HasPrefix(entry.Name(), "."):
			return fs.SkipDir
		case !entry.IsDir() && slices.Contains(extensions, strings.TrimPrefix(filepath.Ext(path), ".")):
			files = append(files, path)
		}
		return nil
	})
	return files, err
}

// read takes one of the files apart.
func read(name string, stdin io.Reader) (*manifest.File, error) {
	if name == Stdin {
		return manifest.Read(StdinName, stdin)
	}
	file, err := os.Open(name)
	if err != nil {
		return &manifest.File{Name: name}, err
	}
	f, err := manifest.Read(filepath.ToSlash(name), file)
	if closing := file.Close(); err == nil {
		err = closing
	}
	return f, err
}
