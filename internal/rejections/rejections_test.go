// SPDX-License-Identifier: Apache-2.0

package rejections

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var nine = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

const refused = `Error creating: pods "web-1" is forbidden: violates PodSecurity "baseline:v1.37": privileged (container "c" must not set securityContext.privileged=true)`

func event(name, message string, at time.Time) *corev1.Event {
	return &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Namespace: "shop", Name: name},
		InvolvedObject: corev1.ObjectReference{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "web"},
		Reason:         "FailedCreate", Message: message, LastTimestamp: metav1.NewTime(at),
	}
}

func watcher() (*Watcher, *store, *int) {
	w := &Watcher{namespaces: map[string]map[string]Rejection{}}
	told := 0
	w.Subscribe(func(string) { told++ })
	return w, &store{w}, &told
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestReadsRefusals(t *testing.T) {
	w, s, told := watcher()
	must(t, s.Add(event("a", refused, nine)))
	must(t, s.Add(event("b", "Error creating: exceeded quota", nine)))
	other := event("c", refused, nine)
	other.Reason = "FailedScheduling"
	must(t, s.Add(other))
	ofNobody := event("d", refused, nine)
	ofNobody.InvolvedObject.Kind = ""
	must(t, s.Add(ofNobody))
	want := []Rejection{{
		APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "web", Level: "baseline:v1.37", Time: nine,
		Message: `violates PodSecurity "baseline:v1.37": privileged (container "c" must not set securityContext.privileged=true)`,
	}}
	if diff := cmp.Diff(want, w.Rejections("shop")); diff != "" {
		t.Errorf("rejections (-want +got):\n%s", diff)
	}
	if *told != 1 {
		t.Errorf("told %d times, want once", *told)
	}
	must(t, s.Update(event("a", refused, nine)))
	if *told != 1 {
		t.Error("told of an event that says nothing new")
	}
	must(t, s.Update(event("a", refused, nine.Add(time.Minute))))
	if got := w.Rejections("shop")[0].Time; !got.Equal(nine.Add(time.Minute)) || *told != 2 {
		t.Errorf("last refused at %v, told %d times", got, *told)
	}
	must(t, s.Delete(event("a", refused, nine)))
	if len(w.Rejections("shop")) != 0 || *told != 3 {
		t.Error("a deleted event is still there, or nobody was told")
	}
}

func TestReplaceDropsWhatIsNotListed(t *testing.T) {
	w, s, _ := watcher()
	must(t, s.Add(event("a", refused, nine)))
	must(t, s.Replace([]any{event("b", refused, nine.Add(time.Second))}, ""))
	got := w.Rejections("shop")
	if len(got) != 1 || !got[0].Time.Equal(nine.Add(time.Second)) {
		t.Errorf("got %v, want the listed one", got)
	}
}

func TestBounded(t *testing.T) {
	w, s, _ := watcher()
	for i := range perNamespace + 10 {
		must(t, s.Add(event(fmt.Sprint("e", i), refused, nine.Add(time.Duration(i)*time.Second))))
	}
	got := w.Rejections("shop")
	if len(got) != perNamespace {
		t.Fatalf("%d are kept, want %d", len(got), perNamespace)
	}
	if oldest := got[len(got)-1].Time; !oldest.Equal(nine.Add(10 * time.Second)) {
		t.Errorf("the oldest kept is of %v, want the ten oldest gone", oldest)
	}
}

func TestLastTimeOfEitherKindOfEvent(t *testing.T) {
	for name, e := range map[string]*corev1.Event{
		"last timestamp": {LastTimestamp: metav1.NewTime(nine), FirstTimestamp: metav1.NewTime(nine.Add(-time.Hour))},
		"event time":     {EventTime: metav1.NewMicroTime(nine)},
		"series":         {EventTime: metav1.NewMicroTime(nine.Add(-time.Hour)), Series: &corev1.EventSeries{LastObservedTime: metav1.NewMicroTime(nine)}},
	} {
		if got := lastTime(e); !got.Equal(nine) {
			t.Errorf("%s: %v, want %v", name, got, nine)
		}
	}
}

func TestForeignObjectsAreErrors(t *testing.T) {
	_, s, _ := watcher()
	if s.Add(&corev1.Pod{}) == nil || s.Delete(&corev1.Pod{}) == nil || s.Replace([]any{&corev1.Pod{}}, "") == nil {
		t.Error("a pod passes for an event")
	}
}
