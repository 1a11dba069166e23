// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/test/controlplane"
	"github.com/podsecurity-rollout/operator/test/e2e/witness"
)

// crashPoints are requests that the operator makes again and again in a climb,
// after each of which it may die: a dry run, the status, the last look before a
// write, the write, and the Event that tells of it.
var crashPoints = []func(witness.Request) bool{
	func(r witness.Request) bool { return r.Resource == "namespaces" && r.DryRun },
	func(r witness.Request) bool { return r.Resource == "namespacerollouts" && r.Subresource == "status" },
	func(r witness.Request) bool { return r.Resource == "namespacerollouts" && r.Verb == "get" },
	func(r witness.Request) bool { return r.Resource == "namespaces" && r.Writes() },
	func(r witness.Request) bool { return r.Resource == "events" },
}

// TestKilled kills the operator's process again and again in the middle of its
// climbs. When it is left in peace, each namespace has had the ladder's writes,
// each once and in order, and its history tells of all.
//
// It is no parallel test, so no operator runs in this process meanwhile.
func TestKilled(t *testing.T) {
	const namespaceCount, mostKills, leastKills = 4, 8, 4
	random := rand.New(rand.NewPCG(2026, 11)) // the same points every time
	s := newScene(t)
	binary, kubeconfig := buildManager(t), filepath.Join(t.TempDir(), "kubeconfig")
	if err := controlplane.WriteKubeconfig(kubeconfig, operatorConfig(t)); err != nil {
		t.Fatal(err)
	}
	var namespaces []string
	for range namespaceCount {
		namespaces = append(namespaces, s.namespace())
	}
	rollout := s.rollout(levels{enforce: v1alpha1.LevelRestricted})

	kills := 0
	for ; kills < mostKills && !s.climbed(namespaces); kills++ {
		process := s.startManager(binary, kubeconfig)
		s.awaitRequest(namespaces, crashPoints[random.IntN(len(crashPoints))], 1+random.IntN(4))
		if err := process.Process.Kill(); err != nil {
			t.Fatalf("killing the operator: %v", err)
		}
		if err := process.Wait(); err == nil {
			t.Fatal("the operator ended by itself")
		}
	}
	if kills < leastKills {
		t.Fatalf("the climbs were over after %d kills, want at least %d: climb more namespaces", kills, leastKills)
	}
	process := s.startManager(binary, kubeconfig)
	s.awaitCounts(rollout.Name, v1alpha1.NamespaceCounts{Selected: namespaceCount, Complete: namespaceCount})
	for _, ns := range namespaces {
		s.wantWrites(ns, wholeLadder...)
		s.wantHistory(ns, wholeLadder...)
	}
	if err := process.Process.Kill(); err != nil {
		t.Errorf("ending the operator: %v", err)
	}
}

// wantHistory fails the test when the status of a namespace tells of other rungs
// than these, or of one twice.
func (s *scene) wantHistory(namespace string, short ...string) {
	s.Helper()
	claim := s.awaitState(namespace, v1alpha1.ReasonComplete)
	var history []string
	for _, h := range slices.Backward(claim.Status.History) { // the newest comes first there
		history = append(history, fmt.Sprintf("%s=%s", h.Mode, h.To))
	}
	if diff := cmp.Diff(s.rungs(short...), history); diff != "" {
		s.Errorf("the history of namespace %s (-want +got):\n%s", namespace, diff)
	}
}

// climbed is whether all of the namespaces are at the end of the ladder.
func (s *scene) climbed(namespaces []string) bool {
	for _, ns := range namespaces {
		if len(s.Versions(ns)) <= len(wholeLadder) {
			return false
		}
	}
	return true
}

// awaitRequest waits until the operator has made so many more such requests
// about the namespaces, or has climbed them all.
func (s *scene) awaitRequest(namespaces []string, such func(witness.Request) bool, more int) {
	s.Helper()
	count := func() int {
		requests, err := s.Requests(func(r witness.Request) bool {
			return r.User == operatorUser && slices.Contains(namespaces, r.Namespace) && such(r)
		})
		if err != nil {
			s.Fatal(err)
		}
		return len(requests)
	}
	before := count() // it has only just been started
	err := wait.PollUntilContextTimeout(s.Context(), time.Millisecond, soon, true, func(context.Context) (bool, error) {
		return count() >= before+more || s.climbed(namespaces), nil
	})
	if err != nil {
		s.Fatalf("waiting for %d requests of the operator: %v", more, err)
	}
}

// buildManager builds the operator's binary and answers its path.
func buildManager(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "manager")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, "../../cmd/manager").CombinedOutput()
	if err != nil {
		t.Fatalf("building the operator: %v\n%s", err, out)
	}
	return path
}

// startManager starts the operator as a process, whose log is printed when the
// test has failed.
func (s *scene) startManager(binary, kubeconfig string) *exec.Cmd {
	s.Helper()
	log, err := os.CreateTemp(s.TempDir(), "manager-*.log")
	if err != nil {
		s.Fatal(err)
	}
	process := exec.Command(binary, "--kubeconfig="+kubeconfig, "--health-probe-bind-address=0")
	process.Stdout, process.Stderr = log, log
	if err := process.Start(); err != nil {
		s.Fatalf("starting the operator: %v", err)
	}
	s.Cleanup(func() {
		_ = process.Process.Kill() // most have been
		_ = process.Wait()
		if data, err := os.ReadFile(log.Name()); s.Failed() {
			s.Logf("the operator's log:\n%s%v", data, err)
		}
		_ = log.Close()
	})
	return process
}
