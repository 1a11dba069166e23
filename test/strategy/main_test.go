// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/go-logr/logr"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/podsecurity-rollout/operator/test/controlplane"
)

// root is the repository's.
var root = filepath.Join("..", "..")

var (
	// unavailable says why there is nothing to run the tests on, empty when there is.
	unavailable string
	// directory is where everything is that goes when the tests are over.
	directory string
	// manager is the path of the operator's binary.
	manager string
	// common is the site that tests share.
	common *site
)

func TestMain(m *testing.M) {
	flag.Parse()
	ctrl.SetLogger(logr.Discard()) // the clients of the tests have nothing to say
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// run is TestMain with its clean-up deferred, which os.Exit would skip.
func run(m *testing.M) (code int, err error) {
	if unavailable = controlplane.Lacking("kube-controller-manager", "kubectl"); unavailable != "" {
		return m.Run(), nil
	}
	if err := waitSideBySide(); err != nil {
		return 0, err
	}
	if directory, err = os.MkdirTemp("", "podsecurity-rollout-strategy-"); err != nil {
		return 0, fmt.Errorf("making a directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(directory)) }()
	manager = filepath.Join(directory, "manager")
	if out, err := exec.Command("go", "build", "-o", manager, filepath.Join(root, "cmd", "manager")).CombinedOutput(); err != nil {
		return 0, fmt.Errorf("building the operator: %w\n%s", err, out)
	}
	common, err = openSite(context.Background(), "common", controlplane.Options{})
	if common != nil {
		defer func() { err = errors.Join(err, common.close()) }()
	}
	if err != nil {
		return 0, err
	}
	return m.Run(), nil
}

// waitSideBySide lets all tests run at once, unless the command line says how
// many: they wait for soaks and bakes, and compute next to nothing.
func waitSideBySide() error {
	said := false
	flag.Visit(func(f *flag.Flag) { said = said || f.Name == "test.parallel" })
	if said {
		return nil
	}
	return flag.Set("test.parallel", "64")
}

// need skips the test when there is nothing to run it on.
func need(t *testing.T) {
	t.Helper()
	if unavailable != "" {
		t.Skip(unavailable)
	}
}
