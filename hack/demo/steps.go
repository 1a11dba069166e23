// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	psaapi "k8s.io/pod-security-admission/api"

	"github.com/podsecurity-rollout/operator/test/controlplane"
)

// play plays the demo, step by step.
func (d *demo) play(ctx context.Context, dir string) error {
	binary, err := d.prepare(ctx, dir)
	if err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{
		d.fill,
		func(ctx context.Context) error { return d.runOperator(ctx, binary) },
		d.rollOut,
		d.mend,
		d.verify,
		d.show,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// prepare starts the cluster, and meanwhile builds the operator and reads the manifests.
func (d *demo) prepare(ctx context.Context, dir string) (binary string, err error) {
	if _, err := os.Stat(filepath.Join("hack", "controlplane", "go.mod")); err != nil {
		return "", errors.New("this is not the root of the repository: go there and run `make demo`")
	}
	d.screen.heading("A real cluster")
	if controlplane.Running(dir) {
		d.screen.say("A cluster runs in %s: taking it down, the demo begins with an empty one.", dir)
	}
	var buildErr, loadErr error
	var group sync.WaitGroup
	group.Go(func() { binary, buildErr = buildOperator(ctx) })
	group.Go(func() { d.filled, loadErr = loadCatalog(ctx) })
	d.cluster, err = startCluster(ctx, dir)
	group.Wait()
	if err := errors.Join(err, buildErr, loadErr); err != nil {
		return "", err
	}
	d.screen.say("Kubernetes %s at %s: etcd, API server and controllers, built from source. No kubelet: pods stay Pending, which admission does not mind.",
		d.cluster.release, d.cluster.Config().Host)
	return binary, nil
}

// fill installs the operator's kinds and rights, and makes the workloads.
func (d *demo) fill(ctx context.Context) error {
	if err := d.cluster.install(ctx); err != nil {
		return err
	}
	if err := d.cluster.connect(); err != nil {
		return err
	}
	workloads, kinds := d.filled.count()
	d.screen.heading("Workloads that nobody wrote for this")
	d.screen.say("%d workloads of %d kinds: addons, testing manifests and fixtures of Kubernetes, read from the Go module cache, and two made by hand (*). One Node without a machine lets the DaemonSets have pods.",
		workloads, kinds)
	for _, ns := range catalog {
		d.screen.item(ns.name, inventoryLine(d.filled.workloads[ns.name]))
	}
	return d.filled.fill(ctx, d.cluster.client)
}

func inventoryLine(list []workload) string {
	var parts []string
	for _, w := range list {
		text := w.String()
		if w.from.from == fromHere {
			text += "*"
		}
		if !wantsPods(w) && w.GetKind() != "CronJob" {
			text += " (scaled to 0)"
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

// runOperator starts the operator as it would run in a cluster.
func (d *demo) runOperator(ctx context.Context, binary string) (err error) {
	d.screen.heading("The operator")
	d.screen.say("config/default is applied. %s runs as a child process with a token of ServiceAccount %s/%s and no other right; its log is %s.",
		binary, operatorNamespace, operatorAccount, filepath.Join(d.cluster.dir, "logs", "manager.log"))
	d.operator, err = d.cluster.startOperator(ctx, binary)
	return err
}

// rollOut creates the rollouts and shows what comes of them.
func (d *demo) rollOut(ctx context.Context) error {
	start, err := labelsNow(ctx, d.cluster.client)
	if err != nil {
		return err
	}
	surveyor, err := newSurveyor(d.cluster.client, d.cluster.version)
	if err != nil {
		return err
	}
	d.screen.heading("Two rollouts, and what each namespace does about them")
	d.screen.quote(rolloutsText(), faint)
	d.verifier = &verifier{
		client: d.cluster.client, config: d.cluster.Config(), surveyor: surveyor, version: d.cluster.version, start: start,
	}
	if d.verifier.rollouts, err = createRollouts(ctx, d.cluster.client); err != nil {
		return err
	}
	verdicts, err := d.verifier.compare(ctx)
	if err != nil {
		return err
	}
	var selected []string
	for _, v := range verdicts {
		if v.goal != nil {
			selected = append(selected, v.namespace)
		}
	}
	d.board = newBoard(selected, start)
	if d.feed, err = watch(ctx, d.cluster.Config(), d.cluster.client); err != nil {
		return err
	}
	d.screen.print("\n")
	return d.observe(ctx, func([]verdict) bool { return true })
}

// mend mends one workload that holds its namespace, as whoever owns it would.
func (d *demo) mend(ctx context.Context) error {
	held := d.board.rows[mendedNamespace]
	if held.done() || held.moving() {
		return fmt.Errorf("namespace %s should be held by %s %s, but is %s", mendedNamespace, mendedKind, mendedName, held.state())
	}
	d.screen.heading("Mending what holds " + mendedNamespace)
	d.screen.say("%s", held.why())
	args := []string{"patch", "-n", mendedNamespace, strings.ToLower(mendedKind) + "/" + mendedName, "--type=json", "-p", mendedPatch}
	d.screen.quote(fmt.Sprintf("kubectl %s \\\n  -p '%s'", strings.Join(args[:len(args)-2], " "), mendedPatch), strong)
	if _, err := d.cluster.run(ctx, args...); err != nil {
		return err
	}
	d.screen.print("\n")
	return d.observe(ctx, func(verdicts []verdict) bool {
		return slices.ContainsFunc(verdicts, func(v verdict) bool {
			return v.namespace == mendedNamespace && v.finding.violator[psaapi.LevelBaseline] == ""
		})
	})
}

// verify fails unless the outcome is what Pod Security Admission itself says.
func (d *demo) verify(ctx context.Context) error {
	d.screen.heading("Is that what Pod Security Admission says?")
	verdicts, err := d.verifier.verify(ctx)
	if err != nil {
		return err
	}
	var pods, templates int
	for _, v := range verdicts {
		pods, templates = pods+v.finding.pods, templates+v.finding.templates
	}
	d.screen.say("Upstream's evaluator over each of %d pods and %d templates, and %d dry runs of the API server:",
		pods, templates, len(verdicts)*len(levels))
	d.screen.print("\n")
	for _, line := range verdictTable(verdicts, d.screen.width(), d.screen.style) {
		d.screen.print("%s\n", line)
	}
	if bad := wrongs(verdicts); len(bad) > 0 {
		d.unfinished = bad
		return errors.New("the outcome is not what Pod Security Admission says")
	}
	return nil
}

// show prints the tables that a user looks at.
func (d *demo) show(ctx context.Context) error {
	d.screen.heading("How it looks to kubectl")
	for _, args := range [][]string{{"get", "psr"}, {"get", "nsr", "-A"}} {
		text, err := d.cluster.run(ctx, args...)
		if err != nil {
			return err
		}
		d.screen.print("\n  %s\n", d.screen.paint(strong, "kubectl "+strings.Join(args, " ")))
		d.screen.print("%s", text)
	}
	return nil
}
