// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// NamespaceRolloutSpec is what people say: an approval and nothing else. Who
// may write it can grant itself nothing but that.
// +kubebuilder:validation:MinProperties=0
type NamespaceRolloutSpec struct {
	// approvedEnforce lets the enforce rung to exactly this level and version be
	// climbed, when the rollout asks for manual approval. It is used once.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^(baseline|restricted):(latest|v1[.](0|[1-9][0-9]{0,3}))$')",message="approvedEnforce must be the pending rung as status.next.to writes it, such as \"baseline:v1.37\""
	ApprovedEnforce string `json:"approvedEnforce,omitempty"`
}

// EnforceTurn says whether the fleet lets a namespace take its enforce rung.
// +kubebuilder:validation:Enum=Granted;Waiting
type EnforceTurn string

const (
	// EnforceTurnGranted lets the namespace go.
	EnforceTurnGranted EnforceTurn = "Granted"
	// EnforceTurnWaiting waits for a wave or a budget.
	EnforceTurnWaiting EnforceTurn = "Waiting"
)

// FleetStatus is what the rollout as a whole says of the namespace.
type FleetStatus struct {
	// target is the name of the rollout's target that selects the namespace.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Target string `json:"target,omitempty"`
	// wave is the name of the wave the namespace goes with.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Wave string `json:"wave,omitempty"`
	// enforceTurn is Granted or Waiting; absent while no enforce rung asks for it.
	// +optional
	EnforceTurn EnforceTurn `json:"enforceTurn,omitempty"`
	// grantedFor is the rung the turn was granted for, such as "baseline:v1.37".
	// +optional
	GrantedFor LevelVersion `json:"grantedFor,omitempty"`
	// waitingFor says which wave or budget is waited for.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	WaitingFor string `json:"waitingFor,omitempty"`
}

// Rung is one step: one mode goes to a level and version.
type Rung struct {
	// mode is the mode that moves.
	// +required
	Mode Mode `json:"mode,omitempty"`
	// to is the level and version it moves to.
	// +required
	To LevelVersion `json:"to,omitempty"`
	// rung is both in one, such as "enforce=baseline:v1.37".
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Rung string `json:"rung,omitempty"`
}

// WriteRefusal is a rung that the API server refused to let the operator write:
// a missing right, or an admission policy or webhook.
type WriteRefusal struct {
	// rung is what was to be written, such as "enforce=baseline:v1.37".
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Rung string `json:"rung,omitempty"`
	// message is what the API server said.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`
	// attempts counts how often it was refused.
	// +required
	// +kubebuilder:validation:Minimum=1
	Attempts int32 `json:"attempts,omitempty"`
	// retryAt is when it is tried again: 15 seconds after the first refusal, twice
	// as long after each further one, 5 minutes at most.
	// +required
	RetryAt metav1.Time `json:"retryAt,omitzero"`
}

// HistoryEntry is a rung that was climbed, or rolled back.
type HistoryEntry struct {
	// time is when the label was written.
	// +required
	Time metav1.Time `json:"time,omitzero"`
	// mode is the mode that moved.
	// +required
	Mode Mode `json:"mode,omitempty"`
	// from is the level and version that was in force before.
	// +required
	From LevelVersion `json:"from,omitempty"`
	// to is the level and version it moved to.
	// +required
	To LevelVersion `json:"to,omitempty"`
	// reason is empty for a rung climbed, RolledBack for a rollback.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Reason string `json:"reason,omitempty"`
}

// Verdict says whether everything in the namespace complies with a level.
// +kubebuilder:validation:Enum=Compliant;Violating;Inconclusive
type Verdict string

const (
	// VerdictCompliant means that every pod and template complies.
	VerdictCompliant Verdict = "Compliant"
	// VerdictViolating means that at least one does not.
	VerdictViolating Verdict = "Violating"
	// VerdictInconclusive means that the evidence is not complete.
	VerdictInconclusive Verdict = "Inconclusive"
)

// Compliance is the verdict for one level and version.
type Compliance struct {
	// level is the level.
	// +required
	Level Level `json:"level,omitempty"`
	// version is the version.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32
	Version string `json:"version,omitempty"`
	// verdict is Compliant, Violating or Inconclusive.
	// +required
	Verdict Verdict `json:"verdict,omitempty"`
	// since is when the verdict became what it is.
	// +optional
	Since *metav1.Time `json:"since,omitempty"`
	// pods counts the pods judged.
	// +required
	// +kubebuilder:validation:Minimum=0
	Pods int32 `json:"pods"`
	// workloads counts the workloads judged, by pod or by template.
	// +required
	// +kubebuilder:validation:Minimum=0
	Workloads int32 `json:"workloads"`
	// violatingWorkloads counts those of them that violate.
	// +required
	// +kubebuilder:validation:Minimum=0
	ViolatingWorkloads int32 `json:"violatingWorkloads"`
	// exemptPods counts the pods of runtime classes that the API server's
	// configuration exempts. They are among pods, and nothing is held against them.
	// +optional
	// +kubebuilder:validation:Minimum=0
	ExemptPods int32 `json:"exemptPods"`
}

// Isolation is what keeps the pods of a runtime class from the node's kernel, told
// from the name of its handler.
// +kubebuilder:validation:Enum=SharedKernel;UserSpaceKernel;VirtualMachine;WebAssembly;Unknown
type Isolation string

const (
	// IsolationSharedKernel is for runtimes that share the node's kernel: runc, crun.
	IsolationSharedKernel Isolation = "SharedKernel"
	// IsolationUserSpaceKernel is for a kernel in user space: gVisor's runsc.
	IsolationUserSpaceKernel Isolation = "UserSpaceKernel"
	// IsolationVirtualMachine is for virtual machines: Kata, Firecracker.
	IsolationVirtualMachine Isolation = "VirtualMachine"
	// IsolationWebAssembly is for WebAssembly runtimes.
	IsolationWebAssembly Isolation = "WebAssembly"
	// IsolationUnknown is for handlers that are not known.
	IsolationUnknown Isolation = "Unknown"
)

// RuntimeClassUse is a runtime class that pods or templates of the namespace name.
type RuntimeClassUse struct {
	// name is the name of the RuntimeClass, whether there is one or not.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`
	// handler is the RuntimeClass's handler, absent when there is no such
	// RuntimeClass.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Handler string `json:"handler,omitempty"`
	// isolation is what the handler stands for.
	// +required
	Isolation Isolation `json:"isolation,omitempty"`
	// pods counts the pods that name the class.
	// +required
	// +kubebuilder:validation:Minimum=0
	Pods int32 `json:"pods"`
	// templates counts the pod templates that do.
	// +required
	// +kubebuilder:validation:Minimum=0
	Templates int32 `json:"templates"`
	// exemption is what the API server's configuration makes of it: Isolated or
	// Unsafe when the class is exempt, absent when it is not.
	// +optional
	Exemption Exemption `json:"exemption,omitempty"`
	// letThrough counts the pods that violate the target and that the exemption
	// lets through.
	// +optional
	// +kubebuilder:validation:Minimum=0
	LetThrough int32 `json:"letThrough"`
}

// Exemption says whether an exempt runtime class isolates its pods.
// +kubebuilder:validation:Enum=Isolated;Unsafe
type Exemption string

const (
	// ExemptionIsolated is of a class whose handler is known to isolate.
	ExemptionIsolated Exemption = "Isolated"
	// ExemptionUnsafe is of a class that does not exist, or whose handler is not
	// known to isolate.
	ExemptionUnsafe Exemption = "Unsafe"
)

// ForecastEntry says what a level would hold against the namespace over a stretch
// of versions.
type ForecastEntry struct {
	// level is the level in force, or the next stricter one.
	// +required
	Level Level `json:"level,omitempty"`
	// from and to are the first and the last version of the stretch.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32
	From string `json:"from,omitempty"`
	// to is the last version.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32
	To string `json:"to,omitempty"`
	// violatingWorkloads counts the workloads that violate, or would.
	// +required
	// +kubebuilder:validation:Minimum=0
	ViolatingWorkloads int32 `json:"violatingWorkloads"`
	// broken counts the workloads that violate something that they do not at the
	// versions before.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Broken int32 `json:"broken"`
	// allowed counts the workloads that no longer violate something that they do at
	// the versions before.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Allowed int32 `json:"allowed"`
	// message names the first workload and why.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Message string `json:"message,omitempty"`
}

// Source says what a violation was seen in.
// +kubebuilder:validation:Enum=Pod;Template
type Source string

const (
	// SourcePod is a pod.
	SourcePod Source = "Pod"
	// SourceTemplate is the pod template of a workload.
	SourceTemplate Source = "Template"
)

// WorkloadReference names a workload in its namespace: the topmost controller
// that owns a pod or template, or the pod itself.
type WorkloadReference struct {
	// apiVersion is the group and version of the kind.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=317
	APIVersion string `json:"apiVersion,omitempty"`
	// kind is the kind, such as Deployment.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Kind string `json:"kind,omitempty"`
	// name is the workload's name.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`
}

// Violation is one check that a workload violates.
type Violation struct {
	// workload is who violates.
	// +required
	Workload WorkloadReference `json:"workload,omitzero"`
	// level is the least strict level on the way to the target that it violates.
	// +required
	Level Level `json:"level,omitempty"`
	// check is the upstream check ID.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Check string `json:"check,omitempty"`
	// message is the upstream reason and detail.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Message string `json:"message,omitempty"`
	// source is Pod when pods show it, Template when only the workload's pod
	// template does: there the next pod will.
	// +required
	Source Source `json:"source,omitempty"`
	// pods counts the pods that show it now.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Pods int32 `json:"pods"`
	// owner is who owns the workload, from the labels or annotations that say so.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Owner string `json:"owner,omitempty"`
	// apart says how pods and template differ in it: pods violate and their template
	// does not, as when something changes pods while they are created, or no pod
	// violates yet and the template does.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Apart string `json:"apart,omitempty"`
	// example is the first of those pods by name.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Example string `json:"example,omitempty"`
	// lastSeen is set once what showed the violation is gone; such a violation
	// restarts the soak and no longer counts otherwise.
	// +optional
	LastSeen *metav1.Time `json:"lastSeen,omitempty"`
}

// Rejection is a workload whose pods were refused since the last enforce rung.
type Rejection struct {
	// workload is whose pods were refused.
	// +required
	Workload WorkloadReference `json:"workload,omitzero"`
	// message is what the API server said.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Message string `json:"message,omitempty"`
	// source is Template when the workload's pod template violates the level that
	// refused, Pod when only what became of it does.
	// +required
	Source Source `json:"source,omitempty"`
	// time is when it was last refused.
	// +required
	Time metav1.Time `json:"time,omitzero"`
}

// Rollback is an enforce rung that was taken back because pods were refused. It
// is held until the rollout's spec changes or the rung is approved anew.
type Rollback struct {
	// rung is the level and version that was taken back.
	// +required
	Rung LevelVersion `json:"rung,omitempty"`
	// to is the level and version that enforce went back to.
	// +required
	To LevelVersion `json:"to,omitempty"`
	// time is when it was decided.
	// +required
	Time metav1.Time `json:"time,omitzero"`
	// message says which workload was refused, and why.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`
	// rolloutGeneration is the generation of the rollout's spec it was decided under.
	// +required
	// +kubebuilder:validation:Minimum=1
	RolloutGeneration int64 `json:"rolloutGeneration,omitempty"`
	// approvalGeneration is the generation of this object's spec at that time.
	// +required
	// +kubebuilder:validation:Minimum=1
	ApprovalGeneration int64 `json:"approvalGeneration,omitempty"`
}

// NamespaceRolloutStatus is what the operator says of one namespace. fleet is
// written by the fleet reconciler, the rest by the namespace reconciler.
type NamespaceRolloutStatus struct {
	// conditions are Ready, Progressing, Complete, Compliant, Rejecting and
	// EvaluatorDisagrees.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// observedGeneration is the generation of the spec this status speaks of, -1
	// while the operator has not looked at it yet.
	// +optional
	// +kubebuilder:validation:Minimum=-1
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// fleet is what the rollout as a whole says of the namespace.
	// +optional
	Fleet *FleetStatus `json:"fleet,omitempty"`
	// target is the policy to reach.
	// +optional
	Target *Policy `json:"target,omitempty"`
	// current is the policy in force.
	// +optional
	Current *Policy `json:"current,omitempty"`
	// next is the rung to climb next, absent when the target is reached.
	// +optional
	Next *Rung `json:"next,omitempty"`
	// soakUntil is when the soak of the next rung ends, if nothing restarts it.
	// +optional
	SoakUntil *metav1.Time `json:"soakUntil,omitempty"`
	// bakeUntil is when the bake of the last enforce rung ends.
	// +optional
	BakeUntil *metav1.Time `json:"bakeUntil,omitempty"`
	// history lists the rungs climbed, newest first, at most 12; the oldest fall off.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=12
	History []HistoryEntry `json:"history,omitempty"`
	// compliance is the verdict for each level and version on the way, at most 8.
	// +optional
	// +listType=map
	// +listMapKey=level
	// +listMapKey=version
	// +kubebuilder:validation:MaxItems=8
	Compliance []Compliance `json:"compliance,omitempty"`
	// violations are listed worst first, at most 32; violationsTotal counts them all.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	Violations []Violation `json:"violations,omitempty"`
	// violationsTotal counts the violations, those that fell off the list too.
	// +optional
	// +kubebuilder:validation:Minimum=0
	ViolationsTotal int32 `json:"violationsTotal"`
	// violatingWorkloads counts the workloads that have a violation.
	// +optional
	// +kubebuilder:validation:Minimum=0
	ViolatingWorkloads int32 `json:"violatingWorkloads"`
	// runtimeClasses are the runtime classes in use, by name, at most 16; the last by
	// name fall off.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	RuntimeClasses []RuntimeClassUse `json:"runtimeClasses,omitempty"`
	// forecast says what the level in force and the next stricter one hold against
	// the namespace, from the version in force to the newest that the operator knows,
	// at most 12; the newest versions of the stricter level fall off.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=12
	Forecast []ForecastEntry `json:"forecast,omitempty"`
	// approvalUsedGeneration is the generation of the spec whose approval was
	// used: what it approves has come into force. An approval counts in a newer
	// generation only.
	// +optional
	// +kubebuilder:validation:Minimum=1
	ApprovalUsedGeneration int64 `json:"approvalUsedGeneration,omitempty"`
	// rollback is the enforce rung that was taken back and is held.
	// +optional
	Rollback *Rollback `json:"rollback,omitempty"`
	// writeRefusal is the next rung when the API server refused to let it be
	// written. No turn is held meanwhile.
	// +optional
	WriteRefusal *WriteRefusal `json:"writeRefusal,omitempty"`
	// rejectionsSeen is the time of the newest refusal that was taken in.
	// +optional
	RejectionsSeen *metav1.Time `json:"rejectionsSeen,omitempty"`
	// rejections are workloads whose pods were refused since the last enforce
	// rung and have not recovered, the newest first, at most 16; the oldest fall off.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	Rejections []Rejection `json:"rejections,omitempty"`
}

// NamespaceRollout is a rollout's claim of one namespace and the progress
// there. The operator makes it; a team may approve in its spec.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,shortName=nsr,categories=podsecurity
// +kubebuilder:printcolumn:name="Rollout",type=string,JSONPath=`.metadata.ownerReferences[?(@.controller==true)].name`
// +kubebuilder:printcolumn:name="Enforce",type=string,JSONPath=`.status.current.enforce`
// +kubebuilder:printcolumn:name="Warn",type=string,JSONPath=`.status.current.warn`
// +kubebuilder:printcolumn:name="Audit",type=string,JSONPath=`.status.current.audit`
// +kubebuilder:printcolumn:name="Next",type=string,JSONPath=`.status.next.rung`
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.status.conditions[?(@.type=="Progressing")].reason`
// +kubebuilder:printcolumn:name="Violating",type=integer,JSONPath=`.status.violatingWorkloads`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Progressing")].message`
// +kubebuilder:validation:XValidation:rule="self.metadata.name == 'pod-security'",message="a NamespaceRollout must be named pod-security: there is one for each namespace, and the operator makes it"
type NamespaceRollout struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec is what people say: an approval and nothing else.
	// +optional
	Spec NamespaceRolloutSpec `json:"spec,omitzero"`
	// status is what the operator says.
	// +optional
	// +default={"observedGeneration":-1}
	Status NamespaceRolloutStatus `json:"status,omitzero"`
}

// NamespaceRolloutList is a list of NamespaceRollout.
// +kubebuilder:object:root=true
type NamespaceRolloutList struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is standard list metadata.
	metav1.ListMeta `json:"metadata,omitempty"`
	// items are the namespaces' rollouts.
	Items []NamespaceRollout `json:"items"`
}
