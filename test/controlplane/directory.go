// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// directory is the absolute path, free of symbolic links, of the directory of one control plane.
// One spelling matters: a process is known as ours by this path in its command line.
type directory string

const stateFile = "controlplane.json"

// entries are all that a control plane makes in its directory. Remove deletes these and nothing else.
var entries = []string{"audit.log", "config", "etcd", "kubeconfig", "logs", "pki", "run", stateFile}

func (d directory) path(elements ...string) string {
	return filepath.Join(append([]string{string(d)}, elements...)...)
}

func (d directory) kubeconfig() string            { return d.path("kubeconfig") }
func (d directory) auditLog() string              { return d.path("audit.log") }
func (d directory) log(program string) string     { return d.path("logs", program+".log") }
func (d directory) pidFile(program string) string { return d.path("run", program+".pid") }

// existingDirectory answers the directory at path, or fs.ErrNotExist.
func existingDirectory(path string) (directory, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("finding the absolute path of %q: %w", path, err)
	}
	resolved, err := filepath.EvalSymlinks(absolute)
	if err != nil {
		return "", fmt.Errorf("opening the control plane's directory: %w", err)
	}
	return directory(resolved), nil
}

// makeDirectory creates the directory and its parts. It refuses one that holds a file of somebody
// else under a name that it would use, so that Remove never deletes what it did not make.
func makeDirectory(path string) (directory, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return "", fmt.Errorf("creating the control plane's directory: %w", err)
	}
	d, err := existingDirectory(path)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(d.path(stateFile)); errors.Is(err, fs.ErrNotExist) {
		for _, entry := range entries {
			if _, err := os.Lstat(d.path(entry)); err == nil {
				return "", fmt.Errorf("%s is in the way: it is not of a control plane, give another directory", d.path(entry))
			}
		}
		if err := (state{}).save(d); err != nil {
			return "", err
		}
	}
	for _, part := range []string{"config", "logs", "pki", "run"} {
		if err := os.MkdirAll(d.path(part), 0o700); err != nil {
			return "", fmt.Errorf("creating the control plane's directory: %w", err)
		}
	}
	return d, nil
}

// Remove deletes what a stopped control plane left in dir, and dir itself when nothing else is in it.
// A directory that does not exist or holds no control plane is left as it is.
func Remove(dir string) error {
	d, err := existingDirectory(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := os.Stat(d.path(stateFile)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if Running(dir) {
		return fmt.Errorf("a control plane runs in %s: stop it first", d)
	}
	// The state file is the last entry: until it is gone, the directory is known as ours.
	for _, entry := range entries {
		if err := os.RemoveAll(d.path(entry)); err != nil {
			return fmt.Errorf("removing the control plane: %w", err)
		}
	}
	rest, err := os.ReadDir(string(d))
	if err != nil || len(rest) > 0 {
		return err
	}
	if err := os.Remove(string(d)); err != nil {
		return fmt.Errorf("removing the control plane: %w", err)
	}
	return nil
}

// state is what must stay the same when a control plane is stopped and started, and what lets
// another process find it.
type state struct {
	// Name is of the etcd member. It tells our etcd from another one on the same port.
	Name string `json:"name"`
	// Ports on loopback, by program.
	Ports map[string]int `json:"ports"`
	// Tokens by user, see credentials.go.
	Tokens  map[string]string `json:"tokens"`
	Options Options           `json:"options"`
}

func loadState(d directory) (state, error) {
	var s state
	data, err := os.ReadFile(d.path(stateFile))
	if err != nil {
		return s, fmt.Errorf("reading the control plane's state: %w", err)
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return s, fmt.Errorf("reading the control plane's state in %s: %w", d.path(stateFile), err)
	}
	return s, nil
}

func (s state) save(d directory) error {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the control plane's state: %w", err)
	}
	return writeWhole(d.path(stateFile), append(data, '\n'))
}

// writeWhole writes a private file that is never seen half written.
func writeWhole(path string, data []byte) error {
	partial := path + ".partial"
	if err := os.WriteFile(partial, data, 0o600); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if err := os.Rename(partial, path); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}
