// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

// cleanupEnv names the variable that has the demo take its cluster down in the end.
const cleanupEnv = "DEMO_CLEANUP"

// defaultDir is the directory of the cluster that make cluster-up starts.
var defaultDir = filepath.Join("bin", "cluster")

// exitInterrupted is what a shell answers for a command ended by Ctrl-C.
const exitInterrupted = 130

// demo is what the steps share.
type demo struct {
	screen   *screen
	cluster  *cluster
	operator *operator
	filled   filled
	verifier *verifier

	feed     feed
	board    *board
	claims   map[string]*v1alpha1.NamespaceRollout
	rollouts map[string]*v1alpha1.PodSecurityRollout
	// unfinished is what the last look missed.
	unfinished []string
}

func main() {
	dir := flag.String("dir", defaultDir, "directory of the cluster")
	timeout := flag.Duration("timeout", 3*time.Minute, "how long the demo may take")
	flag.Parse()
	os.Exit(run(*dir, *timeout))
}

// run runs the demo and answers its exit code.
func run(dir string, timeout time.Duration) int {
	// A pipe that nobody reads any more ends the demo in good order too.
	signals, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	defer stop()
	ctx, cancel := context.WithTimeoutCause(signals, timeout, fmt.Errorf("not done after %s", timeout))
	defer cancel()

	// What client libraries log would be in the middle of what is shown.
	ctrllog.SetLogger(logr.Discard())
	klog.SetLogger(logr.Discard())

	d := &demo{
		screen:   newScreen(os.Stdout),
		claims:   map[string]*v1alpha1.NamespaceRollout{},
		rollouts: map[string]*v1alpha1.PodSecurityRollout{},
	}
	err := d.play(ctx, dir)
	err = errors.Join(err, d.operator.stop())
	code := d.exitCode(err, signals.Err() != nil)
	return max(code, d.leave(dir, code))
}

// exitCode answers the exit code of the demo and says what went wrong.
func (d *demo) exitCode(err error, interrupted bool) int {
	switch {
	case err == nil:
		return 0
	case interrupted:
		fmt.Fprintln(os.Stderr, "\ndemo: interrupted")
		return exitInterrupted
	}
	fmt.Fprintln(os.Stderr, "\ndemo failed:", err)
	for _, line := range d.unfinished {
		fmt.Fprintln(os.Stderr, "  not reached:", line)
	}
	return 1
}

// leave takes the cluster down when asked to, or says what is left and how to go on.
func (d *demo) leave(dir string, code int) int {
	if d.cluster == nil {
		return 0 // what did not start has left nothing
	}
	if code == 0 {
		d.screen.heading("Done")
	}
	if os.Getenv(cleanupEnv) != "1" {
		d.goOn()
		return 0
	}
	if err := d.cleanUp(dir, code != 1); err != nil {
		fmt.Fprintln(os.Stderr, "demo: taking down the cluster:", err)
		return 1
	}
	return 0
}

// cleanUp takes the cluster down. After a failure its logs stay.
func (d *demo) cleanUp(dir string, remove bool) error {
	if !remove {
		d.screen.say("The cluster is taken down; its logs are in %s.", filepath.Join(dir, "logs"))
		return d.cluster.Stop()
	}
	d.screen.say("The cluster is taken down.")
	return stopCluster(dir)
}

// goOn says what is left, and how to go on with it.
func (d *demo) goOn() {
	down := "make cluster-down"
	if d.cluster.dir != defaultDir {
		down = "go run ./hack/cluster down --dir " + d.cluster.dir
	}
	d.screen.say("The cluster is left running, the operator is stopped. To go on:")
	d.screen.quote(strings.Join([]string{
		"export KUBECONFIG=" + d.cluster.Kubeconfig(),
		"make run            # the operator again, from source",
		d.cluster.kubectl + " describe nsr -n networking",
		down + "   # when done; logs are in " + filepath.Join(d.cluster.dir, "logs"),
	}, "\n"), plain)
}
