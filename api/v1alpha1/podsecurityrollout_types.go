// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// RolloutMode says whether a rollout writes labels.
// +kubebuilder:validation:Enum=Apply;Observe
type RolloutMode string

const (
	// RolloutModeApply writes labels.
	RolloutModeApply RolloutMode = "Apply"
	// RolloutModeObserve evaluates and reports only.
	RolloutModeObserve RolloutMode = "Observe"
)

// LabelConflictPolicy says what to do about a label that another field manager
// owns with another value.
// +kubebuilder:validation:Enum=Yield;TakeOver
type LabelConflictPolicy string

const (
	// LabelConflictYield holds the namespace and names the owner.
	LabelConflictYield LabelConflictPolicy = "Yield"
	// LabelConflictTakeOver takes the label from its owner, once: when the owner sets
	// it back, the namespace is held for an hour.
	LabelConflictTakeOver LabelConflictPolicy = "TakeOver"
)

// Requirement says what the gate asks of the pods before an audit or warn rung.
// +kubebuilder:validation:Enum=Compliant;None
type Requirement string

const (
	// RequirementCompliant climbs only when every pod and template complies.
	RequirementCompliant Requirement = "Compliant"
	// RequirementNone climbs whatever the pods do.
	RequirementNone Requirement = "None"
)

// Approval says who lets an enforce rung be climbed.
// +kubebuilder:validation:Enum=Automatic;Manual
type Approval string

const (
	// ApprovalAutomatic needs nobody.
	ApprovalAutomatic Approval = "Automatic"
	// ApprovalManual waits for NamespaceRollout.spec.approvedEnforce.
	ApprovalManual Approval = "Manual"
)

// RejectionPolicy says what to do when pods are refused after an enforce rung.
// +kubebuilder:validation:Enum=Hold;Rollback
type RejectionPolicy string

const (
	// RejectionHold lowers nothing and gives no further turn in that wave.
	RejectionHold RejectionPolicy = "Hold"
	// RejectionRollback puts enforce back to what it was, once, during the bake.
	RejectionRollback RejectionPolicy = "Rollback"
)

// SelectorOperator is the operator of a label selector requirement.
// +kubebuilder:validation:Enum=In;NotIn;Exists;DoesNotExist
type SelectorOperator string

// SelectorRequirement is metav1.LabelSelectorRequirement, bounded and checked
// when it is applied rather than when it is used.
// +kubebuilder:validation:XValidation:rule="self.operator in ['In', 'NotIn'] ? has(self.values) && size(self.values) > 0 : !has(self.values) || size(self.values) == 0",message="values must name at least one value for the operators In and NotIn, and be left out for Exists and DoesNotExist"
type SelectorRequirement struct {
	// key is the label key that the requirement applies to.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=317
	// +kubebuilder:validation:XValidation:rule="!format.qualifiedName().validate(self).hasValue()",message="key must be a label key such as \"env\" or \"example.com/team\""
	// +kubebuilder:validation:XValidation:rule="!self.startsWith('pod-security.kubernetes.io/')",message="the operator writes the pod-security.kubernetes.io labels, so a namespace would leave the selection as it climbs: select by another label"
	Key string `json:"key,omitempty"`
	// operator relates the key to the values: In, NotIn, Exists or DoesNotExist.
	// +required
	Operator SelectorOperator `json:"operator,omitempty"`
	// values are the label values for In and NotIn.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=0
	// +kubebuilder:validation:MaxItems=64
	Values []LabelValue `json:"values,omitempty"`
}

// LabelValue is the value of a label. It is an alias so that a map of them is
// what everybody else uses for labels.
// +kubebuilder:validation:MinLength=0
// +kubebuilder:validation:MaxLength=63
// +kubebuilder:validation:XValidation:rule="self.matches(r'^([0-9A-Za-z]([-.\\w]*[0-9A-Za-z])?)?$')",message="a label value is at most 63 letters, digits, '-', '_' or '.', beginning and ending with a letter or digit"
type LabelValue = string

// NamespaceSelector is metav1.LabelSelector, bounded and checked when it is
// applied. An empty selector matches every namespace.
// +kubebuilder:validation:MinProperties=0
// +kubebuilder:object:generate=false
type NamespaceSelector struct {
	// matchLabels must all be on the namespace with these values.
	// +optional
	// +kubebuilder:validation:MinProperties=0
	// +kubebuilder:validation:MaxProperties=32
	// +kubebuilder:validation:XValidation:rule="self.all(k, !format.qualifiedName().validate(k).hasValue())",message="each key of matchLabels must be a label key such as \"env\" or \"example.com/team\""
	// +kubebuilder:validation:XValidation:rule="self.all(k, !k.startsWith('pod-security.kubernetes.io/'))",message="the operator writes the pod-security.kubernetes.io labels, so a namespace would leave the selection as it climbs: select by another label"
	MatchLabels map[string]LabelValue `json:"matchLabels,omitempty"`
	// matchExpressions must all hold. At most 8.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=0
	// +kubebuilder:validation:MaxItems=8
	MatchExpressions []SelectorRequirement `json:"matchExpressions,omitempty"`
}

// Target says which levels a set of namespaces is to reach.
// +kubebuilder:validation:XValidation:rule="!has(self.warn) || {'privileged': 0, 'baseline': 1, 'restricted': 2}[self.warn] >= {'privileged': 0, 'baseline': 1, 'restricted': 2}[self.enforce]",message="warn must be at least as strict as enforce: raise warn, lower enforce, or leave warn out to follow enforce"
// +kubebuilder:validation:XValidation:rule="!has(self.audit) || {'privileged': 0, 'baseline': 1, 'restricted': 2}[self.audit] >= {'privileged': 0, 'baseline': 1, 'restricted': 2}[self.enforce]",message="audit must be at least as strict as enforce: raise audit, lower enforce, or leave audit out to follow enforce"
type Target struct {
	// name tells the target apart; it shows in NamespaceRollout.status.fleet.target.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Label().validate(self).hasValue()",message="name must be a DNS label: lower case letters, digits and '-', beginning and ending with a letter or digit"
	Name string `json:"name,omitempty"`
	// namespaceSelector selects the namespaces by their labels; {} selects all.
	// The first target that selects a namespace is the namespace's target.
	// +required
	NamespaceSelector *NamespaceSelector `json:"namespaceSelector,omitempty"`
	// enforce is the level that pods are to be refused by in the end.
	// +required
	Enforce Level `json:"enforce,omitempty"`
	// warn is the level that clients are to be warned by; it follows enforce
	// when left out, and is never less strict than enforce.
	// +optional
	Warn Level `json:"warn,omitempty"`
	// audit is the level that audit annotations are to be written by; it
	// follows enforce when left out, and is never less strict than enforce.
	// +optional
	Audit Level `json:"audit,omitempty"`
	// version is the version of the standards: Cluster (the default), v1.N, or latest.
	// +optional
	// +default="Cluster"
	Version Version `json:"version,omitempty"`
}

// ModeStrategy is the pace of the audit or the warn rungs.
// +kubebuilder:validation:MinProperties=0
type ModeStrategy struct {
	// require says what the gate asks of the pods: Compliant (the default) or None.
	// +optional
	// +default="Compliant"
	Require Requirement `json:"require,omitempty"`
	// soak is how long the namespace must have been clean, and the rung before
	// in force, before this rung. A Go duration from 0s (the default) to 8760h.
	// +optional
	// +default="0s"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,5}([.][0-9]{1,9})?h|[0-9]{1,6}([.][0-9]{1,9})?m|[0-9]{1,8}([.][0-9]{1,9})?m?s){1,4}$') && duration(self) <= duration('8760h')",message="soak must be a duration such as \"30m\" or \"24h\", at most 8760h"
	Soak *metav1.Duration `json:"soak,omitempty"`
}

// ReportGate holds the enforce rung while a Report or PolicyReport of the
// namespace from a source has failing results.
type ReportGate struct {
	// source is the report's source, such as "falco" or "kyverno", in upper or
	// lower case.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Source string `json:"source,omitempty"`
	// minSeverity is the least severity that counts: info, low, medium, high or
	// critical. Every failing result counts when it is left out, and one without
	// a severity always does.
	// +optional
	// +kubebuilder:validation:Enum=info;low;medium;high;critical
	MinSeverity string `json:"minSeverity,omitempty"`
}

// EnforceStrategy is the pace of the enforce rungs. They always require compliance.
// +kubebuilder:validation:MinProperties=0
type EnforceStrategy struct {
	// soak is how long the namespace must have been clean, and the rung before
	// in force, before this rung. A Go duration from 0s (the default) to 8760h.
	// +optional
	// +default="0s"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,5}([.][0-9]{1,9})?h|[0-9]{1,6}([.][0-9]{1,9})?m|[0-9]{1,8}([.][0-9]{1,9})?m?s){1,4}$') && duration(self) <= duration('8760h')",message="soak must be a duration such as \"30m\" or \"24h\", at most 8760h"
	Soak *metav1.Duration `json:"soak,omitempty"`
	// approval is Automatic (the default), or Manual: the rung waits until
	// NamespaceRollout.spec.approvedEnforce names it.
	// +optional
	// +default="Automatic"
	Approval Approval `json:"approval,omitempty"`
	// bake is how long a namespace is watched for refused pods after an enforce
	// rung before it counts as done. A Go duration; the default is 10m, at most 168h.
	// +optional
	// +default="10m"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,5}([.][0-9]{1,9})?h|[0-9]{1,6}([.][0-9]{1,9})?m|[0-9]{1,8}([.][0-9]{1,9})?m?s){1,4}$') && duration(self) <= duration('168h')",message="bake must be a duration such as \"10m\" or \"2h\", at most 168h"
	Bake *metav1.Duration `json:"bake,omitempty"`
	// onRejection is Hold (the default) or Rollback.
	// +optional
	// +default="Hold"
	OnRejection RejectionPolicy `json:"onRejection,omitempty"`
	// reports hold the enforce rung while a report of the namespace from one of
	// these sources fails. At most 8.
	// +optional
	// +listType=map
	// +listMapKey=source
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	Reports []ReportGate `json:"reports,omitempty"`
}

// Wave is a set of namespaces whose enforce rungs go together.
type Wave struct {
	// name tells the wave apart.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Label().validate(self).hasValue()",message="name must be a DNS label: lower case letters, digits and '-', beginning and ending with a letter or digit"
	Name string `json:"name,omitempty"`
	// namespaceSelector selects the wave's namespaces among those of the rollout.
	// The first wave that selects a namespace is the namespace's wave.
	// +required
	NamespaceSelector *NamespaceSelector `json:"namespaceSelector,omitempty"`
	// minComplete is how much of this wave must be complete before the next
	// opens: a count, or a percentage rounded up. The default is 100%.
	// +optional
	// +default="100%"
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=6
	// +kubebuilder:validation:XValidation:rule="type(self) == int ? int(self) >= 0 && int(self) <= 100000 : string(self).matches('^(100|[1-9]?[0-9])%$|^[0-9]{1,6}$')",message="minComplete must be a count such as 5 or a percentage from \"0%\" to \"100%\""
	MinComplete *intstr.IntOrString `json:"minComplete,omitempty"`
}

// Budget bounds the namespaces with an enforce rung in flight: turn given, or
// baking. Of all budgets in force the strictest applies.
// +kubebuilder:validation:XValidation:rule="has(self.schedule) == has(self.duration)",message="schedule and duration go together: give the duration the window stays open for, or leave both out for a budget that always applies"
type Budget struct {
	// namespaces is the most in flight at one time: a count, or a percentage of
	// the selected namespaces rounded up to at least 1. "0" lets nothing start.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=6
	// +kubebuilder:validation:XValidation:rule="self.matches('^(100|[1-9][0-9]?)%$|^[0-9]{1,6}$')",message="namespaces must be a count such as \"5\" or a percentage from \"1%\" to \"100%\"; to let nothing start, write \"0\""
	Namespaces string `json:"namespaces,omitempty"`
	// schedule says when the budget begins to apply: five cron fields (minute,
	// hour, day of month, month, day of week) in UTC, or a descriptor such as @daily.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="self.matches('(?i)^(@(annually|yearly|monthly|weekly|daily|midnight|hourly)|([*?]|[0-5]?[0-9](-[0-5]?[0-9])?)(/[1-9][0-9]{0,3})?(,([*?]|[0-5]?[0-9](-[0-5]?[0-9])?)(/[1-9][0-9]{0,3})?)* +([*?]|([01]?[0-9]|2[0-3])(-([01]?[0-9]|2[0-3]))?)(/[1-9][0-9]{0,3})?(,([*?]|([01]?[0-9]|2[0-3])(-([01]?[0-9]|2[0-3]))?)(/[1-9][0-9]{0,3})?)* +([*?]|(0?[1-9]|[12][0-9]|3[01])(-(0?[1-9]|[12][0-9]|3[01]))?)(/[1-9][0-9]{0,3})?(,([*?]|(0?[1-9]|[12][0-9]|3[01])(-(0?[1-9]|[12][0-9]|3[01]))?)(/[1-9][0-9]{0,3})?)* +([*?]|(0?[1-9]|1[0-2]|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)(-(0?[1-9]|1[0-2]|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec))?)(/[1-9][0-9]{0,3})?(,([*?]|(0?[1-9]|1[0-2]|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)(-(0?[1-9]|1[0-2]|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec))?)(/[1-9][0-9]{0,3})?)* +([*?]|([0-6]|sun|mon|tue|wed|thu|fri|sat)(-([0-6]|sun|mon|tue|wed|thu|fri|sat))?)(/[1-9][0-9]{0,3})?(,([*?]|([0-6]|sun|mon|tue|wed|thu|fri|sat)(-([0-6]|sun|mon|tue|wed|thu|fri|sat))?)(/[1-9][0-9]{0,3})?)*)$')",message="schedule must be five cron fields, minute (0-59) hour (0-23) day (1-31) month (1-12) weekday (0-6 or sun-sat), such as \"0 18 * * fri\", or a descriptor such as \"@daily\"; times are UTC"
	Schedule string `json:"schedule,omitempty"`
	// duration is how long the budget applies from each time of the schedule. A
	// Go duration of at least 1m and at most 8760h.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,5}([.][0-9]{1,9})?h|[0-9]{1,6}([.][0-9]{1,9})?m|[0-9]{1,8}([.][0-9]{1,9})?m?s){1,4}$') && duration(self) >= duration('1m') && duration(self) <= duration('8760h')",message="duration must be a duration such as \"62h\" or \"90m\", at least 1m and at most 8760h"
	Duration *metav1.Duration `json:"duration,omitempty"`
}

// Strategy is the pace of a rollout.
// +kubebuilder:validation:MinProperties=0
// +kubebuilder:validation:XValidation:rule="!has(self.progressDeadline) || [self.audit.soak, self.warn.soak, self.enforce.soak, self.enforce.bake].all(d, !(d + self.progressDeadline).matches('^([0-9.]+(ms|s|m|h))+$') || duration(d) < duration(self.progressDeadline))",message="progressDeadline must be longer than every soak and the bake, or a rollout that does as it was told counts as Stalled"
type Strategy struct {
	// audit is the pace of the audit rungs.
	// +optional
	// +default={}
	Audit *ModeStrategy `json:"audit,omitempty"`
	// warn is the pace of the warn rungs.
	// +optional
	// +default={}
	Warn *ModeStrategy `json:"warn,omitempty"`
	// enforce is the pace of the enforce rungs.
	// +optional
	// +default={}
	Enforce *EnforceStrategy `json:"enforce,omitempty"`
	// waves order the enforce rungs; audit and warn do not wait. A namespace in
	// no wave comes after all of them. At most 32.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:XValidation:rule="self.map(x, (!has(x.namespaceSelector.matchLabels) || size(x.namespaceSelector.matchLabels) == 0) && (!has(x.namespaceSelector.matchExpressions) || size(x.namespaceSelector.matchExpressions) == 0)).indexOf(true) in [-1, size(self) - 1]",message="a wave with an empty namespaceSelector selects every namespace, so those after it are never reached: move it to the end"
	Waves []Wave `json:"waves,omitempty"`
	// budgets bound the namespaces with an enforce rung in flight; the default
	// is one of 10%. At most 16.
	// +optional
	// +listType=atomic
	// +default=[{"namespaces":"10%"}]
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Budgets []Budget `json:"budgets,omitempty"`
	// progressDeadline is how long the rollout may go without a namespace
	// completing or climbing before it counts as Stalled. A Go duration of at
	// least 1m and at most 8760h; there is no deadline when it is left out.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,5}([.][0-9]{1,9})?h|[0-9]{1,6}([.][0-9]{1,9})?m|[0-9]{1,8}([.][0-9]{1,9})?m?s){1,4}$') && duration(self) >= duration('1m') && duration(self) <= duration('8760h')",message="progressDeadline must be a duration such as \"720h\", at least 1m and at most 8760h"
	ProgressDeadline *metav1.Duration `json:"progressDeadline,omitempty"`
}

// PodSecurityRolloutSpec is what people and GitOps tools declare.
type PodSecurityRolloutSpec struct {
	// mode is Apply (the default), which writes labels, or Observe, which
	// evaluates and reports only.
	// +optional
	// +default="Apply"
	Mode RolloutMode `json:"mode,omitempty"`
	// suspend stops every write to a namespace; evaluation goes on.
	// +optional
	// +default=false
	Suspend *bool `json:"suspend,omitempty"`
	// targets are the levels to reach, 1 to 64. The first whose selector matches
	// a namespace is that namespace's target.
	// +required
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:XValidation:rule="size(self) > 0",message="name at least one target, such as {name: everyone, namespaceSelector: {}, enforce: baseline}"
	// +kubebuilder:validation:XValidation:rule="self.map(x, (!has(x.namespaceSelector.matchLabels) || size(x.namespaceSelector.matchLabels) == 0) && (!has(x.namespaceSelector.matchExpressions) || size(x.namespaceSelector.matchExpressions) == 0)).indexOf(true) in [-1, size(self) - 1]",message="a target with an empty namespaceSelector selects every namespace, so those after it are never reached: move it to the end"
	Targets []Target `json:"targets,omitempty"`
	// excludedNamespaces are never touched, whatever the targets select. The
	// default is kube-system, kube-public and kube-node-lease; [] excludes none.
	// At most 256.
	// +optional
	// +listType=set
	// +default=["kube-system","kube-public","kube-node-lease"]
	// +kubebuilder:validation:MinItems=0
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:XValidation:rule="!format.dns1123Label().validate(self).hasValue()",message="each excluded namespace must be the name of a namespace, not a pattern: use targets' namespaceSelector to leave out by label"
	ExcludedNamespaces []string `json:"excludedNamespaces,omitzero"`
	// strategy is the pace of the rollout.
	// +optional
	// +default={}
	Strategy *Strategy `json:"strategy,omitempty"`
	// labelConflicts says what to do about a label that another field manager
	// owns with another value: Yield (the default) or TakeOver.
	// +optional
	// +default="Yield"
	LabelConflicts LabelConflictPolicy `json:"labelConflicts,omitempty"`
}

// NamespaceCounts counts the namespaces a rollout selects, each in exactly one
// of the states.
type NamespaceCounts struct {
	// selected is the sum of the others.
	// +required
	// +kubebuilder:validation:Minimum=0
	Selected int32 `json:"selected"`
	// complete namespaces have reached their target.
	// +required
	// +kubebuilder:validation:Minimum=0
	Complete int32 `json:"complete"`
	// progressing namespaces can still move by themselves.
	// +required
	// +kubebuilder:validation:Minimum=0
	Progressing int32 `json:"progressing"`
	// blocked namespaces wait for a person.
	// +required
	// +kubebuilder:validation:Minimum=0
	Blocked int32 `json:"blocked"`
	// inconclusive namespaces could not be judged, or the API server's dry run
	// disagrees; they are looked at again soon.
	// +required
	// +kubebuilder:validation:Minimum=0
	Inconclusive int32 `json:"inconclusive"`
	// exempt namespaces are exempt in the API server's configuration.
	// +required
	// +kubebuilder:validation:Minimum=0
	Exempt int32 `json:"exempt"`
	// conflicted namespaces belong to an older rollout.
	// +required
	// +kubebuilder:validation:Minimum=0
	Conflicted int32 `json:"conflicted"`
}

// WaveState says whether enforce turns are given in a wave.
// +kubebuilder:validation:Enum=Pending;Open;Complete
type WaveState string

const (
	// WavePending waits for the wave before.
	WavePending WaveState = "Pending"
	// WaveOpen has turns given.
	WaveOpen WaveState = "Open"
	// WaveComplete has every namespace complete.
	WaveComplete WaveState = "Complete"
)

// WaveStatus is how far a wave is.
type WaveStatus struct {
	// name is the wave's name.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name,omitempty"`
	// selected counts the wave's namespaces.
	// +required
	// +kubebuilder:validation:Minimum=0
	Selected int32 `json:"selected"`
	// complete counts those that have reached their target.
	// +required
	// +kubebuilder:validation:Minimum=0
	Complete int32 `json:"complete"`
	// state is Pending, Open or Complete.
	// +required
	State WaveState `json:"state,omitempty"`
}

// BlockedNamespace is a namespace that waits for a person.
type BlockedNamespace struct {
	// namespace is its name.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Namespace string `json:"namespace,omitempty"`
	// next is the rung that is held, such as "enforce=baseline:v1.37".
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Next string `json:"next,omitempty"`
	// reason is the reason of the namespace's Progressing condition.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Reason string `json:"reason,omitempty"`
	// message says what holds it.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`
}

// TopViolation counts who violates a check.
type TopViolation struct {
	// check is the upstream check ID.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Check string `json:"check,omitempty"`
	// workloads counts the violating workloads listed in the namespaces' status.
	// +required
	// +kubebuilder:validation:Minimum=0
	Workloads int32 `json:"workloads"`
	// namespaces counts the namespaces they are in.
	// +required
	// +kubebuilder:validation:Minimum=0
	Namespaces int32 `json:"namespaces"`
}

// PodSecurityRolloutStatus is what the operator says of a rollout.
type PodSecurityRolloutStatus struct {
	// conditions are Ready, Progressing, Complete, Blocked and Stalled.
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
	// clusterVersion is the API server's emulation version, such as v1.37.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=16
	ClusterVersion string `json:"clusterVersion,omitempty"`
	// namespaces counts the selected namespaces by state.
	// +optional
	Namespaces *NamespaceCounts `json:"namespaces,omitempty"`
	// lastProgressTime is when a namespace last climbed a rung or completed.
	// +optional
	LastProgressTime *metav1.Time `json:"lastProgressTime,omitempty"`
	// waves tell how far each wave is, in the order of the spec.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=32
	Waves []WaveStatus `json:"waves,omitempty"`
	// blocked names the namespaces that wait for a person, by name, at most 20;
	// namespaces.blocked counts them all.
	// +optional
	// +listType=map
	// +listMapKey=namespace
	// +kubebuilder:validation:MaxItems=20
	Blocked []BlockedNamespace `json:"blocked,omitempty"`
	// topViolations are the checks most violated, most workloads first, at most
	// 10; the rarer fall off.
	// +optional
	// +listType=map
	// +listMapKey=check
	// +kubebuilder:validation:MaxItems=10
	TopViolations []TopViolation `json:"topViolations,omitempty"`
}

// PodSecurityRollout declares the Pod Security levels that namespaces are to
// reach, and the pace. The operator moves one label one level at a time, and
// only when everything that runs there complies.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,shortName=psr,categories=podsecurity
// +kubebuilder:printcolumn:name="Mode",type=string,JSONPath=`.spec.mode`
// +kubebuilder:printcolumn:name="Namespaces",type=integer,JSONPath=`.status.namespaces.selected`
// +kubebuilder:printcolumn:name="Complete",type=integer,JSONPath=`.status.namespaces.complete`
// +kubebuilder:printcolumn:name="Blocked",type=integer,JSONPath=`.status.namespaces.blocked`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Progressing",type=string,JSONPath=`.status.conditions[?(@.type=="Progressing")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Version",type=string,priority=1,JSONPath=`.status.clusterVersion`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Progressing")].message`
type PodSecurityRollout struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec is what people and GitOps tools declare.
	// +required
	Spec PodSecurityRolloutSpec `json:"spec,omitzero"`
	// status is what the operator says.
	// +optional
	// +default={"observedGeneration":-1}
	Status PodSecurityRolloutStatus `json:"status,omitzero"`
}

// PodSecurityRolloutList is a list of PodSecurityRollout.
// +kubebuilder:object:root=true
type PodSecurityRolloutList struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is standard list metadata.
	metav1.ListMeta `json:"metadata,omitempty"`
	// items are the rollouts.
	Items []PodSecurityRollout `json:"items"`
}
