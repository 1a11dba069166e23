// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// ModuleDir answers the directory of a module's sources in the module cache, at
// the version that the module in a directory requires. It downloads them when
// they are not there.
func ModuleDir(ctx context.Context, module, in string) (string, error) {
	list := []string{"list", "-m", "-f", "{{.Dir}}", module}
	dir, err := goOutput(ctx, in, list...)
	if err != nil || dir != "" {
		return dir, err
	}
	// The version is pinned, but the binaries were built elsewhere.
	if _, err := goOutput(ctx, in, "mod", "download", module); err != nil {
		return "", err
	}
	dir, err = goOutput(ctx, in, list...)
	if err == nil && dir == "" {
		err = fmt.Errorf("the sources of %s are not in the module cache: run `go mod download %s` in %s", module, module, in)
	}
	return dir, err
}

func goOutput(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	// A workspace of whoever runs this would hide the pinned versions.
	cmd.Env = append(os.Environ(), "GOWORK=off")
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = fmt.Errorf("%w: %s", err, bytes.TrimSpace(exit.Stderr))
	}
	if err != nil {
		return "", fmt.Errorf("running go %s in %s: %w", strings.Join(args, " "), dir, err)
	}
	return strings.TrimSpace(string(out)), nil
}
