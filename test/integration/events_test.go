// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"strings"

	eventsv1 "k8s.io/api/events/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podsecurity-rollout/operator/test/e2e/await"
)

// event is what a test looks for: an Event on an object, for a reason, whose
// note has the words.
type event struct {
	kind, namespace, name string
	reason, note          string
}

// awaitEvent waits until there is such an Event.
func (s *scene) awaitEvent(want event) {
	s.Helper()
	await.Until(s.T, soon, func() error {
		notes, err := s.eventNotes(want)
		if err != nil {
			return err
		}
		for _, note := range notes {
			if strings.Contains(note, want.note) {
				return nil
			}
		}
		return fmt.Errorf("no Event %s on %s %s has the note %q; there are\n%s",
			want.reason, want.kind, want.name, want.note, strings.Join(notes, "\n"))
	})
}

// eventNotes answers the notes of all Events on the object for the reason.
// Events on what has no namespace are in the namespace default.
func (s *scene) eventNotes(of event) ([]string, error) {
	namespace := of.namespace
	if namespace == "" {
		namespace = "default"
	}
	var list eventsv1.EventList
	if err := s.List(s.Context(), &list, client.InNamespace(namespace)); err != nil {
		return nil, err
	}
	var notes []string
	for _, e := range list.Items {
		if e.Regarding.Kind == of.kind && e.Regarding.Name == of.name && e.Reason == of.reason {
			notes = append(notes, e.Note)
		}
	}
	return notes, nil
}
