// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/pod-security-admission/policy"

	"github.com/podsecurity-rollout/operator/internal/standards"
	"github.com/podsecurity-rollout/operator/test/randompod"
)

// randomPods is how many random pods a plain `go test` compares.
const randomPods = 600

// checkRandomPod holds a random pod against all that Reduce promises.
func checkRandomPod(t *testing.T, e *standards.Evaluator, own policy.Evaluator, data []byte) {
	t.Helper()
	meta, spec := randompod.New(data)
	metaBefore, specBefore := meta.DeepCopy(), spec.DeepCopy()
	profile := standards.Reduce(meta, spec)
	for _, lv := range levelVersions() {
		if difference := compare(e, own, lv, meta, spec, profile); difference != "" {
			t.Error(difference)
		}
	}
	if diff := cmp.Diff(profile, standards.Reduce(&profile.Meta, &profile.Spec)); diff != "" {
		t.Errorf("reducing a profile changes it (-once +twice):\n%s", diff)
	}
	readBack, err := profile.Key().Profile()
	if diff := cmp.Diff(profile, readBack); err != nil || diff != "" {
		t.Errorf("the key reads back differently: %v (-want +got):\n%s", err, diff)
	}
	scribble(reflect.ValueOf(&profile))
	if !cmp.Equal(metaBefore, meta) || !cmp.Equal(specBefore, spec) {
		t.Error("the profile shares memory with the pod, or reducing has changed the pod")
	}
}

// scribble overwrites everything that can be reached from v.
func scribble(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			scribble(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			scribble(v.Field(i))
		}
	case reflect.Slice:
		for i := range v.Len() {
			scribble(v.Index(i))
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			v.SetMapIndex(key, reflect.ValueOf("scribble").Convert(v.Type().Elem()))
		}
	default:
		scribbleValue(v)
	}
}

func scribbleValue(v reflect.Value) {
	switch {
	case !v.CanSet():
	case v.Kind() == reflect.String:
		v.SetString("scribble")
	case v.Kind() == reflect.Bool:
		v.SetBool(!v.Bool())
	case v.CanInt():
		v.SetInt(v.Int() + 1)
	}
}

func TestRandomPods(t *testing.T) {
	e, own := evaluator(t), upstream(t)
	for seed := range uint64(randomPods) {
		if checkRandomPod(t, e, own, randompod.Seed(seed)); t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func FuzzReduce(f *testing.F) {
	for seed := range uint64(16) {
		f.Add(randompod.Seed(seed))
	}
	e, own := evaluator(f), upstream(f)
	f.Fuzz(func(t *testing.T, data []byte) { checkRandomPod(t, e, own, data) })
}
