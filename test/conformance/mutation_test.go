// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	psaapi "k8s.io/pod-security-admission/api"

	"github.com/podsecurity-rollout/operator/internal/standards"
	"github.com/podsecurity-rollout/operator/test/randompod"
)

// unread are the fields that a profile keeps although no check reads them.
var unread = map[string]string{
	"Spec.RuntimeClassName": "exemptions go by it",
}

// beyondFixtures are the fields, each with all below it, that no fixture sets. Random pods have to notice their loss instead.
var beyondFixtures = map[string]string{
	"Spec.*.Lifecycle.PostStart.TCPSocket":       "fixtures set the other handlers",
	"Spec.*.Lifecycle.PreStop":                   "fixtures set postStart",
	"Spec.*.LivenessProbe.TCPSocket":             "fixtures set httpGet in liveness probes",
	"Spec.*.ReadinessProbe.HTTPGet":              "fixtures set tcpSocket in readiness probes",
	"Spec.*.SecurityContext.AppArmorProfile":     "fixtures set the annotation",
	"Spec.*.SecurityContext.SELinuxOptions.Role": "fixtures set the pod's",
	"Spec.*.SecurityContext.SELinuxOptions.User": "fixtures set the pod's",
	"Spec.*.StartupProbe":                        "fixtures set the other probes",
	"Spec.EphemeralContainers":                   "a pod cannot be created with them, and fixtures are created",
	"Spec.SecurityContext.AppArmorProfile":       "fixtures set the annotation",
	"Spec.Volumes.EmptyDir":                      "it marks an accepted source beside a host path, a pair that the API refuses",
	"Spec.Volumes.PhotonPersistentDisk":          "fixtures leave this source out",
}

// Dropping any field that a profile keeps changes the findings of some fixture: were the field left out of Reduce, TestFixtures would fail. The fields are
// those that random pods make a profile keep, found by reflection, so none is forgotten here.
func TestDroppingAnyFieldIsNoticed(t *testing.T) {
	e := evaluator(t)
	kept, byRandom := keptFields(e)
	byFixture := noticedByFixtures(t, e)
	for _, field := range slices.Sorted(maps.Keys(kept)) {
		if complaint := complain(field, byFixture[field], byRandom[field]); complaint != "" {
			t.Errorf("%s: %s", field, complaint)
		}
	}
	for field := range beyondFixtures {
		if !kept[field] {
			t.Errorf("%s is on the list of fields beyond fixtures, but no profile keeps it", field)
		}
	}
	t.Logf("%d fields kept, %d noticed by fixtures, %d unread, the others noticed by random pods", len(kept), len(byFixture), len(unread))
}

// complain says what is wrong when a fixture, or none (""), and a random pod, or none, notice that a field is dropped; "" when nothing is.
func complain(field, fixture string, random bool) string {
	if _, exempt := unread[field]; exempt {
		if fixture != "" || random {
			return "read by a check: take it off the list of unread fields"
		}
		return ""
	}
	switch {
	case beyond(field) && fixture != "":
		return "its loss is noticed by " + fixture + ": take it off the list of fields beyond fixtures"
	case beyond(field) && !random:
		return "its loss is noticed neither by a fixture nor by a random pod"
	case !beyond(field) && fixture == "":
		return "its loss is not noticed by any fixture"
	}
	return ""
}

// beyond says whether the field, or one that holds it, is on the list of those that no fixture sets.
func beyond(field string) bool {
	for known := range beyondFixtures {
		if field == known || strings.HasPrefix(field, known+".") {
			return true
		}
	}
	return false
}

// noticedByFixtures are the fields whose loss changes the findings of a fixture at its own level and version, each with such a fixture.
func noticedByFixtures(t *testing.T, e *standards.Evaluator) map[string]string {
	noticed := map[string]string{}
	for _, f := range upstreamFixtures(t) {
		profile := standards.Reduce(&f.Pod.ObjectMeta, &f.Pod.Spec)
		for _, field := range changing(e, profile, []psaapi.LevelVersion{f.Level}) {
			noticed[field] = f.Path
		}
	}
	return noticed
}

// keptFields are the fields that the profiles of random pods have set, and those of them whose loss changes the findings on such a pod.
func keptFields(e *standards.Evaluator) (kept, noticed map[string]bool) {
	kept, noticed = map[string]bool{}, map[string]bool{}
	newest := standards.NewestVersion()
	levels := []psaapi.LevelVersion{
		{Level: psaapi.LevelBaseline, Version: psaapi.MajorMinorVersion(1, 0)}, {Level: psaapi.LevelBaseline, Version: newest},
		{Level: psaapi.LevelRestricted, Version: psaapi.MajorMinorVersion(1, 0)}, {Level: psaapi.LevelRestricted, Version: newest},
	}
	for seed := range uint64(randomPods) {
		profile := standards.Reduce(randompod.New(randompod.Seed(seed)))
		for field := range fieldsOf(profile) {
			kept[field] = true
		}
		for _, field := range changing(e, profile, levels) {
			noticed[field] = true
		}
	}
	return kept, noticed
}

// changing are the fields of a profile whose loss changes the findings at one of the levels.
func changing(e *standards.Evaluator, profile standards.Profile, levels []psaapi.LevelVersion) []string {
	var fields []string
	for field := range fieldsOf(profile) {
		without := standards.Profile{Meta: *profile.Meta.DeepCopy(), Spec: *profile.Spec.DeepCopy()}
		drop(reflect.ValueOf(&without), strings.Split(field, "."))
		for _, lv := range levels {
			if !slices.Equal(e.Evaluate(lv, &profile.Meta, &profile.Spec), e.Evaluate(lv, &without.Meta, &without.Spec)) {
				fields = append(fields, field)
				break
			}
		}
	}
	return fields
}

// fieldsOf are the paths of what is set in a profile, inner ones and leaves, e.g. Spec.Containers and Spec.*.SecurityContext.Privileged: Reduce treats
// the containers of all three lists alike, so what is below a list of containers is one field for all of them, and elements of any list share their path.
// Annotations have a path for each key without what follows the slash.
func fieldsOf(profile standards.Profile) map[string]bool {
	fields := map[string]bool{}
	collect(reflect.ValueOf(profile), nil, fields)
	return fields
}

// collect adds the paths of what is set in v and below.
func collect(v reflect.Value, path []string, fields map[string]bool) {
	switch v.Kind() {
	case reflect.Struct:
		collectFields(v, path, fields)
	case reflect.Pointer:
		collect(v.Elem(), path, fields)
	case reflect.Slice:
		for i := range v.Len() {
			collect(v.Index(i), path, fields)
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			fields[joined(path, annotationField(key.String()))] = true
		}
	default:
	}
}

func collectFields(v reflect.Value, path []string, fields map[string]bool) {
	for i := range v.NumField() {
		switch field := v.Type().Field(i); {
		case v.Field(i).IsZero():
		case field.Anonymous:
			collect(v.Field(i), path, fields)
		default:
			fields[joined(path, field.Name)] = true
			collect(v.Field(i), append(slices.Clip(path), below(field.Name)), fields)
		}
	}
}

func joined(path []string, last string) string {
	return strings.Join(append(slices.Clip(path), last), ".")
}

// containers stands for the three lists of containers.
const containers = "*"

// below is the path element of a field for what is below it.
func below(field string) string {
	if strings.HasSuffix(field, "Containers") {
		return containers
	}
	return field
}

// annotationField is an annotation key as a path element: without dots and the container's name.
func annotationField(key string) string {
	if prefix, _, _ := strings.Cut(key, "/"); prefix != "seccomp.security.alpha.kubernetes.io" {
		key = prefix
	}
	return strings.ReplaceAll(key, ".", "_")
}

// drop empties the field at a path, in every element of the lists on the way.
func drop(v reflect.Value, path []string) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			drop(v.Elem(), path)
		}
	case reflect.Slice:
		for i := range v.Len() {
			drop(v.Index(i), path)
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			if annotationField(key.String()) == path[0] {
				v.SetMapIndex(key, reflect.Value{})
			}
		}
	default:
		dropField(v, path)
	}
}

func dropField(v reflect.Value, path []string) {
	for i := range v.NumField() {
		switch name := v.Type().Field(i).Name; {
		case len(path) == 1 && name == path[0]:
			v.Field(i).SetZero()
		case len(path) > 1 && below(name) == path[0]:
			drop(v.Field(i), path[1:])
		case v.Type().Field(i).Anonymous:
			drop(v.Field(i), path)
		}
	}
}
