// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"time"

	psaapi "k8s.io/pod-security-admission/api"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/ladder"
)

// Soon is when a rung held by something that no watch tells is looked at again.
const Soon = 15 * time.Second

// Input is everything the rules decide from.
type Input struct {
	Now  time.Time
	Rung ladder.Rung

	// Suspended and Observe are the rollout's.
	Suspended, Observe bool

	// Exempt is whether the API server's configuration exempts the namespace.
	Exempt      bool
	Terminating bool

	// Owners are the field managers but ours that own a label of the rung with
	// another value. TakeOver takes it from them, LastClimbed is when the operator last
	// wrote this very rung, the zero time for never.
	Owners      []Owner
	TakeOver    bool
	LastClimbed time.Time

	// InvalidLabels are those that the API server cannot parse, "key=value", unless
	// the rung replaces them all.
	InvalidLabels []string

	// Synced is whether every watch has synced. Server is the API server's
	// emulation version, Library the newest version the evaluator knows.
	Synced          bool
	Server, Library psaapi.Version

	Evidence Evidence

	// Require is Compliant but for audit and warn rungs that ask for nothing.
	Require v1alpha1.Requirement

	// Soak is how long the namespace has to be clean, and the rung before in
	// force. CleanSince is since when it is, LastRung when the operator last
	// wrote a label of the namespace, or claimed it when it never did.
	Soak                 time.Duration
	CleanSince, LastRung time.Time

	// ManualApproval asks for Approved to name the rung.
	ManualApproval bool
	Approved       string

	// WriteRefused is what the API server said when it refused to let the rung be
	// written, empty when it did not. RetryAt is when to try again.
	WriteRefused string
	RetryAt      time.Time

	// FailingReports say which of the reports that the strategy names fail, and
	// UnreadReports why that cannot be told, empty when it can.
	FailingReports []string
	UnreadReports  string
	Turn           Turn

	// RolledBack is why the rung was taken back, empty when it was not.
	RolledBack string

	// Enforced is what is enforced now. DryRun is the API server's answer, nil while
	// it was not asked.
	Enforced psaapi.LevelVersion
	DryRun   *DryRun
}

// Owner is a field manager that owns a label with a value.
type Owner struct {
	Manager, Label, Value string
}

// Evidence is what the inventory says of the rung's level.
type Evidence struct {
	// Workloads counts those that violate.
	Workloads int
	// Worst describes the first of them.
	Worst string
	// Pods counts the workloads of which pods violate, which is what the API server
	// sees; WorstPods describes the first of those.
	Pods      int
	WorstPods string
}

// Turn is the fleet's word on the enforce rung.
type Turn struct {
	Granted bool
	// WaitingFor says which wave or budget is waited for, empty while the fleet
	// has not answered.
	WaitingFor string
}

// DryRun is what the API server answers to the rung's level as enforce.
type DryRun struct {
	// Violations are its warnings of violating pods.
	Violations []string
	// Inconclusive is why it could not tell, empty when it could.
	Inconclusive string
	// Exempt is its warning that the namespace is exempt, empty when it is not.
	Exempt string
	// Partial is its warning that it did not look at every pod, empty when it did.
	Partial string
}

// Decision is the answer.
type Decision struct {
	// Climb is whether the rung may be climbed now.
	Climb bool
	// AskServer is whether everything but the API server's dry run is in order:
	// fetch it, and ask again.
	AskServer bool
	// Reason and Message say what holds the rung back.
	Reason, Message string
	// RequeueAfter is when to look again if nothing else happens, 0 for never.
	RequeueAfter time.Duration
}

// rule holds the rung back with a decision, or answers nil.
type rule func(Input) *Decision

// rules in their order, each by the name that Explain gives it. The cheap and
// lasting reasons come first, and the server is asked last.
var rules = []struct {
	name string
	hold rule
}{
	{"Active", active},
	{"Reachable", reachable},
	{"Owned", owned},
	{"ValidLabels", validLabels},
	{"NotRolledBack", notRolledBack},
	{"Conclusive", conclusive},
	{"Compliant", compliant},
	{"Soaked", soaked},
	{"Approved", approved},
	{"Reports", reports},
	{"Writable", writable},
	{"Turn", turn},
	{"ServerAgrees", serverAgrees},
}

// Evaluate answers whether the rung may be climbed, or the first reason why not. Of
// a rollout that is suspended or observes, the message says what would hold the rung
// otherwise.
func Evaluate(in Input) Decision {
	if d := active(in); d != nil {
		if other, holds := Held(in); holds {
			d.Message, d.RequeueAfter = d.Message+". Otherwise: "+other.Message, other.RequeueAfter
		}
		return *d
	}
	for _, r := range rules[1:] {
		if d := r.hold(in); d != nil {
			return *d
		}
	}
	return Decision{Climb: true, Reason: v1alpha1.ReasonClimbing, Message: "Climbing " + in.Rung.String()}
}

// Held answers what holds the rung back when the reasons of the first rule are
// left aside: how a namespace would stand if the rollout were not suspended or
// observing. It never asks the server.
func Held(in Input) (Decision, bool) {
	for _, r := range rules[1 : len(rules)-1] {
		if d := r.hold(in); d != nil {
			return *d, true
		}
	}
	return Decision{}, false
}

func held(reason, message string) *Decision {
	return &Decision{Reason: reason, Message: message}
}

func heldUntil(reason, message string, after time.Duration) *Decision {
	return &Decision{Reason: reason, Message: message, RequeueAfter: after}
}

func (in Input) enforcing() bool { return in.Rung.Mode == v1alpha1.ModeEnforce }

func (in Input) requiresCompliance() bool {
	return in.enforcing() || in.Require != v1alpha1.RequirementNone
}
