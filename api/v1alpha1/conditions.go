// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Condition types. Every condition carries observedGeneration.
const (
	// ConditionReady (both kinds) is True when the spec is accepted and acted on
	// as written. It does not mean finished: a GitOps tool must not hang through
	// a week of soak.
	ConditionReady = "Ready"
	// ConditionProgressing (both kinds) is True when something can still move by
	// itself. Its reason is the state to show.
	ConditionProgressing = "Progressing"
	// ConditionComplete (both kinds) is True when the target is reached everywhere.
	ConditionComplete = "Complete"
	// ConditionBlocked (PodSecurityRollout) is True when at least one namespace
	// waits for a person.
	ConditionBlocked = "Blocked"
	// ConditionStalled (both kinds) is True when the spec cannot be acted on, or
	// the rollout is past its progress deadline. kstatus reads it as Failed.
	ConditionStalled = "Stalled"
	// ConditionCompliant (NamespaceRollout) says whether everything in the
	// namespace complies with the next rung's level: True, False, or Unknown.
	ConditionCompliant = "Compliant"
	// ConditionRejecting (NamespaceRollout) is True when pods have been refused
	// since the last enforce rung.
	ConditionRejecting = "Rejecting"
	// ConditionEvaluatorDisagrees (NamespaceRollout) is True when the operator's own
	// verdict over the pods and the API server's dry run differ; the message gives
	// both. Nothing that requires compliance is climbed meanwhile.
	ConditionEvaluatorDisagrees = "EvaluatorDisagrees"
	// ConditionUnsafeExemption (PodSecurityRollout) is True when the API server
	// exempts a runtime class that is not known to isolate its pods.
	ConditionUnsafeExemption = "UnsafeExemption"
	// ConditionConfigurationInvalid (PodSecurityRollout) is True when the file of
	// --pod-security-config cannot be read; the last good one is gone by meanwhile.
	ConditionConfigurationInvalid = "ConfigurationInvalid"
)

// Reasons of the condition Ready.
const (
	// ReasonAccepted: the spec is accepted and acted on as written.
	ReasonAccepted = "Accepted"
	// ReasonVersionNotServed: a target pins a version newer than the API server's.
	// Pin a version the server has, or use version: Cluster.
	ReasonVersionNotServed = "VersionNotServed"
	// ReasonInvalidSpec: the spec cannot be understood. The message names the field.
	ReasonInvalidSpec = "InvalidSpec"
	// ReasonNotOwned: the NamespaceRollout belongs to no rollout that selects its
	// namespace. It was made by hand, or is about to be removed.
	ReasonNotOwned = "NotOwned"
)

// Reasons of the condition Progressing: the state of a namespace, or of a
// rollout as the sum of its namespaces.
const (
	// ReasonClimbing: a rung was just climbed, or is about to be.
	ReasonClimbing = "Climbing"
	// ReasonComplete: the target is reached.
	ReasonComplete = "Complete"
	// ReasonAheadOfTarget: the target is reached, and at least one mode is
	// stricter or newer than it. The operator never lowers a level.
	ReasonAheadOfTarget = "AheadOfTarget"
	// ReasonSuspended: the rollout's spec.suspend is true.
	ReasonSuspended = "Suspended"
	// ReasonObserving: the rollout's spec.mode is Observe.
	ReasonObserving = "Observing"
	// ReasonExempt: the namespace is exempt in the API server's configuration.
	ReasonExempt = "Exempt"
	// ReasonTerminating: the namespace is being deleted.
	ReasonTerminating = "Terminating"
	// ReasonLabelConflict: another field manager owns the label with another
	// value. Give the label up there, or set labelConflicts: TakeOver.
	ReasonLabelConflict = "LabelConflict"
	// ReasonInvalidLabels: the namespace carries pod-security labels that the API
	// server cannot parse. Correct or remove the labels the message names.
	ReasonInvalidLabels = "InvalidLabels"
	// ReasonInconclusive: the evidence is not complete yet, the library does not
	// know the version, reports that gate the enforce rung cannot be read, or the API
	// server could not answer the dry run. The message says which.
	ReasonInconclusive = "Inconclusive"
	// ReasonViolations: at least one pod or template violates the level.
	ReasonViolations = "Violations"
	// ReasonSoaking: the namespace has to be clean for longer.
	ReasonSoaking = "Soaking"
	// ReasonAwaitingApproval: spec.approvedEnforce has to name the rung.
	ReasonAwaitingApproval = "AwaitingApproval"
	// ReasonReportsFailing: a report that gates the enforce rung has failing results.
	// The message names it. Where reports cannot be read the reason is Inconclusive.
	ReasonReportsFailing = "ReportsFailing"
	// ReasonAwaitingTurn: a wave or a budget does not let the namespace go yet.
	ReasonAwaitingTurn = "AwaitingTurn"
	// ReasonServerDisagrees: the API server's own dry run finds violations that
	// the operator's evaluation does not.
	ReasonServerDisagrees = "ServerDisagrees"
	// ReasonWriteRefused: the API server refuses to let the operator write the
	// labels: a missing right, or an admission policy or webhook, as the message
	// says. It is tried again with growing pauses (status.writeRefusal), and holds
	// no turn meanwhile.
	ReasonWriteRefused = "WriteRefused"
	// ReasonBaking: the enforce rung was climbed and refused pods are watched for.
	ReasonBaking = "Baking"
	// ReasonRejecting: pods have been refused since the last enforce rung.
	ReasonRejecting = "Rejecting"
	// ReasonRolledBack: the enforce rung was taken back because pods were
	// refused. Change the rollout's spec, or approve the rung anew, to try again.
	ReasonRolledBack = "RolledBack"
	// ReasonBlocked (PodSecurityRollout): nothing moves until a person acts.
	ReasonBlocked = "Blocked"
	// ReasonNoNamespaces (PodSecurityRollout): no namespace is selected.
	ReasonNoNamespaces = "NoNamespaces"
	// ReasonConflicted (PodSecurityRollout): every namespace that is left belongs
	// to an older rollout.
	ReasonConflicted = "Conflicted"
)

// Reasons of the other conditions.
const (
	// ReasonInProgress: the target is not reached everywhere yet.
	ReasonInProgress = "InProgress"
	// ReasonCompliant: everything in the namespace complies.
	ReasonCompliant = "Compliant"
	// ReasonNotBlocked: no namespace waits for a person.
	ReasonNotBlocked = "NotBlocked"
	// ReasonNotStalled: the spec is acted on and no deadline has passed.
	ReasonNotStalled = "NotStalled"
	// ReasonProgressDeadlineExceeded: the rollout made no progress for longer
	// than its progressDeadline.
	ReasonProgressDeadlineExceeded = "ProgressDeadlineExceeded"
	// ReasonAgrees: the operator and the API server find the same.
	ReasonAgrees = "Agrees"
	// ReasonNotCompared: the API server was not asked yet, or could not tell.
	ReasonNotCompared = "NotCompared"
	// ReasonServerStricter: the API server finds violating pods where the operator
	// finds none.
	ReasonServerStricter = "ServerStricter"
	// ReasonServerLaxer: the operator finds violating pods where the API server
	// finds none: mostly, it exempts their runtime class, and the operator was not
	// given its configuration.
	ReasonServerLaxer = "ServerLaxer"
	// ReasonUndeclaredExemption: the API server exempts the namespace, and the file of
	// --pod-security-config does not say so. Give the operator the API server's file.
	ReasonUndeclaredExemption = "UndeclaredExemption"
	// ReasonNotIsolated: an exempt runtime class does not exist, or its handler is not
	// known to isolate.
	ReasonNotIsolated = "NotIsolated"
	// ReasonNoUnsafeExemption: every runtime class that is exempt isolates its pods.
	ReasonNoUnsafeExemption = "NoUnsafeExemption"
	// ReasonUnreadable: the file of --pod-security-config cannot be read.
	ReasonUnreadable = "Unreadable"
	// ReasonRead: the file of --pod-security-config was read, or none is given.
	ReasonRead = "Read"
	// ReasonNoRejections: no pod has been refused since the last enforce rung.
	ReasonNoRejections = "NoRejections"
	// ReasonPodsRejected: the API server refused pods since the last enforce rung.
	ReasonPodsRejected = "PodsRejected"
)
