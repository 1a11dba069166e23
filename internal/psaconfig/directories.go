// SPDX-License-Identifier: Apache-2.0

package psaconfig

import (
	"context"
	"path/filepath"

	"github.com/fsnotify/fsnotify"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"
)

// directories tells of changes in the directories of files. The directories are
// watched and not the files: a mounted ConfigMap is a symbolic link through
// ..data, which the kubelet puts another one in the place of, and many editors
// rename too, so that a watch of the file itself would go on watching the old one.
type directories struct {
	// watcher is nil where there can be none: then nothing is told.
	watcher *fsnotify.Watcher
}

func watchDirectories(ctx context.Context) *directories {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		ctrllog.FromContext(ctx).Error(err, "Cannot watch the PodSecurity configuration, reading it now and then instead", "every", Every.String())
		return &directories{}
	}
	return &directories{watcher: watcher}
}

// follow watches the directories of files, again if one has been made anew. One
// that is not there is tried again with the next call.
func (d *directories) follow(ctx context.Context, files []string) {
	if d.watcher == nil {
		return
	}
	for _, file := range files {
		if err := d.watcher.Add(filepath.Dir(file)); err != nil {
			ctrllog.FromContext(ctx).V(1).Info("Cannot watch a directory of the PodSecurity configuration", "file", file, "reason", err.Error())
		}
	}
}

func (d *directories) events() <-chan fsnotify.Event {
	if d.watcher == nil {
		return nil
	}
	return d.watcher.Events
}

func (d *directories) errors() <-chan error {
	if d.watcher == nil {
		return nil
	}
	return d.watcher.Errors
}

func (d *directories) close() {
	if d.watcher != nil {
		_ = d.watcher.Close() // ends what it holds; nobody is left to tell
	}
}
