// SPDX-License-Identifier: Apache-2.0

package summary

import (
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// maxMessage bounds the messages of conditions and lists, in bytes.
const maxMessage = 1024

// conditions sets conditions of one generation at one time, keeping the
// transition times of those whose status stays.
type conditions struct {
	now        time.Time
	generation int64
	list       []metav1.Condition
}

func newConditions(old []metav1.Condition, generation int64, now time.Time) *conditions {
	return &conditions{now: now, generation: generation, list: append([]metav1.Condition(nil), old...)}
}

func (c *conditions) set(kind string, status metav1.ConditionStatus, reason, message string) {
	meta.SetStatusCondition(&c.list, metav1.Condition{
		Type: kind, Status: status, Reason: reason, Message: Clip(message, maxMessage),
		ObservedGeneration: c.generation, LastTransitionTime: at(c.now),
	})
}

func boolStatus(b bool) metav1.ConditionStatus {
	if b {
		return metav1.ConditionTrue
	}
	return metav1.ConditionFalse
}

// at is a time as the API keeps it: UTC, to the second.
func at(t time.Time) metav1.Time {
	return metav1.NewTime(t.UTC().Truncate(time.Second))
}

// notBefore is a time as the API keeps it, and not before it: what is counted
// from there is never cut short.
func notBefore(t time.Time) metav1.Time {
	return at(t.Add(time.Second - time.Nanosecond))
}

func atOrNil(t time.Time) *metav1.Time {
	if t.IsZero() {
		return nil
	}
	out := at(t)
	return &out
}

// Clip cuts a text to at most n bytes, at a rune, and says that it was cut.
func Clip(s string, n int) string {
	const more = " …"
	if len(s) <= n {
		return s
	}
	cut := n - len(more)
	for cut > 0 && s[cut]&0xC0 == 0x80 {
		cut--
	}
	return s[:cut] + more
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
