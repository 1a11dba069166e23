// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"maps"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	psaapi "k8s.io/pod-security-admission/api"
	"k8s.io/utils/ptr"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

// happen has one random thing happen that is not the operator's doing.
func (w *world) happen() {
	if w.op.settled() && w.oneIn(3) {
		w.happenTo()
		return
	}
	name := pick(w, w.names()...)
	if !w.namespaces[name].DeletionTimestamp.IsZero() {
		w.log(name, "", "is gone")
		w.deleteNamespace(name)
		return
	}
	switch w.IntN(10) {
	case 0, 1:
		w.relabel(name)
	case 2, 3:
		w.trouble()
	case 4:
		w.amend()
	case 5:
		w.setAgainWhereItBakes()
	default:
		w.somethingRuns(name)
	}
}

// trouble has pods refused where an enforce rung was just climbed.
func (w *world) trouble() {
	for _, name := range w.names() {
		if !w.check.bakes(name) || w.oneIn(3) {
			continue
		}
		w.troubleIn(name)
		return
	}
}

// troubleIn creates a workload whose pods a level refuses.
func (w *world) troubleIn(name string) {
	wl := newWorkload("Deployment", fmt.Sprintf("late-%d", w.version), pick(w, plain, privileged), 1)
	if w.oneIn(2) {
		wl.template = hardened // only what becomes of its pods violates
	}
	w.log(name, "", "%s %s is created", wl.Kind, wl.Name)
	w.addWorkload(name, wl)
}

// amend corrects the workloads whose pods are refused somewhere, or takes them
// away.
func (w *world) amend() {
	for _, name := range slices.Sorted(maps.Keys(w.refusals)) {
		if !w.oneIn(4) {
			w.amendIn(name)
		}
	}
}

func (w *world) amendIn(name string) {
	for _, event := range slices.Sorted(maps.Keys(w.refusals[name])) {
		wl := w.refusals[name][event].by
		switch {
		case !slices.Contains(w.workloads[name], wl):
		case w.oneIn(2):
			w.log(name, "", "%s %s is taken away", wl.Kind, wl.Name)
			w.removeWorkload(name, wl)
		default:
			w.correct(name, wl)
		}
	}
}

func (w *world) correct(name string, wl *workload) {
	if wl.hasTemplate() && (wl.template != hardened || wl.becomes != hardened) {
		w.log(name, "", "%s %s is corrected", wl.Kind, wl.Name)
		wl.template, wl.becomes = hardened, hardened
		w.restart(name, wl)
	}
}

// happenTo is what befalls rollouts, claims, the server and the operator: it
// happens at no time at which the operator has read it to write at once.
func (w *world) happenTo() {
	switch {
	case len(w.pins) > 0 && w.oneIn(2):
		w.acceptSpecs()
	case w.haste && w.oneIn(2):
		w.resumeAll()
	default:
		pick(w, befalls...)(w)
	}
}

var befalls = []func(*world){
	(*world).editSomeRollout, (*world).editSomeRollout, (*world).editSomeRollout,
	(*world).someApproval, (*world).someApproval, (*world).someApproval,
	(*world).refuseSomeSpec,
	(*world).refuseWrites, (*world).allowWrites,
	(*world).tamper,
	(*world).crash,
	(*world).comeAndGo,
	(*world).upgrade,
	func(w *world) { w.collectGarbage() },
	(*world).rolloutsComeAndGo,
}

func (w *world) editSomeRollout() {
	if len(w.rollouts) == 0 {
		return
	}
	name := pick(w, slices.Sorted(maps.Keys(w.rollouts))...)
	edit := pick(w, edits...)
	w.editRollout(name, func(spec *v1alpha1.PodSecurityRolloutSpec) { edit(w, spec) })
	w.log("("+name+")", "", "its spec is edited")
}

// edits are what people change in a spec.
var edits = []func(*world, *v1alpha1.PodSecurityRolloutSpec){
	func(w *world, spec *v1alpha1.PodSecurityRolloutSpec) {
		spec.Suspend = ptr.To(!*spec.Suspend && w.oneIn(2))
	},
	func(w *world, spec *v1alpha1.PodSecurityRolloutSpec) {
		spec.Mode = pick(w, v1alpha1.RolloutModeApply, v1alpha1.RolloutModeApply, v1alpha1.RolloutModeObserve)
	},
	func(w *world, spec *v1alpha1.PodSecurityRolloutSpec) {
		spec.Targets[w.IntN(len(spec.Targets))].Enforce = pick(w, v1alpha1.LevelBaseline, v1alpha1.LevelRestricted)
	},
	func(w *world, spec *v1alpha1.PodSecurityRolloutSpec) {
		spec.Targets[w.IntN(len(spec.Targets))].Version = w.randomTargetVersion()
	},
	func(w *world, spec *v1alpha1.PodSecurityRolloutSpec) { spec.Strategy.Waves = w.randomWaves() },
	func(w *world, spec *v1alpha1.PodSecurityRolloutSpec) { spec.Strategy.Budgets = w.randomBudgets() },
	func(w *world, spec *v1alpha1.PodSecurityRolloutSpec) { spec.Strategy.Budgets = w.randomBudgets() },
	func(w *world, spec *v1alpha1.PodSecurityRolloutSpec) { spec.Strategy.Enforce.Soak = w.randomSoak() },
	func(w *world, spec *v1alpha1.PodSecurityRolloutSpec) {
		spec.Strategy.Enforce.Bake = lasting(pick(w, 0, time.Minute, 20*time.Minute))
	},
	func(w *world, spec *v1alpha1.PodSecurityRolloutSpec) {
		spec.Strategy.Enforce.Approval = pick(w, v1alpha1.ApprovalAutomatic, v1alpha1.ApprovalManual)
	},
	func(w *world, spec *v1alpha1.PodSecurityRolloutSpec) {
		spec.Strategy.Enforce.OnRejection = pick(w, v1alpha1.RejectionHold, v1alpha1.RejectionRollback)
	},
	func(w *world, spec *v1alpha1.PodSecurityRolloutSpec) {
		spec.ExcludedNamespaces = append([]string{pick(w, w.names()...)}, spec.ExcludedNamespaces[:min(1, len(spec.ExcludedNamespaces))]...)
	},
}

// someApproval approves the pending rung in some namespaces, or another.
func (w *world) someApproval() {
	for _, name := range w.names() {
		claim := w.claims[name]
		if claim == nil || claim.Status.Next == nil || claim.Status.Next.Mode != v1alpha1.ModeEnforce || !w.oneIn(3) {
			continue
		}
		next := string(claim.Status.Next.To)
		rung := pick(w, next, next, next, next, next, "restricted:v1.30", "")
		w.log(name, "", "somebody approves %q", rung)
		w.approve(name, rung)
	}
}

// tamper does to a claim what nobody should: its status is lost, or it is
// deleted, or disowned, or the operator finds one that somebody made by hand.
func (w *world) tamper() {
	name := pick(w, w.names()...)
	claim := w.claims[name]
	if claim == nil {
		if w.namespaces[name].DeletionTimestamp.IsZero() {
			w.handMade(name)
		}
		return
	}
	switch w.IntN(3) {
	case 0:
		w.log(name, "", "its status is lost")
		lost := *claim
		lost.Status = v1alpha1.NamespaceRolloutStatus{}
		w.check.statusLost(name)
		w.putClaim(&lost)
	case 1:
		w.log(name, "", "somebody deletes its claim")
		w.deleteClaim(name)
	case 2:
		w.log(name, "", "somebody removes its claim's owner")
		disowned := *claim
		disowned.OwnerReferences = nil
		w.putClaim(&disowned)
	}
}

func (w *world) handMade(name string) {
	w.log(name, "", "somebody makes a claim by hand")
	claim := &v1alpha1.NamespaceRollout{ObjectMeta: metav1.ObjectMeta{
		Name: v1alpha1.NamespaceRolloutName, Namespace: name, UID: w.newUID(), Generation: 1,
	}}
	claim.Spec.ApprovedEnforce = "baseline:v1.37"
	w.putClaim(claim)
}

func (w *world) comeAndGo() {
	if w.oneIn(2) {
		name := fmt.Sprintf("new-%d", w.version)
		w.log(name, "", "is created")
		w.addNamespace(name)
		return
	}
	name := pick(w, w.names()...)
	if name != excluded {
		w.log(name, "", "is being deleted")
		w.deleteNamespace(name)
	}
}

// upgrade restarts the API server at the next version. The operator asks for it
// every half minute.
func (w *world) upgrade() {
	newest := psaapi.MajorMinorVersion(1, 38)
	if w.server == newest || !w.oneIn(4) {
		return
	}
	w.server = psaapi.MajorMinorVersion(w.server.Major(), w.server.Minor()+1)
	w.op.asksAt = w.now.Add(time.Duration(1+w.IntN(30)) * time.Second)
	w.reach("an upgrade")
	w.log("server", "", "is at %s now", w.server.String())
}

func (w *world) rolloutsComeAndGo() {
	const name = "extra"
	switch {
	case w.rollouts[name] == nil:
		w.log("("+name+")", "", "is created")
		w.createRollout(name, w.randomSpec(true))
	case w.oneIn(2):
		w.log("("+name+")", "", "is deleted")
		w.deleteRollout(name)
	}
}

// relabel changes labels, ours or others, by somebody else.
func (w *world) relabel(name string) {
	switch w.IntN(9) {
	case 0:
		w.update(name, "kubectl-label", map[string]string{"env": pick(w, "dev", "staging", "prod")})
	case 1:
		w.update(name, "kubectl-label", map[string]string{"team": pick(w, "a", "b")})
	case 2, 3:
		level, version := psaapi.EnforceLevelLabel, psaapi.EnforceVersionLabel
		if w.oneIn(2) {
			level, version = psaapi.WarnLevelLabel, psaapi.WarnVersionLabel
		}
		w.setBySomebody(name, map[string]string{level: pick(w, "", "privileged", "baseline", "restricted"), version: pick(w, "", "latest", "v1.35", "v1.36", "v1.37")})
	case 4:
		w.setBySomebody(name, map[string]string{psaapi.AuditLevelLabel: pick(w, "", "baseline", "restricted")})
	case 5:
		w.giveUpLabels(name, "argocd")
	default:
		w.update(name, "kubectl-annotate", map[string]string{"touched": fmt.Sprint(w.version)})
	}
}

func (w *world) setBySomebody(name string, labels map[string]string) {
	before := w.namespaces[name]
	if w.oneIn(4) {
		w.applyAs(name, "argocd", present(labels, labels))
	} else {
		w.update(name, pick(w, "kubectl-label", "kubectl-label", "helm"), labels)
	}
	w.logLabels("somebody sets", before, w.namespaces[name])
}

// somethingRuns changes what runs in a namespace.
func (w *world) somethingRuns(name string) {
	all := w.workloads[name]
	if len(all) == 0 || w.oneIn(6) {
		wl := w.randomWorkload(len(all))
		w.log(name, "", "%s %s is created", wl.Kind, wl.Name)
		w.addWorkload(name, wl)
		return
	}
	wl := pick(w, all...)
	switch w.IntN(8) {
	case 0:
		w.log(name, "", "%s %s is deleted", wl.Kind, wl.Name)
		w.removeWorkload(name, wl)
	case 1, 2:
		w.correct(name, wl)
	case 3:
		if wl.hasTemplate() {
			wl.becomes = pick(w, wl.template, plain, privileged)
			w.restart(name, wl)
		}
	case 4:
		w.passBy(name)
	default:
		w.run(name, wl)
	}
}

// passBy has a pod come and go.
func (w *world) passBy(name string) {
	pod := newWorkload("Pod", fmt.Sprintf("job-%d", w.IntN(100)), pick(w, plain, privileged, slowStart), 1)
	w.addWorkload(name, pod)
	if pod.pods() > 0 {
		w.log(name, "", "pod %s comes and goes", pod.Name)
		w.removeWorkload(name, pod)
	}
}
