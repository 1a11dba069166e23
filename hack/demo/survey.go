// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	psaapi "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// levels are those that can be violated.
var levels = []psaapi.Level{psaapi.LevelBaseline, psaapi.LevelRestricted}

// subject is a pod or a pod template, whole and as the API server has it.
type subject struct {
	namespace, name string
	isPod           bool
	template        corev1.PodTemplateSpec
}

// finding is what upstream's evaluator says of one namespace.
type finding struct {
	pods, templates int
	// violator is the first subject that violates a level, "" when all comply. podViolator looks at pods only.
	violator, podViolator map[psaapi.Level]string
}

func newFinding() *finding {
	return &finding{violator: map[psaapi.Level]string{}, podViolator: map[psaapi.Level]string{}}
}

func (f *finding) complies() map[psaapi.Level]bool {
	out := map[psaapi.Level]bool{}
	for _, level := range levels {
		out[level] = f.violator[level] == ""
	}
	return out
}

// surveyor judges live objects with upstream's evaluator, whole and one by one.
type surveyor struct {
	client    client.Reader
	evaluator policy.Evaluator
	version   psaapi.Version
}

func newSurveyor(c client.Reader, version psaapi.Version) (*surveyor, error) {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), &version)
	if err != nil {
		return nil, fmt.Errorf("making upstream's evaluator: %w", err)
	}
	return &surveyor{client: c, evaluator: evaluator, version: version}, nil
}

// survey judges everything that runs in the cluster, by namespace.
func (s *surveyor) survey(ctx context.Context) (map[string]*finding, error) {
	subjects, err := s.subjects(ctx)
	if err != nil {
		return nil, err
	}
	found := map[string]*finding{}
	for _, each := range subjects {
		f := found[each.namespace]
		if f == nil {
			f = newFinding()
			found[each.namespace] = f
		}
		s.judge(f, each)
	}
	return found, nil
}

func (s *surveyor) judge(f *finding, each subject) {
	if each.isPod {
		f.pods++
	} else {
		f.templates++
	}
	for _, level := range levels {
		to := psaapi.LevelVersion{Level: level, Version: s.version}
		result := policy.AggregateCheckResults(s.evaluator.EvaluatePod(to, &each.template.ObjectMeta, &each.template.Spec))
		if result.Allowed {
			continue
		}
		text := each.name + ": " + result.ForbiddenReason()
		if f.violator[level] == "" {
			f.violator[level] = text
		}
		if each.isPod && f.podViolator[level] == "" {
			f.podViolator[level] = text
		}
	}
}

// carriers are the pods, and the kinds whose templates Pod Security Admission checks.
var carriers = []schema.GroupVersionKind{
	{Version: "v1", Kind: "Pod"},
	{Version: "v1", Kind: "PodTemplate"},
	{Version: "v1", Kind: "ReplicationController"},
	{Group: "apps", Version: "v1", Kind: "DaemonSet"},
	{Group: "apps", Version: "v1", Kind: "Deployment"},
	{Group: "apps", Version: "v1", Kind: "ReplicaSet"},
	{Group: "apps", Version: "v1", Kind: "StatefulSet"},
	{Group: "batch", Version: "v1", Kind: "CronJob"},
	{Group: "batch", Version: "v1", Kind: "Job"},
}

// subjects lists all pods and templates. Old revisions of a Deployment are none: nothing will run them.
func (s *surveyor) subjects(ctx context.Context) ([]subject, error) {
	var all []subject
	for _, kind := range carriers {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(kind)
		if err := s.client.List(ctx, list); err != nil {
			return nil, fmt.Errorf("listing every %s: %w", kind.Kind, err)
		}
		for i := range list.Items {
			if isOldRevision(&list.Items[i]) {
				continue
			}
			each, err := subjectOf(&list.Items[i])
			if err != nil {
				return nil, err
			}
			all = append(all, each)
		}
	}
	return all, nil
}

func subjectOf(object *unstructured.Unstructured) (subject, error) {
	each := subject{
		namespace: object.GetNamespace(), name: object.GetKind() + " " + object.GetName(), isPod: object.GetKind() == "Pod",
	}
	template, _, err := unstructured.NestedMap(object.Object, templateOf[object.GetKind()]...)
	if err == nil {
		err = runtime.DefaultUnstructuredConverter.FromUnstructured(template, &each.template)
	}
	if err != nil {
		return each, fmt.Errorf("reading the pod template of %s in namespace %s: %w", each.name, each.namespace, err)
	}
	return each, nil
}

func isOldRevision(object *unstructured.Unstructured) bool {
	owner := metav1.GetControllerOf(object)
	replicas, _, _ := unstructured.NestedInt64(object.Object, "spec", "replicas")
	return object.GetKind() == "ReplicaSet" && owner != nil && owner.Kind == "Deployment" && replicas == 0
}
