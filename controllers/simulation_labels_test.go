// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	psaapi "k8s.io/pod-security-admission/api"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/gate"
	"github.com/podsecurity-rollout/operator/internal/ladder"
	"github.com/podsecurity-rollout/operator/internal/nslabels"
	"github.com/podsecurity-rollout/operator/internal/standards"
)

const labelPrefix = "pod-security.kubernetes.io/"

// ownership is a managedFields entry as far as labels go: which of the six
// labels a manager owns, as bits in the order of nslabels.Keys.
type ownership struct {
	manager   string
	operation metav1.ManagedFieldsOperationType
	keys      uint8
	time      time.Time
}

// fieldsOf are the managedFields of every set of the six labels.
var fieldsOf = func() (out [64]*metav1.FieldsV1) {
	for keys := range out {
		var fields []string
		for _, key := range slices.Sorted(slices.Values(nslabels.Keys)) {
			if uint8(keys)&bitOf(key) != 0 {
				fields = append(fields, fmt.Sprintf("%q:{}", "f:"+key))
			}
		}
		out[keys] = metav1.NewFieldsV1(`{"f:metadata":{"f:labels":{` + strings.Join(fields, ",") + `}}}`)
	}
	return out
}()

// bitOf answers a label's bit, and none for any other label.
func bitOf(key string) uint8 {
	if i := slices.Index(nslabels.Keys, key); i >= 0 {
		return 1 << i
	}
	return 0
}

func bitsOf(labels map[string]string) (bits uint8) {
	for key := range labels {
		bits |= bitOf(key)
	}
	return bits
}

func podSecurityLabels(labels map[string]string) map[string]string {
	out := map[string]string{}
	for _, key := range nslabels.Keys {
		if value, ok := labels[key]; ok {
			out[key] = value
		}
	}
	return out
}

func managedFields(owners []ownership) []metav1.ManagedFieldsEntry {
	out := make([]metav1.ManagedFieldsEntry, 0, len(owners))
	for _, o := range owners {
		at := metav1.NewTime(o.time.Truncate(time.Second))
		out = append(out, metav1.ManagedFieldsEntry{
			Manager: o.manager, Operation: o.operation, APIVersion: "v1", Time: &at,
			FieldsType: "FieldsV1", FieldsV1: fieldsOf[o.keys],
		})
	}
	return out
}

// own makes a manager the owner of labels it has changed, and of nothing else
// that it did not own before.
func (w *world) own(name, manager string, operation metav1.ManagedFieldsOperationType, labels map[string]string) {
	bits := bitsOf(labels)
	if bits == 0 {
		return
	}
	kept := slices.DeleteFunc(slices.Clone(w.owners[name]), func(o ownership) bool {
		return o.manager == manager && o.operation == operation
	})
	for _, o := range w.owners[name] {
		if o.manager == manager && o.operation == operation {
			bits |= o.keys
		}
	}
	w.owners[name] = append(kept, ownership{manager: manager, operation: operation, keys: bits, time: w.now})
}

// disown takes labels away from every owner that keep does not name; an owner
// of nothing is none.
func (w *world) disown(name string, bits uint8, keep func(ownership) bool) {
	owners := slices.Clone(w.owners[name])
	for i := range owners {
		if !keep(owners[i]) {
			owners[i].keys &^= bits
		}
	}
	w.owners[name] = slices.DeleteFunc(owners, func(o ownership) bool { return o.keys == 0 })
}

// update sets labels as a client other than a server-side apply does; "" removes
// one. Who changes a value owns it alone.
func (w *world) update(name, manager string, set map[string]string) {
	w.setLabels(name, manager, metav1.ManagedFieldsOperationUpdate, set)
}

// applyAs applies labels under a field manager, with force.
func (w *world) applyAs(name, manager string, set map[string]string) {
	w.setLabels(name, manager, metav1.ManagedFieldsOperationApply, set)
}

func (w *world) setLabels(name, manager string, operation metav1.ManagedFieldsOperationType, set map[string]string) {
	ns := *w.namespaces[name]
	before := &ns
	labels := maps.Clone(ns.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	changed := map[string]string{}
	for key, value := range set {
		if labels[key] == value {
			continue
		}
		changed[key] = value
		labels[key] = value
		if value == "" {
			delete(labels, key)
		}
	}
	owns := changed
	if operation == metav1.ManagedFieldsOperationApply {
		owns = set // an apply owns what it names, changed or not
	}
	w.disown(name, bitsOf(changed), func(ownership) bool { return false })
	w.own(name, manager, operation, present(owns, labels))
	if manager != v1alpha1.FieldManager {
		w.check.labelsMoved(before, labels)
	}
	next := ns
	next.Labels = labels
	w.putNamespace(&next)
}

func present(keys, labels map[string]string) map[string]string {
	out := map[string]string{}
	for key := range keys {
		if value, ok := labels[key]; ok {
			out[key] = value
		}
	}
	return out
}

// giveUpLabels has a manager own nothing any more, as when Git no longer names
// the labels but leaves them.
func (w *world) giveUpLabels(name, manager string) {
	w.disown(name, 0x3f, func(o ownership) bool { return o.manager != manager })
	ns := *w.namespaces[name]
	w.putNamespace(&ns)
}

var namespaceResource = schema.GroupResource{Resource: "namespaces"}

// labelApply is what a server-side apply of labels says.
type labelApply struct {
	uid, resourceVersion string
	labels               map[string]string
	force                bool
}

// apply is the API server's side of the operator's write.
func (w *world) apply(t *task, name string, a labelApply) error {
	ns := w.namespaces[name]
	switch {
	case ns == nil:
		return apierrors.NewNotFound(namespaceResource, name)
	case string(ns.UID) != a.uid,
		ns.ResourceVersion != a.resourceVersion && !w.sabotage.ignoreResourceVersion:
		return apierrors.NewConflict(namespaceResource, name, fmt.Errorf("it has changed"))
	case w.refuses(name, ns.Labels, a.labels):
		return apierrors.NewForbidden(namespaceResource, name, fmt.Errorf("an admission policy denied the request"))
	}
	for _, o := range w.owners[name] {
		if key := a.conflict(o, ns.Labels); key != "" && !a.force {
			return apierrors.NewApplyConflict(nil, fmt.Sprintf("%s owns %s", o.manager, key))
		}
	}
	owners := w.owners[name]
	w.setLabels(name, v1alpha1.FieldManager, metav1.ManagedFieldsOperationApply, a.labels)
	w.wrote()
	w.check.labelWrite(t, owners, ns, w.namespaces[name])
	w.meddle(t, name)
	return nil
}

// conflict answers a label that another owner has with another value.
func (a labelApply) conflict(o ownership, labels map[string]string) string {
	if o.manager == v1alpha1.FieldManager && o.operation == metav1.ManagedFieldsOperationApply {
		return ""
	}
	for i, key := range nslabels.Keys {
		if value, applied := a.labels[key]; applied && o.keys&(1<<i) != 0 && labels[key] != value {
			return key
		}
	}
	return ""
}

// dryRun is the API server's answer to a level as enforce: what upstream's
// Admission.ValidateNamespace warns of.
func (w *world) dryRun(name, uid string, lv psaapi.LevelVersion) (warnings []string, err error) {
	ns := w.namespaces[name]
	if ns == nil {
		return nil, apierrors.NewNotFound(namespaceResource, name)
	}
	if string(ns.UID) != uid {
		return nil, apierrors.NewConflict(namespaceResource, name, fmt.Errorf("it is another"))
	}
	now, _ := psaapi.PolicyToEvaluate(ns.Labels, w.config.Defaults)
	same := now.Enforce.Version == lv.Version && psaapi.CompareLevels(lv.Level, now.Enforce.Level) < 1
	switch {
	case lv.Level == psaapi.LevelPrivileged, same:
		return nil, nil
	case w.config.ExemptNamespaces.Has(name):
		return []string{fmt.Sprintf("namespace %q is exempt from Pod Security, and the policy (enforce=%q) will be ignored", name, lv.String())}, nil
	case w.oneIn(w.faults.fail):
		return []string{"failed to list pods while checking new PodSecurity enforce level"}, nil
	}
	pods := w.violatingPods(name, standards.Effective(lv, w.server))
	if len(pods) == 0 {
		return nil, nil
	}
	header := fmt.Sprintf("existing pods in namespace %q violate the new PodSecurity enforce level %q", name, lv.String())
	return append([]string{header}, pods...), nil
}

// violatingPods are the pods that run and violate a level, each with why.
func (w *world) violatingPods(name string, lv psaapi.LevelVersion) []string {
	var pods []string
	for _, wl := range w.workloads[name] {
		for p, n := range wl.running {
			if found := findings(profile(p), lv); n > 0 && len(found) > 0 {
				pods = append(pods, fmt.Sprintf("%s: %s", wl.podName(profile(p)), found[0].Reason))
			}
		}
	}
	slices.Sort(pods)
	return pods
}

// simLabels is nslabels.Client, short of the wire: what it sends and reads is
// the same, see TestSimulationOverTheWire.
type simLabels struct{ o *operator }

func (l simLabels) DryRun(ctx context.Context, ns *corev1.Namespace, lv psaapi.LevelVersion) (gate.DryRun, error) {
	if err := l.o.call(ctx, reading); err != nil {
		return gate.DryRun{}, err
	}
	warnings, err := l.o.w.dryRun(ns.Name, string(ns.UID), lv)
	if err != nil || len(warnings) == 0 || l.o.w.sabotage.ignoreViolations {
		return gate.DryRun{}, err
	}
	switch {
	case strings.HasPrefix(warnings[0], "failed to list pods"):
		return gate.DryRun{Inconclusive: warnings[0]}, nil
	case strings.Contains(warnings[0], "is exempt from"):
		return gate.DryRun{Exempt: warnings[0]}, nil
	}
	return gate.DryRun{Violations: warnings}, nil
}

func (l simLabels) Apply(ctx context.Context, ns *corev1.Namespace, r ladder.Rung) error {
	labels := map[string]string{}
	for _, entry := range l.o.w.owners[ns.Name] {
		for i, key := range nslabels.Keys {
			if value, ok := ns.Labels[key]; ok && entry.manager == v1alpha1.FieldManager && entry.keys&(1<<i) != 0 {
				labels[key] = value
			}
		}
	}
	wanted := nslabels.Wanted(r)
	if maps.Equal(present(wanted, ns.Labels), wanted) {
		return nil
	}
	maps.Copy(labels, wanted)
	l.o.w.sabotage.labels(r, labels)
	return l.o.write(ctx, func() error {
		return l.o.w.apply(taskOf(ctx), ns.Name, labelApply{uid: string(ns.UID), resourceVersion: ns.ResourceVersion, labels: labels, force: true})
	})
}
