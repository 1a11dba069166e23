// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Reasons of Events. An Event of another reason tells that the state of a
// namespace has changed: its reason is that of Progressing.
const (
	// EventClimbed: a rung was climbed. The note says from what to what.
	EventClimbed = "Climbed"
	// EventLabelChanged: somebody else changed a Pod Security label. The note names
	// the field manager.
	EventLabelChanged = "LabelChanged"
	// EventPodSecurityViolation: a workload violates a level on the way to the
	// target. It is an Event of the workload; the note says what to set to what.
	EventPodSecurityViolation = "PodSecurityViolation"
)
