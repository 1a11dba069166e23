// SPDX-License-Identifier: Apache-2.0

package standards

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The annotations that checks read: seccomp up to v1.18 (policy/check_seccompProfile_baseline.go), AppArmor at every version (policy/check_appArmorProfile.go).
const (
	seccompPodAnnotation             = "seccomp.security.alpha.kubernetes.io/pod"
	seccompContainerAnnotationPrefix = "container.seccomp.security.alpha.kubernetes.io/"
)

// Profile is the part of a pod, or of a pod template, that some check of some level and version can read, and the runtime class, which exemptions go
// by. Make one with Reduce. Meta and Spec are given to Evaluator.Evaluate like those of the whole pod.
type Profile struct {
	// Meta holds the seccomp and AppArmor annotations and nothing else.
	Meta metav1.ObjectMeta
	// Spec holds the fields that checks read, in one form each, and nothing else.
	Spec corev1.PodSpec
}

// Key is a profile written out. Two profiles are equal exactly when their keys are: a key is an encoding and no hash, so there are no collisions. It is
// stable for one version of the library. A key takes some hundred bytes, a decoded profile some thousand.
type Key string

// Reduce answers the profile of a pod or pod template. Either argument may be nil, which reads as empty; both are only read. Of their memory the
// profile keeps strings only, never a slice, a map or a pointer into them.
//
// What is kept has one form, so that pods no check can tell apart have equal profiles: absent, empty and default values are one (no security context
// and an empty one; `privileged: false` and nothing), lists that checks read as sets are sorted, and of values that checks only ask one thing of, only that
// is kept (runAsUser: 0 or not). Lists whose order shows in findings keep their order: containers, sysctls, volumes. Values that checks hold
// against a list of allowed ones (capabilities, sysctls, profile types, SELinux types) stay as they are, since these lists change from version to version.
func Reduce(meta *metav1.ObjectMeta, spec *corev1.PodSpec) Profile {
	var profile Profile
	if spec != nil {
		profile.Spec = reduceSpec(spec)
	}
	if meta != nil {
		profile.Meta.Annotations = reduceAnnotations(meta.Annotations, &profile.Spec)
	}
	return profile
}

// Key writes the profile out, in protobuf, which for Kubernetes' types is deterministic: fields in order, maps sorted.
func (p Profile) Key() Key {
	encoded, err := (&corev1.PodTemplateSpec{ObjectMeta: p.Meta, Spec: p.Spec}).Marshal()
	if err != nil {
		// The generated code fails only where a nested type of its own does (a time, a quantity); a profile has none.
		panic(fmt.Sprintf("encoding a profile: %v", err))
	}
	return Key(encoded)
}

// Profile reads a key back. It fails only on what Profile.Key has not written.
func (k Key) Profile() (Profile, error) {
	var template corev1.PodTemplateSpec
	if err := template.Unmarshal([]byte(k)); err != nil {
		return Profile{}, fmt.Errorf("decoding a profile of %d bytes: %w", len(k), err)
	}
	return Profile{Meta: template.ObjectMeta, Spec: template.Spec}, nil
}

// RuntimeClass is the name of the pod's runtime class, "" for the cluster's default.
func (p Profile) RuntimeClass() string {
	if p.Spec.RuntimeClassName == nil {
		return ""
	}
	return *p.Spec.RuntimeClassName
}

// reduceAnnotations keeps the annotations that checks read: those of seccomp for containers that exist, those of AppArmor for any name.
func reduceAnnotations(annotations map[string]string, spec *corev1.PodSpec) map[string]string {
	var kept map[string]string
	for key, value := range annotations {
		if !isRead(key, spec) {
			continue
		}
		if kept == nil {
			kept = map[string]string{}
		}
		kept[key] = value
	}
	return kept
}

func isRead(annotation string, spec *corev1.PodSpec) bool {
	if annotation == seccompPodAnnotation || strings.HasPrefix(annotation, corev1.DeprecatedAppArmorBetaContainerAnnotationKeyPrefix) {
		return true
	}
	container, found := strings.CutPrefix(annotation, seccompContainerAnnotationPrefix)
	return found && hasContainer(spec, container)
}

func hasContainer(spec *corev1.PodSpec, name string) bool {
	for i := range spec.InitContainers {
		if spec.InitContainers[i].Name == name {
			return true
		}
	}
	for i := range spec.Containers {
		if spec.Containers[i].Name == name {
			return true
		}
	}
	for i := range spec.EphemeralContainers {
		if spec.EphemeralContainers[i].Name == name {
			return true
		}
	}
	return false
}
