// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"flag"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/intstr"
	psaapi "k8s.io/pod-security-admission/api"
	"k8s.io/utils/ptr"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

var updateTraces = flag.Bool("update", false, "write testdata/traces anew")

// scenes are the stories in testdata/traces: what the file says of itself first,
// and what happens.
var scenes = map[string]struct {
	header []string
	play   func(*scene)
}{
	"climb-with-soak": {[]string{
		"One namespace climbs to enforce=baseline, with audit and warn a level further.",
		"Every rung of audit soaks 10 minutes, of warn 1 hour, of enforce 1 day: so long it must have been clean, and the rung before in force.",
		"In the evening a pod that violates baseline comes and goes: the soak of enforce begins anew with its going.",
	}, climbWithSoak},
	"manual-approval": {[]string{
		"Enforce rungs wait for an approval: the namespace's spec.approvedEnforce has to name the very rung.",
		"Approving another rung does nothing, and an approval is used up by the rung that it lets go:",
		"when the label is lowered later, the same rung has to be approved anew.",
	}, manualApproval},
	"waves-budget-window": {[]string{
		"Six namespaces in three waves: dev, then staging, then prod. A wave waits until the one before is complete.",
		`A budget of 2 lets two namespaces at a time enforce, bake included. Another, of 0, applies from Friday 18:00 to Monday 08:00`,
		`(schedule "0 18 * * fri", duration 62h): nothing is enforced over the weekend. Audit and warn wait for none of this.`,
	}, wavesBudgetWindow},
	"rejection-hold": {[]string{
		"Two namespaces, one at a time. While the first bakes, a new Deployment in it has its pods refused.",
		"With onRejection: Hold nothing is lowered, and the other namespace does not get its turn until the workload is corrected.",
	}, func(s *scene) { rejection(s, v1alpha1.RejectionHold) }},
	"rejection-rollback": {[]string{
		"Two namespaces, one at a time. While the first bakes, a new Deployment in it has its pods refused.",
		"With onRejection: Rollback its enforce label goes back to what it was before, once, and the rung is held until somebody approves it anew.",
	}, func(s *scene) { rejection(s, v1alpha1.RejectionRollback) }},
	"upgrade-1.36-to-1.37": {[]string{
		"The API server goes from v1.36 to v1.37, and the targets name no version: labels are pinned to the server's own.",
		"In namespace clean everything complies. In tuned a pod sets a sysctl that baseline forbids at v1.36 and allows at v1.37: the upgrade lets it go.",
		"In probing a probe names a host, which baseline forbids from v1.34 on: somebody has enforced baseline at v1.33 there, and so it stays.",
	}, upgrade},
}

// legend says how to read the lines of every scene.
const legend = "Each line: when (UTC), in which namespace, (platform) for the rollout, and what. What the operator writes begins with \"wrote\"."

// TestGoldenTraces plays each scene and compares what is told of it with
// testdata/traces. Run it with -update after a change that is meant.
func TestGoldenTraces(t *testing.T) {
	prepare(t)
	for name, sc := range scenes {
		t.Run(name, func(t *testing.T) {
			s := &scene{newWorld(0)}
			s.Rand, s.trace = rand.New(inOrder{}), &trace{golden: true}
			sc.play(s)
			s.checkEnd()
			for _, b := range s.check.found {
				t.Errorf("%s: %s", b.promise, b.how)
			}
			s.stop()
			got := "# " + strings.Join(append(sc.header, legend), "\n# ") + "\n\n" + s.trace.last(len(s.trace.lines)) + "\n"
			compareGolden(t, filepath.Join("testdata", "traces", name+".txt"), got)
		})
	}
}

func compareGolden(t *testing.T, path, got string) {
	if *updateTraces {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// inOrder is a source of no chance: of all that may come next, the first does.
type inOrder struct{}

// Uint64 answers what rand makes a zero of, whatever the range. Of 0 itself it
// would think that it favours some, and try again for ever.
func (inOrder) Uint64() uint64 { return 1 << 32 }

// scene is a world in which nothing happens by chance.
type scene struct{ *world }

// shows is what a reader is told of a profile.
var shows = [profileCount]string{
	hardened:   "complies with everything",
	plain:      "violates restricted",
	privileged: "violates baseline",
	slowStart:  "sets a sysctl that baseline allows from v1.37 on",
	probeHost:  "names a host in a probe",
}

// namespace makes a namespace in which one Deployment runs.
func (s *scene) namespace(name string, p profile, labels map[string]string) {
	s.log(name, "", "is created; Deployment web in it %s", shows[p])
	s.createNamespace(name, maps.Clone(labels))
	s.addWorkload(name, newWorkload("Deployment", "web", p, 2))
}

// rollout makes the rollout platform, which takes everything to
// enforce=baseline, and starts the operator.
func (s *scene) rollout(strategy v1alpha1.Strategy, changes ...func(*v1alpha1.Target)) {
	target := v1alpha1.Target{
		Name: "everyone", NamespaceSelector: &v1alpha1.NamespaceSelector{}, Enforce: v1alpha1.LevelBaseline, Version: v1alpha1.VersionCluster,
	}
	for _, change := range changes {
		change(&target)
	}
	s.log("(platform)", "", "is created")
	s.createRollout("platform", v1alpha1.PodSecurityRolloutSpec{
		Mode: v1alpha1.RolloutModeApply, Suspend: ptr.To(false), LabelConflicts: v1alpha1.LabelConflictYield,
		Targets: []v1alpha1.Target{target}, Strategy: &strategy,
	})
	s.startOperator()
}

// pass lets time pass, and the operator work whenever something is due.
func (s *scene) pass(d time.Duration) {
	end := s.now.Add(d)
	for s.catchUp(); ; s.catchUp() {
		next, ok := s.nextTime()
		if !ok || next.After(end) {
			s.advance(end)
			return
		}
		s.advance(next)
	}
}

// deploy creates a Deployment, whose pods may be refused.
func (s *scene) deploy(namespace, name string, p profile) *workload {
	s.log(namespace, "", "Deployment %s is created: it %s", name, shows[p])
	wl := newWorkload("Deployment", name, p, 1)
	s.addWorkload(namespace, wl)
	return wl
}

func (s *scene) approval(namespace, rung string) {
	s.log(namespace, "", "somebody approves enforce=%s", rung)
	s.approve(namespace, rung)
}

func climbWithSoak(s *scene) {
	s.namespace("shop", hardened, nil)
	s.rollout(v1alpha1.Strategy{
		Audit: &v1alpha1.ModeStrategy{Soak: lasting(10 * time.Minute)}, Warn: &v1alpha1.ModeStrategy{Soak: lasting(time.Hour)},
		Enforce: &v1alpha1.EnforceStrategy{Soak: lasting(24 * time.Hour)},
	}, func(t *v1alpha1.Target) { t.Audit, t.Warn = v1alpha1.LevelRestricted, v1alpha1.LevelRestricted })
	s.pass(9 * time.Hour)
	debug := newWorkload("Pod", "debug", privileged, 1)
	s.log("shop", "", "somebody runs pod debug: it %s", shows[privileged])
	s.addWorkload("shop", debug)
	s.pass(10 * time.Minute)
	s.log("shop", "", "pod debug is gone")
	s.removeWorkload("shop", debug)
	s.pass(48 * time.Hour)
}

func manualApproval(s *scene) {
	s.namespace("shop", hardened, nil)
	s.rollout(v1alpha1.Strategy{Enforce: &v1alpha1.EnforceStrategy{Approval: v1alpha1.ApprovalManual}})
	s.pass(time.Hour)
	s.approval("shop", "restricted:v1.37")
	s.pass(time.Hour)
	s.approval("shop", "baseline:v1.37")
	s.pass(time.Hour)
	s.log("shop", "", "somebody lowers enforce by kubectl label")
	s.update("shop", "kubectl-label", map[string]string{psaapi.EnforceLevelLabel: "privileged"})
	s.pass(time.Hour)
	s.log("shop", "", "the approval is taken back")
	s.approve("shop", "")
	s.pass(time.Minute)
	s.approval("shop", "baseline:v1.37")
	s.pass(time.Hour)
}

func wavesBudgetWindow(s *scene) {
	s.now = time.Date(2026, 11, 27, 17, 0, 0, 0, time.UTC) // a Friday
	wave := func(env v1alpha1.LabelValue) v1alpha1.Wave {
		return v1alpha1.Wave{
			Name: string(env), MinComplete: ptr.To(intstr.FromString("100%")),
			NamespaceSelector: &v1alpha1.NamespaceSelector{MatchLabels: map[string]v1alpha1.LabelValue{"env": env}},
		}
	}
	for _, name := range []string{"dev-1", "dev-2", "prod-1", "prod-2", "prod-3", "staging-1"} {
		env, _, _ := strings.Cut(name, "-")
		s.namespace(name, hardened, map[string]string{"env": env})
	}
	s.rollout(v1alpha1.Strategy{
		Enforce: &v1alpha1.EnforceStrategy{Bake: lasting(45 * time.Minute)},
		Waves:   []v1alpha1.Wave{wave("dev"), wave("staging"), wave("prod")},
		Budgets: []v1alpha1.Budget{{Namespaces: "2"}, {Namespaces: "0", Schedule: "0 18 * * fri", Duration: lasting(62 * time.Hour)}},
	})
	s.pass(72 * time.Hour)
}

func rejection(s *scene, then v1alpha1.RejectionPolicy) {
	s.namespace("cart", hardened, nil)
	s.namespace("shop", hardened, nil)
	s.rollout(v1alpha1.Strategy{
		Enforce: &v1alpha1.EnforceStrategy{Bake: lasting(30 * time.Minute), OnRejection: then},
		Budgets: []v1alpha1.Budget{{Namespaces: "1"}},
	})
	s.pass(10 * time.Minute)
	agent := s.deploy("cart", "agent", privileged)
	s.pass(time.Hour)
	s.log("cart", "", "Deployment agent is corrected")
	agent.template, agent.becomes = hardened, hardened
	s.restart("cart", agent)
	s.pass(2 * time.Hour)
	if then == v1alpha1.RejectionRollback {
		s.approval("cart", "baseline:v1.37")
		s.pass(2 * time.Hour)
	}
}

func upgrade(s *scene) {
	s.server = psaapi.MajorMinorVersion(1, 36)
	s.namespace("clean", hardened, nil)
	s.namespace("tuned", slowStart, nil)
	s.namespace("probing", probeHost, map[string]string{psaapi.EnforceLevelLabel: "baseline", psaapi.EnforceVersionLabel: "v1.33"})
	s.rollout(v1alpha1.Strategy{})
	s.pass(time.Hour)
	s.world.upgrade()
	s.pass(time.Hour)
}
