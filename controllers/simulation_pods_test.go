// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	psaapi "k8s.io/pod-security-admission/api"
	"k8s.io/utils/ptr"

	"github.com/podsecurity-rollout/operator/internal/inventory"
	"github.com/podsecurity-rollout/operator/internal/rejections"
	"github.com/podsecurity-rollout/operator/internal/standards"
)

// profile is a kind of pod, by what it violates.
type profile int

const (
	hardened   profile = iota // complies with everything
	plain                     // violates restricted
	privileged                // violates baseline
	slowStart                 // sets a sysctl that baseline forbids before v1.37
	probeHost                 // names a host in a probe, which baseline forbids since v1.34
	profileCount
)

// podSpecs are real pods, judged by the real standards.
var podSpecs = [profileCount]corev1.PodSpec{
	hardened: hardenedPod(nil),
	plain:    {Containers: []corev1.Container{{Name: "c"}}},
	privileged: {Containers: []corev1.Container{{
		Name: "c", SecurityContext: &corev1.SecurityContext{Privileged: ptr.To(true)},
	}}},
	slowStart: hardenedPod(func(s *corev1.PodSpec) {
		s.SecurityContext.Sysctls = []corev1.Sysctl{{Name: "net.ipv4.tcp_slow_start_after_idle", Value: "0"}}
	}),
	probeHost: hardenedPod(func(s *corev1.PodSpec) {
		s.Containers[0].LivenessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Host: "example.com"}}}
	}),
}

func hardenedPod(change func(*corev1.PodSpec)) corev1.PodSpec {
	spec := corev1.PodSpec{
		SecurityContext: &corev1.PodSecurityContext{
			RunAsNonRoot: ptr.To(true), SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
		Containers: []corev1.Container{{Name: "c", SecurityContext: &corev1.SecurityContext{
			AllowPrivilegeEscalation: ptr.To(false), Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		}}},
	}
	if change != nil {
		change(&spec)
	}
	return spec
}

// judged are the findings of every profile at both levels and every version.
var judged = func() (out [profileCount][2]map[psaapi.Version][]standards.Finding) {
	evaluator, err := standards.NewEvaluator()
	if err != nil {
		panic(err)
	}
	for p := range out {
		for i, level := range []psaapi.Level{psaapi.LevelBaseline, psaapi.LevelRestricted} {
			out[p][i] = map[psaapi.Version][]standards.Finding{}
			for _, v := range standards.Versions() {
				out[p][i][v] = evaluator.Evaluate(psaapi.LevelVersion{Level: level, Version: v}, nil, &podSpecs[p])
			}
		}
	}
	return out
}()

// findings are what a level of a concrete version holds against a profile; a
// version newer than the library is judged as the library's newest.
func findings(p profile, lv psaapi.LevelVersion) []standards.Finding {
	if newest := standards.NewestVersion(); newest.Older(lv.Version) {
		lv.Version = newest
	}
	switch lv.Level {
	case psaapi.LevelBaseline:
		return judged[p][0][lv.Version]
	case psaapi.LevelRestricted:
		return judged[p][1][lv.Version]
	}
	return nil
}

// workload is a controller with its pods, or a bare pod.
type workload struct {
	inventory.Workload
	// template is what its pod template is; bare pods have none. becomes is what
	// its pods are made: another profile where something changes them on the way.
	template, becomes profile
	wanted            int
	running           [profileCount]int
}

var apiVersions = map[string]string{"Deployment": "apps/v1", "StatefulSet": "apps/v1", "CronJob": "batch/v1", "Pod": "v1"}

func newWorkload(kind, name string, p profile, wanted int) *workload {
	return &workload{Workload: inventory.Workload{APIVersion: apiVersions[kind], Kind: kind, Name: name}, template: p, becomes: p, wanted: wanted}
}

func (wl *workload) hasTemplate() bool { return wl.Kind != "Pod" }

func (wl *workload) podName(p profile) string {
	if !wl.hasTemplate() {
		return wl.Name
	}
	return fmt.Sprintf("%s-5d8c7b9f4d-%d", wl.Name, p)
}

func (wl *workload) pods() (n int) {
	for _, running := range wl.running {
		n += running
	}
	return n
}

// creator is the object that an Event of a refused pod is about.
func (wl *workload) creator() inventory.Workload {
	switch wl.Kind {
	case "Deployment":
		return inventory.Workload{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: wl.Name + "-5d8c7b9f4d"}
	case "CronJob":
		return inventory.Workload{APIVersion: "batch/v1", Kind: "Job", Name: wl.Name + "-29384750"}
	}
	return wl.Workload
}

// refusal is an Event of a refused pod.
type refusal struct {
	rejections.Rejection
	by *workload
}

// eventsLast is how long the API server keeps Events.
const eventsLast = time.Hour

// run has a workload's controller make the pods that are missing, which the API
// server may refuse.
func (w *world) run(namespace string, wl *workload) {
	missing := wl.wanted - wl.pods()
	if missing <= 0 {
		return
	}
	found, lv := w.admit(namespace, wl.becomes)
	if len(found) == 0 {
		wl.running[wl.becomes] += missing
		w.tellPods(namespace)
		return
	}
	if !wl.hasTemplate() {
		wl.wanted = 0 // whoever made the pod was told so
		return
	}
	var messages []string
	for _, f := range found {
		messages = append(messages, f.Message())
	}
	creator := wl.creator()
	if w.refusals[namespace] == nil {
		w.refusals[namespace] = map[string]refusal{}
	}
	w.refusals[namespace][wl.Kind+"/"+wl.Name] = refusal{by: wl, Rejection: rejections.Rejection{
		APIVersion: creator.APIVersion, Kind: creator.Kind, Name: creator.Name, Level: lv.String(),
		Message: fmt.Sprintf("violates PodSecurity %q: %s", lv.String(), strings.Join(messages, ", ")), Time: w.now.Truncate(time.Second),
	}}
	w.tellRefusals(namespace)
}

// admit answers what the policy in force holds against a new pod.
func (w *world) admit(namespace string, p profile) ([]standards.Finding, psaapi.LevelVersion) {
	policy, _ := psaapi.PolicyToEvaluate(w.namespaces[namespace].Labels, w.config.Defaults)
	if w.config.ExemptNamespaces.Has(namespace) {
		return nil, policy.Enforce
	}
	return findings(p, standards.Effective(policy.Enforce, w.server)), policy.Enforce
}

// restart deletes a workload's pods and has its controller make new ones.
func (w *world) restart(namespace string, wl *workload) {
	wl.running = [profileCount]int{}
	w.tellPods(namespace)
	w.run(namespace, wl)
}

// addWorkload creates a workload and its pods.
func (w *world) addWorkload(namespace string, wl *workload) {
	w.workloads[namespace] = append(w.workloads[namespace], wl)
	w.tellPods(namespace)
	w.run(namespace, wl)
	if !wl.hasTemplate() && wl.pods() == 0 {
		w.removeWorkload(namespace, wl)
	}
}

func (w *world) removeWorkload(namespace string, gone *workload) {
	w.workloads[namespace] = slices.DeleteFunc(slices.Clone(w.workloads[namespace]), func(wl *workload) bool { return wl == gone })
	w.tellPods(namespace)
}

// expireEvents drops the Events that the API server no longer keeps.
func (w *world) expireEvents() {
	for _, namespace := range slices.Sorted(maps.Keys(w.refusals)) {
		before := len(w.refusals[namespace])
		maps.DeleteFunc(w.refusals[namespace], func(_ string, r refusal) bool { return w.now.Sub(r.Time) > eventsLast })
		if len(w.refusals[namespace]) == before {
			continue
		}
		if len(w.refusals[namespace]) == 0 {
			delete(w.refusals, namespace)
		}
		w.tellRefusals(namespace)
	}
}

// group is what a workload shows in pods of one profile, or in its template.
type group struct {
	inventory.Workload
	profile  profile
	template bool
}

// shown is what a namespace shows: each group with its number of pods.
type shown struct {
	groups []group
	pods   []int
}

func (w *world) shown(namespace string) shown {
	var out shown
	for _, wl := range w.workloads[namespace] {
		if wl.hasTemplate() {
			out.groups = append(out.groups, group{wl.Workload, wl.template, true})
			out.pods = append(out.pods, 0)
		}
		for p, n := range wl.running {
			if n > 0 {
				out.groups = append(out.groups, group{wl.Workload, profile(p), false})
				out.pods = append(out.pods, n)
			}
		}
	}
	return out
}

// refused are the refusals of a namespace, the newest first.
func (w *world) refused(namespace string) []rejections.Rejection {
	var out []rejections.Rejection
	for _, name := range slices.Sorted(maps.Keys(w.refusals[namespace])) {
		out = append(out, w.refusals[namespace][name].Rejection)
	}
	slices.SortStableFunc(out, func(a, b rejections.Rejection) int { return b.Time.Compare(a.Time) })
	return out
}
