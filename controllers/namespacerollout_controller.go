// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	psaapi "k8s.io/pod-security-admission/api"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/gate"
	"github.com/podsecurity-rollout/operator/internal/inventory"
	"github.com/podsecurity-rollout/operator/internal/isolation"
	"github.com/podsecurity-rollout/operator/internal/ladder"
	"github.com/podsecurity-rollout/operator/internal/metrics"
	"github.com/podsecurity-rollout/operator/internal/nslabels"
	"github.com/podsecurity-rollout/operator/internal/psaconfig"
	"github.com/podsecurity-rollout/operator/internal/rejections"
	"github.com/podsecurity-rollout/operator/internal/reportgate"
	"github.com/podsecurity-rollout/operator/internal/standards"
	"github.com/podsecurity-rollout/operator/internal/summary"
)

// syncGrace is how long after its start the operator says nothing of namespaces
// whose evidence is not complete yet: a restart should not show in any status.
const syncGrace = time.Minute

// Inventory answers what runs in a namespace.
type Inventory interface {
	// Verdict answers false until every watch has synced.
	Verdict(namespace string, q inventory.Query) (inventory.Verdict, bool)
	Synced() bool
	// Topmost answers the workload that an object counts for, Pods whether
	// anything of a workload is there.
	Topmost(namespace string, object inventory.Workload) inventory.Workload
	Pods(namespace string, w inventory.Workload) (count int, present bool)
	// ForgetNamespace drops what is remembered of a namespace that is gone.
	ForgetNamespace(name string)
}

// Refusals answers the pods that the API server refused in a namespace, the
// newest first.
type Refusals interface {
	Rejections(namespace string) []rejections.Rejection
}

// Labels asks the API server for its dry run, and writes rungs.
type Labels interface {
	DryRun(ctx context.Context, ns *corev1.Namespace, lv psaapi.LevelVersion) (gate.DryRun, error)
	Apply(ctx context.Context, ns *corev1.Namespace, r ladder.Rung) error
}

// ServerVersion answers the API server's emulation version.
type ServerVersion interface {
	Version() psaapi.Version
	// Ask is Version as the API server answers this moment.
	Ask(ctx context.Context) (psaapi.Version, error)
}

// NamespaceRolloutReconciler climbs one namespace.
type NamespaceRolloutReconciler struct {
	client.Client
	// Live reads from the API server, past the cache.
	Live      client.Reader
	Labels    Labels
	Inventory Inventory
	Refusals  Refusals
	Server    ServerVersion
	Config    func() psaconfig.Config
	// RuntimeClasses and RuntimeHandlers say which exemptions are of isolation; what
	// others let through is judged when RequireIsolatedExemptions is set.
	RuntimeClasses            RuntimeClasses
	RuntimeHandlers           isolation.Table
	RequireIsolatedExemptions bool
	// Insight answers what is told beside what decides; nil tells nothing of it.
	// Evaluator and OwnerLabels are what it is told by.
	Insight     Insight
	Evaluator   *standards.Evaluator
	OwnerLabels []string
	// Reports has a Report of OpenReports written for each namespace. GatingReports
	// are those of others, asked for where a rollout has enforce rungs held by them.
	Reports       bool
	GatingReports GatingReports

	Recorder events.EventRecorder
	Clock    clock.PassiveClock

	started     time.Time
	specs       specs
	comparisons comparisons
	changes     changes
	advised     advised
	reported    written
}

// +kubebuilder:rbac:groups="",resources=namespaces,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups="",resources=pods;podtemplates;replicationcontrollers;events,verbs=list;watch
// +kubebuilder:rbac:groups=apps,resources=daemonsets;deployments;replicasets;statefulsets,verbs=list;watch
// +kubebuilder:rbac:groups=batch,resources=cronjobs;jobs,verbs=list;watch
// +kubebuilder:rbac:groups=node.k8s.io,resources=runtimeclasses,verbs=list;watch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch
// +kubebuilder:rbac:groups=rollout.podsecurity.dev,resources=namespacerollouts/status,verbs=patch

// Reconcile looks at one namespace, writes down what it sees and is about to
// do, and then takes at most one step: a rung, or a rung back.
func (r *NamespaceRolloutReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	s, err := r.fetch(ctx, req.NamespacedName)
	if err != nil || s == nil {
		return resultOf(ctx, 0, err)
	}
	if r.starting() {
		return ctrl.Result{RequeueAfter: syncGrace}, nil
	}
	in, err := s.look()
	if err != nil {
		return resultOf(ctx, 0, err)
	}
	r.addInsight(s, &in)
	step, err := r.decide(ctx, s, &in)
	if err != nil {
		return resultOf(ctx, 0, err)
	}
	status, err := r.record(ctx, s, in)
	if err != nil {
		return resultOf(ctx, 0, err)
	}
	r.tell(s, in, status)
	status, err = r.act(ctx, s, &in, step, status)
	if err == nil {
		err = r.report(ctx, s, in)
	}
	if err == nil && r.advise(ctx, s, in) {
		return resultOf(ctx, adviseAgain, nil)
	}
	return resultOf(ctx, lookAgain(in, status), err)
}

// starting is whether the operator has started a moment ago, and has not seen everything yet.
func (r *NamespaceRolloutReconciler) starting() bool {
	seen := r.synced() && r.GatingReports.Settled()
	return !seen && r.Clock.Since(r.started) < syncGrace
}

// act takes the step, if there is one, and answers the status as it is after it: another than before
// when the API server has refused it.
func (r *NamespaceRolloutReconciler) act(
	ctx context.Context, s *snapshot, in *summary.NamespaceInput, step *ladder.Rung, status v1alpha1.NamespaceRolloutStatus,
) (v1alpha1.NamespaceRolloutStatus, error) {
	if step == nil {
		return status, nil
	}
	err := r.take(ctx, s, *step, in.Decision.Climb)
	if refused(err) {
		return r.rest(ctx, s, in, *step, err)
	}
	return status, err
}

// rest records that the API server has refused the step. The refusal is a state to
// show, and no failure of the look at it.
func (r *NamespaceRolloutReconciler) rest(ctx context.Context, s *snapshot, in *summary.NamespaceInput, step ladder.Rung, refusal error) (
	v1alpha1.NamespaceRolloutStatus, error,
) {
	letRest(ctx, s, in, step, refusal)
	status, err := r.record(ctx, s, *in)
	r.tellState(s, status)
	return status, err
}

// letRest has a step that the API server has refused rest for a while.
func letRest(ctx context.Context, s *snapshot, in *summary.NamespaceInput, step ladder.Rung, refusal error) {
	in.WriteRefusal = summary.WriteRefused(in.WriteRefusal, step, refusal.Error(), in.Now)
	in.Decision = gate.Refused(in.WriteRefusal.Message, in.WriteRefusal.RetryAt.Sub(in.Now))
	log.FromContext(ctx).Info("The API server refused to let labels be written", "step", step.String(), "rollout", s.rollout.Name,
		"refusal", refusal.Error(), "retryAt", in.WriteRefusal.RetryAt)
}

// lookAgain answers when to look at the namespace again if nothing happens: when
// what holds the rung may be over, or the bake is.
func lookAgain(in summary.NamespaceInput, status v1alpha1.NamespaceRolloutStatus) time.Duration {
	after := in.Decision.RequeueAfter
	sooner := func(d time.Duration) {
		if d > 0 && (after == 0 || d < after) {
			after = d
		}
	}
	if status.BakeUntil != nil {
		sooner(status.BakeUntil.Sub(in.Now))
	}
	if len(in.Rejected) > 0 {
		sooner(summary.QuietFor)
	}
	return after
}

// fetch reads the claim, its namespace and its rollout, and answers nil when
// there is nothing to do. A claim that no rollout stands behind is told so: it
// was made by hand, or is about to go.
func (r *NamespaceRolloutReconciler) fetch(ctx context.Context, key types.NamespacedName) (*snapshot, error) {
	s := &snapshot{
		now: r.Clock.Now(), changed: r.changes.take(key.Namespace), server: r.Server.Version(), config: r.Config(),
		claim: &v1alpha1.NamespaceRollout{}, namespace: &corev1.Namespace{}, rollout: &v1alpha1.PodSecurityRollout{},
		refused: func(level string) []v1alpha1.Rejection { return r.refusals(key.Namespace, level) },
		present: func(w v1alpha1.WorkloadReference) bool { return r.present(key.Namespace, w) },
		reports: func() ([]reportgate.Report, string) { return r.GatingReports.Reports(key.Namespace) },
	}
	s.evidence = func(lv psaapi.LevelVersion) summary.Evidence { return r.evidence(s, lv) }
	err := r.Get(ctx, types.NamespacedName{Name: key.Namespace}, s.namespace)
	if apierrors.IsNotFound(err) {
		r.Inventory.ForgetNamespace(key.Namespace)
		r.comparisons.forget(key.Namespace)
		r.advised.forget(key.Namespace)
		r.reported.forget(key.Namespace)
	}
	if err == nil {
		err = r.Get(ctx, key, s.claim)
	}
	if err != nil || !s.claim.DeletionTimestamp.IsZero() {
		return nil, client.IgnoreNotFound(err)
	}
	gone, err := r.fetchRollout(ctx, s)
	if err != nil {
		return nil, err
	}
	if gone != "" {
		return nil, r.disown(ctx, s, gone)
	}
	return s, nil
}

// fetchRollout reads the rollout that owns the claim, and which of its targets
// selects the namespace. It answers why no rollout stands behind the claim,
// empty when one does.
func (r *NamespaceRolloutReconciler) fetchRollout(ctx context.Context, s *snapshot) (gone string, err error) {
	owner := rolloutOwner(s.claim)
	if owner == nil {
		return "No PodSecurityRollout owns this object. One that selects the namespace adopts it; otherwise delete it", nil
	}
	err = r.Get(ctx, types.NamespacedName{Name: owner.Name}, s.rollout)
	switch {
	case apierrors.IsNotFound(err), err == nil && (s.rollout.UID != owner.UID || !s.rollout.DeletionTimestamp.IsZero()):
		return fmt.Sprintf("PodSecurityRollout %s is gone; the labels stay as they are", owner.Name), nil
	case err != nil:
		return "", err
	}
	compiled, accepted := r.specs.accept(s.rollout, s.server)
	s.accepted = accepted
	if !accepted.OK {
		return "", nil
	}
	target, ok := compiled.Target(fleetNamespace(s.namespace))
	if !ok {
		return fmt.Sprintf("PodSecurityRollout %s does not select this namespace (any more); the labels stay as they are", owner.Name), nil
	}
	s.target = s.rollout.Spec.Targets[target]
	return "", nil
}

// disown says on the claim that nothing is done in its namespace, and why.
func (r *NamespaceRolloutReconciler) disown(ctx context.Context, s *snapshot, message string) error {
	status := summary.Unaccepted(s.claim.Status, summary.NamespaceInput{
		Now: s.now, Generation: s.claim.Generation,
		Accepted: summary.Acceptance{Reason: v1alpha1.ReasonNotOwned, Message: message},
	})
	_, err := applyStatus(ctx, r.Client, s.claim, v1alpha1.FieldManager, ownStatus(s.claim.Status), ownStatus(status))
	return err
}

// decide answers the step to take, nil for none: a rung back if pods are refused
// and the strategy says so, otherwise the next rung if the gate lets it through.
// It asks the API server when the gate wants to know its word.
func (r *NamespaceRolloutReconciler) decide(ctx context.Context, s *snapshot, in *summary.NamespaceInput) (*ladder.Rung, error) {
	if !s.accepted.OK {
		return nil, nil
	}
	back, rollback, err := s.rollback(*in)
	if err != nil {
		return nil, err
	}
	if back != nil {
		in.Rollback, in.Next = rollback, back
		in.WriteRefusal = summary.RefusalOf(s.claim.Status.WriteRefusal, back)
		if r := in.WriteRefusal; r != nil && in.Now.Before(r.RetryAt.Time) {
			in.Decision = gate.Refused(r.Message, r.RetryAt.Sub(in.Now))
			return nil, nil
		}
		in.Decision = gate.Decision{Reason: v1alpha1.ReasonRolledBack, Message: "Rolling back: " + rollback.Message}
		return back, nil
	}
	if in.Next == nil {
		return nil, nil
	}
	return r.ask(ctx, s, in), nil
}

// ask answers the next rung if the gate lets it through, nil otherwise. An API server
// that refuses the dry run refuses the write as well.
func (r *NamespaceRolloutReconciler) ask(ctx context.Context, s *snapshot, in *summary.NamespaceInput) *ladder.Rung {
	question, err := s.question(*in)
	if err != nil {
		in.Decision = gate.Decision{Reason: v1alpha1.ReasonInconclusive, Message: err.Error(), RequeueAfter: gate.Soon}
		return nil
	}
	in.Decision = gate.Evaluate(question)
	if in.Decision.AskServer {
		answer, err := r.dryRun(ctx, s, question)
		if refused(err) {
			letRest(ctx, s, in, *in.Next, err)
			return nil
		}
		question.DryRun = answer
		in.Decision = gate.Evaluate(question)
	}
	r.compare(ctx, s, question, in)
	if in.Decision.Reason == v1alpha1.ReasonSoaking {
		in.SoakUntil = gate.SoakUntil(question)
	}
	if !in.Decision.Climb {
		return nil
	}
	if r := in.WriteRefusal; r != nil && in.Next.Mode != v1alpha1.ModeEnforce {
		// Until it is written, that is how it stands. A rung of enforce has to say that it uses its turn.
		in.Decision.Reason, in.Decision.Message = v1alpha1.ReasonWriteRefused, r.Message
	}
	return in.Next
}

// record writes the status, and answers it.
func (r *NamespaceRolloutReconciler) record(ctx context.Context, s *snapshot, in summary.NamespaceInput) (v1alpha1.NamespaceRolloutStatus, error) {
	status := summary.Namespace(s.claim.Status, in)
	if !s.accepted.OK {
		status = summary.Unaccepted(s.claim.Status, in)
	}
	version, err := applyStatus(ctx, r.Client, s.claim, v1alpha1.FieldManager, ownStatus(s.claim.Status), ownStatus(status))
	if err != nil {
		r.changes.note(s.namespace.Name, s.changed)
		return status, err
	}
	s.claim.ResourceVersion = version
	r.judged(s)
	return status, nil
}

// judged notes how long the change that led to this look waited for its verdict.
func (r *NamespaceRolloutReconciler) judged(s *snapshot) {
	if !s.changed.IsZero() {
		metrics.Judged(r.Clock.Since(s.changed))
	}
	s.changed = time.Time{} // what is recorded further in this look is no other verdict
}

// tell tells what has changed since the last look.
func (r *NamespaceRolloutReconciler) tell(s *snapshot, in summary.NamespaceInput, status v1alpha1.NamespaceRolloutStatus) {
	if s.accepted.OK {
		r.tellMoves(s, in)
	}
	r.tellState(s, status)
}

// tellState tells of a change of what holds the namespace. A rung about to be
// climbed is told of once it is.
func (r *NamespaceRolloutReconciler) tellState(s *snapshot, status v1alpha1.NamespaceRolloutStatus) {
	before, _ := summary.State(s.claim.Status)
	if after, _ := summary.State(status); after != before && after != v1alpha1.ReasonClimbing {
		recordState(r.Recorder, s, status)
	}
}

// tellMoves tells of every mode that has moved since the last look, by us or
// by somebody else.
func (r *NamespaceRolloutReconciler) tellMoves(s *snapshot, in summary.NamespaceInput) {
	old := s.claim.Status
	ours := map[v1alpha1.Mode]bool{}
	for _, h := range summary.Climbed(old, in) {
		ours[h.Mode] = true
		metrics.Stepped(h)
		recordStep(r.Recorder, s, h)
	}
	for _, h := range summary.Moved(old, in) {
		if !ours[h.Mode] {
			by, _ := nslabels.SetBy(s.namespace, h.Mode) // who did it is a courtesy; unreadable managedFields hold the gate elsewhere
			recordMoved(r.Recorder, s, h, by)
		}
	}
}

// take writes the step, a climb or a step back, if what it was decided on still
// holds: the rollout, the claim and the namespace as the API server has them,
// its version where that is what latest stands for, the pods and the reports of others
// this moment.
func (r *NamespaceRolloutReconciler) take(ctx context.Context, s *snapshot, step ladder.Rung, climb bool) error {
	if err := r.confirm(ctx, s); err != nil {
		return err
	}
	if err := r.confirmLatest(ctx, s, step); err != nil {
		return err
	}
	if climb {
		if err := s.confirmEvidence(step); err != nil {
			return err
		}
	}
	if err := r.Labels.Apply(ctx, s.namespace, step); err != nil {
		return err
	}
	log.FromContext(ctx).Info("Wrote labels", "step", step.String(), "from", step.From.String(), "rollout", s.rollout.Name)
	return nil
}

// confirmLatest errs when the step leaves latest and the API server is no longer
// at the version that was taken for it: the pin would be a step down.
func (r *NamespaceRolloutReconciler) confirmLatest(ctx context.Context, s *snapshot, step ladder.Rung) error {
	if !step.From.Version.Latest() || step.From.Level == psaapi.LevelPrivileged {
		return nil
	}
	now, err := r.Server.Ask(ctx)
	if err != nil {
		return err
	}
	if now != s.server {
		return fmt.Errorf("%w: the API server is at %s now", errStale, now.String())
	}
	return nil
}

// confirm reads the rollout, the claim and the namespace past the cache, and
// errs when one of them, or what the API server exempts, is not what was decided on.
func (r *NamespaceRolloutReconciler) confirm(ctx context.Context, s *snapshot) error {
	if !r.Config().Equal(s.config) {
		return fmt.Errorf("%w: the API server's PodSecurity configuration has changed", errStale)
	}
	live := snapshot{rollout: &v1alpha1.PodSecurityRollout{}, claim: &v1alpha1.NamespaceRollout{}, namespace: &corev1.Namespace{}}
	for _, now := range []struct{ seen, live client.Object }{{s.rollout, live.rollout}, {s.claim, live.claim}, {s.namespace, live.namespace}} {
		if err := r.Live.Get(ctx, client.ObjectKeyFromObject(now.seen), now.live); err != nil {
			return err
		}
	}
	return s.confirm(live)
}

// confirm errs when the step was not decided on what is live.
func (s *snapshot) confirm(live snapshot) error {
	rollout, claim, namespace := live.rollout, live.claim, live.namespace
	owner := rolloutOwner(claim)
	switch {
	case namespace.UID != s.namespace.UID || namespace.ResourceVersion != s.namespace.ResourceVersion:
		return fmt.Errorf("%w: namespace %q has changed", errStale, s.namespace.Name)
	case !same(rollout, s.rollout):
		return fmt.Errorf("%w: PodSecurityRollout %s has changed", errStale, s.rollout.Name)
	case claim.ResourceVersion != s.claim.ResourceVersion, !same(claim, s.claim), owner == nil || owner.UID != s.rollout.UID:
		// A status that this look did not have to write may be that of an older claim.
		return fmt.Errorf("%w: NamespaceRollout %s has changed", errStale, client.ObjectKeyFromObject(s.claim))
	}
	return nil
}

// confirmEvidence errs when a climb is held by what has changed since it was decided on:
// the pods, or the reports of others.
func (s *snapshot) confirmEvidence(step ladder.Rung) error {
	require, _ := s.pace(step.Mode)
	if require != v1alpha1.RequirementNone && s.evidence(step.To).Verdict() != v1alpha1.VerdictCompliant {
		return fmt.Errorf("%w: the pods of namespace %q have changed", errStale, s.namespace.Name)
	}
	if failing, unread := s.gatingReports(step.Mode); len(failing) > 0 || unread != "" {
		return fmt.Errorf("%w: the reports of namespace %q have changed", errStale, s.namespace.Name)
	}
	return nil
}

// same is whether an object is the one seen before, its spec unchanged, and not
// being deleted.
func same(now, seen client.Object) bool {
	return now.GetUID() == seen.GetUID() && now.GetGeneration() == seen.GetGeneration() && now.GetDeletionTimestamp().IsZero()
}

// rolloutOwner answers the controlling owner of a claim if it is a
// PodSecurityRollout.
func rolloutOwner(claim *v1alpha1.NamespaceRollout) *metav1.OwnerReference {
	owner := metav1.GetControllerOf(claim)
	if owner == nil || owner.Kind != "PodSecurityRollout" || owner.APIVersion != v1alpha1.GroupVersion.String() {
		return nil
	}
	return owner
}
