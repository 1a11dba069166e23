// SPDX-License-Identifier: Apache-2.0

package nslabels

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/gate"
	"github.com/podsecurity-rollout/operator/internal/ladder"
)

// oneOff are the field managers of commands that people type once, and the name
// that the API server gives to whoever wrote before managedFields were kept. A
// label they set last has no standing owner: nothing would put it back.
var oneOff = map[string]bool{
	"before-first-apply": true,

	"kubectl-label":    true,
	"kubectl-edit":     true,
	"kubectl-patch":    true,
	"kubectl-create":   true,
	"kubectl-annotate": true,
}

func isOneOff(e metav1.ManagedFieldsEntry) bool {
	return e.Operation == metav1.ManagedFieldsOperationUpdate && oneOff[e.Manager]
}

func isOurs(e metav1.ManagedFieldsEntry) bool {
	return e.Manager == v1alpha1.FieldManager && e.Operation == metav1.ManagedFieldsOperationApply && e.Subresource == ""
}

// paths are where managedFields name the six labels.
var paths = func() map[string]fieldpath.Path {
	out := map[string]fieldpath.Path{}
	for _, key := range Keys {
		out[key] = fieldpath.MakePathOrDie("metadata", "labels", key)
	}
	return out
}()

// fieldsOf answers the fields that an entry of managedFields names.
func fieldsOf(ns *corev1.Namespace, entry metav1.ManagedFieldsEntry) (*fieldpath.Set, error) {
	fields := &fieldpath.Set{}
	if entry.FieldsV1 == nil {
		return fields, nil
	}
	if err := fields.FromJSON(entry.FieldsV1.GetRawReader()); err != nil {
		return nil, fmt.Errorf("reading managedFields of %q in namespace %q: %w", entry.Manager, ns.Name, err)
	}
	return fields, nil
}

// Owners answers the field managers but ours that own a label of the rung with
// a value other than the rung's, one-off commands left out.
func Owners(ns *corev1.Namespace, r ladder.Rung) ([]gate.Owner, error) {
	return owners(ns, Wanted(r), isOneOff)
}

// Ours answers the modes whose labels the operator owns: those it set last.
func Ours(ns *corev1.Namespace) ([]v1alpha1.Mode, error) {
	labels, err := owned(ns)
	if err != nil {
		return nil, err
	}
	var ours []v1alpha1.Mode
	for _, mode := range ladder.Modes {
		level, version := keysOf(mode)
		_, ownsLevel := labels[level]
		_, ownsVersion := labels[version]
		if ownsLevel && ownsVersion {
			ours = append(ours, mode)
		}
	}
	return ours, nil
}

// SetBy answers the field managers but ours that own a label with a value, one
// entry a manager and label, one-off commands included.
func SetBy(ns *corev1.Namespace, mode v1alpha1.Mode) ([]gate.Owner, error) {
	level, version := keysOf(mode)
	return owners(ns, map[string]string{level: "", version: ""}, func(metav1.ManagedFieldsEntry) bool { return false })
}

// owners answers who but us owns one of the wanted labels with another value.
func owners(ns *corev1.Namespace, wanted map[string]string, skip func(metav1.ManagedFieldsEntry) bool) ([]gate.Owner, error) {
	var found []gate.Owner
	for _, entry := range ns.ManagedFields {
		if isOurs(entry) || skip(entry) {
			continue
		}
		fields, err := fieldsOf(ns, entry)
		if err != nil {
			return nil, err
		}
		for _, key := range Keys {
			want, ours := wanted[key]
			if ours && ns.Labels[key] != want && fields.Has(paths[key]) {
				found = append(found, gate.Owner{Manager: entry.Manager, Label: key, Value: ns.Labels[key]})
			}
		}
	}
	return found, nil
}
