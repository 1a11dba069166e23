// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Level is a Pod Security Standards level, as upstream's
// k8s.io/pod-security-admission/api.Level names it.
// +kubebuilder:validation:Enum=privileged;baseline;restricted
type Level string

// The three levels, least strict first.
const (
	LevelPrivileged Level = "privileged"
	LevelBaseline   Level = "baseline"
	LevelRestricted Level = "restricted"
)

// Mode is one of the three ways a namespace applies a level.
// +kubebuilder:validation:Enum=audit;warn;enforce
type Mode string

// The three modes, in the order in which a level is climbed.
const (
	ModeAudit   Mode = "audit"
	ModeWarn    Mode = "warn"
	ModeEnforce Mode = "enforce"
)

// Version says which version of the standards a target means.
//
// "Cluster" pins the API server's own minor (its emulation version) as a
// concrete v1.N, and follows it after a cluster upgrade. "v1.N" pins that
// minor. "latest" is written to the labels as it is: what it forbids changes
// with every cluster upgrade, so it is never used unasked.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=16
// +kubebuilder:validation:XValidation:rule="self == 'Cluster' || self == 'latest' || self.matches('^v1[.](0|[1-9][0-9]{0,3})$')",message="version must be \"Cluster\" (the API server's own minor, pinned), a pin such as \"v1.37\", or \"latest\""
type Version string

// The versions that are words.
const (
	VersionCluster Version = "Cluster"
	VersionLatest  Version = "latest"
)

// LevelVersion is a level and a version written together, such as
// "baseline:v1.37" or "privileged:latest".
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=40
type LevelVersion string

// Policy is the level and version of the three modes.
type Policy struct {
	// enforce is what pods are refused by.
	// +optional
	Enforce LevelVersion `json:"enforce,omitempty"`
	// warn is what clients are warned by.
	// +optional
	Warn LevelVersion `json:"warn,omitempty"`
	// audit is what audit annotations are written by.
	// +optional
	Audit LevelVersion `json:"audit,omitempty"`
}

// FieldManager is the name under which the operator owns the labels it sets.
const FieldManager = "podsecurity-rollout"

// FleetFieldManager is the name under which the fleet reconciler owns
// NamespaceRollout.status.fleet.
const FleetFieldManager = "podsecurity-rollout-fleet"

// NamespaceRolloutName is the one name a NamespaceRollout may have. Being
// fixed, it lets only one rollout own a namespace.
const NamespaceRolloutName = "pod-security"
