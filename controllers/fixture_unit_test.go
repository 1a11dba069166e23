// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/sets"
	psaapi "k8s.io/pod-security-admission/api"
	"k8s.io/utils/ptr"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/ladder"
	"github.com/podsecurity-rollout/operator/internal/psaconfig"
	"github.com/podsecurity-rollout/operator/internal/summary"
)

var (
	morning = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	served  = psaapi.MajorMinorVersion(1, 37)

	privilegedLatest = psaapi.LevelVersion{Level: psaapi.LevelPrivileged, Version: psaapi.LatestVersion()}
	privilegedPinned = psaapi.LevelVersion{Level: psaapi.LevelPrivileged, Version: served}
	baselinePinned   = psaapi.LevelVersion{Level: psaapi.LevelBaseline, Version: served}
	restrictedPinned = psaapi.LevelVersion{Level: psaapi.LevelRestricted, Version: served}

	enforceBaseline = ladder.Rung{Mode: v1alpha1.ModeEnforce, From: privilegedLatest, To: baselinePinned}
)

// allowVersions lets cmp see versions.
var allowVersions = cmp.AllowUnexported(psaapi.Version{})

// serves is an API server of a version.
type serves struct{ version psaapi.Version }

func (s serves) Version() psaapi.Version { return s.version }

func (s serves) Ask(context.Context) (psaapi.Version, error) { return s.version, nil }

// platform is a rollout that takes everything to baseline.
func platform(changes ...func(*v1alpha1.PodSecurityRollout)) *v1alpha1.PodSecurityRollout {
	r := &v1alpha1.PodSecurityRollout{
		ObjectMeta: metav1.ObjectMeta{Name: "platform", UID: "uid-platform", Generation: 4, CreationTimestamp: metav1.NewTime(morning.Add(-time.Hour))},
		Spec: v1alpha1.PodSecurityRolloutSpec{Targets: []v1alpha1.Target{{
			Name: "everyone", NamespaceSelector: &v1alpha1.NamespaceSelector{}, Enforce: v1alpha1.LevelBaseline, Version: v1alpha1.VersionCluster,
		}}},
	}
	for _, change := range changes {
		change(r)
	}
	return r
}

// enforcing is a rollout with a strategy for its enforce rungs.
func enforcing(enforce v1alpha1.EnforceStrategy) func(*v1alpha1.PodSecurityRollout) {
	return func(r *v1alpha1.PodSecurityRollout) { r.Spec.Strategy = &v1alpha1.Strategy{Enforce: &enforce} }
}

func suspend(r *v1alpha1.PodSecurityRollout) { r.Spec.Suspend = ptr.To(true) }

// claimBy is the claim of a namespace by a rollout.
func claimBy(owner *v1alpha1.PodSecurityRollout, namespace string, status v1alpha1.NamespaceRolloutStatus) *v1alpha1.NamespaceRollout {
	return &v1alpha1.NamespaceRollout{
		ObjectMeta: metav1.ObjectMeta{
			Name: v1alpha1.NamespaceRolloutName, Namespace: namespace, UID: "uid-of-claim", Generation: 2,
			OwnerReferences: []metav1.OwnerReference{ownerReference(owner)},
		},
		Status: status,
	}
}

// labelled is the namespace shop with labels "mode=level:version", all set by
// one manager.
func labelled(by metav1.ManagedFieldsEntry, policies ...string) *corev1.Namespace {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop", Labels: map[string]string{"team": "shop"}}}
	var fields []string
	for _, p := range policies {
		mode, to, _ := strings.Cut(p, "=")
		level, version, _ := strings.Cut(to, ":")
		key := "pod-security.kubernetes.io/" + mode
		ns.Labels[key], ns.Labels[key+"-version"] = level, version
		fields = append(fields, fmt.Sprintf(`"f:%s":{},"f:%s-version":{}`, key, key))
	}
	by.APIVersion, by.FieldsType = "v1", "FieldsV1"
	by.FieldsV1 = metav1.NewFieldsV1(`{"f:metadata":{"f:labels":{` + strings.Join(fields, ",") + `}}}`)
	ns.ManagedFields = []metav1.ManagedFieldsEntry{by}
	return ns
}

// applied is a field manager that applied something an hour ago, ours the
// operator.
func applied(manager string) metav1.ManagedFieldsEntry {
	return metav1.ManagedFieldsEntry{
		Manager: manager, Operation: metav1.ManagedFieldsOperationApply, Time: &metav1.Time{Time: morning.Add(-time.Hour)},
	}
}

func ours() metav1.ManagedFieldsEntry { return applied(v1alpha1.FieldManager) }

// shopSnapshot is a look at the namespace shop, which the operator took to
// audit and warn baseline an hour ago: enforce is next. One workload runs
// there, and complies with everything.
func shopSnapshot(changes ...func(*snapshot)) *snapshot {
	rollout := platform()
	s := &snapshot{
		now: morning, server: served, rollout: rollout, target: rollout.Spec.Targets[0], accepted: summary.Acceptance{OK: true},
		config: psaconfig.Config{
			Defaults:         psaapi.Policy{Enforce: privilegedLatest, Warn: privilegedLatest, Audit: privilegedLatest},
			ExemptNamespaces: sets.New("vendor"),
		},
		namespace: labelled(ours(), "audit=baseline:v1.37", "warn=baseline:v1.37"),
		claim:     claimBy(rollout, "shop", v1alpha1.NamespaceRolloutStatus{}),
		evidence: func(lv psaapi.LevelVersion) summary.Evidence {
			return summary.Evidence{Level: lv, Known: true, Pods: 2, Workloads: 1}
		},
		refused: func(string) []v1alpha1.Rejection { return nil },
		present: func(v1alpha1.WorkloadReference) bool { return true },
	}
	for _, change := range changes {
		change(s)
	}
	return s
}

// enforced has the namespace at enforce baseline, climbed some time ago.
func enforced(ago time.Duration) func(*snapshot) {
	return func(s *snapshot) {
		s.namespace = labelled(ours(), "audit=baseline:v1.37", "warn=baseline:v1.37", "enforce=baseline:v1.37")
		s.claim.Status.Current = &v1alpha1.Policy{Enforce: "baseline:v1.37", Warn: "baseline:v1.37", Audit: "baseline:v1.37"}
		s.claim.Status.History = []v1alpha1.HistoryEntry{{
			Mode: v1alpha1.ModeEnforce, From: "privileged:latest", To: "baseline:v1.37", Time: metav1.NewTime(morning.Add(-ago)),
		}}
	}
}

func webRefused(at time.Time) v1alpha1.Rejection {
	return v1alpha1.Rejection{
		Workload: v1alpha1.WorkloadReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "web"},
		Message:  "violates PodSecurity", Source: v1alpha1.SourcePod, Time: metav1.NewTime(at),
	}
}

// refusing has the API server refuse pods of the Deployment web a minute ago.
func refusing(s *snapshot) {
	s.refused = func(string) []v1alpha1.Rejection { return []v1alpha1.Rejection{webRefused(morning.Add(-time.Minute))} }
}

func hours(n int) *metav1.Duration { return &metav1.Duration{Duration: time.Duration(n) * time.Hour} }

func share(s string) *intstr.IntOrString { return ptr.To(intstr.FromString(s)) }

// told is an Event.
type told struct{ Of, Kind, Reason, Action, Note string }

// notebook notes Events down. It implements events.EventRecorder.
type notebook struct{ events []told }

func (n *notebook) Eventf(regarding, _ runtime.Object, kind, reason, action, note string, args ...any) {
	n.events = append(n.events, told{fmt.Sprintf("%T", regarding), kind, reason, action, fmt.Sprintf(note, args...)})
}
