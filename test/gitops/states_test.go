// SPDX-License-Identifier: Apache-2.0

package gitops

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	psaapi "k8s.io/pod-security-admission/api"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/gate"
	"github.com/podsecurity-rollout/operator/internal/ladder"
	"github.com/podsecurity-rollout/operator/internal/summary"
)

// state is an object as a GitOps tool may find it, and what each tool is to make
// of it.
type state struct {
	object client.Object
	// kstatus is what Flux waits by, health what Argo CD shows, said a part of its
	// message.
	kstatus status.Status
	health  string
	said    string
	// complete is what Flux waits by with config/gitops/flux: for the target.
	complete status.Status
}

var (
	root = filepath.Join("..", "..")

	nine    = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	version = psaapi.MajorMinorVersion(1, 37)

	privileged = psaapi.LevelVersion{Level: psaapi.LevelPrivileged, Version: psaapi.LatestVersion()}
	baseline   = psaapi.LevelVersion{Level: psaapi.LevelBaseline, Version: version}

	accepted = summary.Acceptance{OK: true}
	refused  = summary.Acceptance{Reason: v1alpha1.ReasonVersionNotServed, Message: "target pins version v1.99"}
)

// held is what the status of a namespace is made from whose next rung,
// enforce=baseline, the gate holds.
func held(reason, message string) summary.NamespaceInput {
	return summary.NamespaceInput{
		Now: nine, Generation: 1, Rollout: "platform", Accepted: accepted,
		Target:   psaapi.Policy{Enforce: baseline, Warn: baseline, Audit: baseline},
		Current:  psaapi.Policy{Enforce: privileged, Warn: baseline, Audit: baseline},
		Next:     &ladder.Rung{Mode: v1alpha1.ModeEnforce, From: privileged, To: baseline},
		Decision: gate.Decision{Reason: reason, Message: message},
		Evidence: []summary.Evidence{{Level: baseline, Known: true, Pods: 5, Workloads: 3}},
	}
}

// evaluated is what it is made from by the gate itself.
func evaluated(change func(*gate.Input)) summary.NamespaceInput {
	in := held("", "")
	question := gate.Input{
		Now: nine, Rung: *in.Next, Synced: true, Server: version, Library: version,
		Turn: gate.Turn{Granted: true}, DryRun: &gate.DryRun{},
	}
	change(&question)
	in.Decision = gate.Evaluate(question)
	return in
}

// arrived is what it is made from at the target.
func arrived() summary.NamespaceInput {
	in := held("", "")
	in.Current, in.Next = in.Target, nil
	return in
}

func with[T any](of T, change func(*T)) T {
	change(&of)
	return of
}

func soaking(in *gate.Input) {
	in.Soak, in.LastRung, in.CleanSince = 7*24*time.Hour, nine, nine
}

func unsynced(in *gate.Input) { in.Synced = false }

func violating(in *gate.Input) {
	in.Evidence = gate.Evidence{Workloads: 1, Worst: "Deployment web: hostPorts"}
}

func unapproved(in *gate.Input) { in.ManualApproval = true }

func conflicting(in *gate.Input) {
	in.Owners = []gate.Owner{{Manager: "argocd-controller", Label: psaapi.EnforceLevelLabel, Value: "privileged"}}
}

func suspended(in *gate.Input) { in.Suspended = true }

func observed(in *gate.Input) { in.Observe = true }

func waitingForTurn(in *gate.Input) { in.Turn = gate.Turn{WaitingFor: "wave pilot"} }

func writeRefused(in *gate.Input) {
	in.WriteRefused, in.RetryAt = "admission webhook denied the request", nine.Add(time.Minute)
}

// claim is a NamespaceRollout with the status of one look.
func claim(in summary.NamespaceInput) *v1alpha1.NamespaceRollout {
	return &v1alpha1.NamespaceRollout{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "NamespaceRollout"},
		ObjectMeta: metav1.ObjectMeta{Name: v1alpha1.NamespaceRolloutName, Namespace: "shop", Generation: 1},
		Status:     summary.Namespace(v1alpha1.NamespaceRolloutStatus{}, in),
	}
}

// gated is a NamespaceRollout as the gate has it.
func gated(change func(*gate.Input)) *v1alpha1.NamespaceRollout { return claim(evaluated(change)) }

// unaccepted is a NamespaceRollout that is not acted on.
func unaccepted(why summary.Acceptance) *v1alpha1.NamespaceRollout {
	in := held("", "")
	in.Accepted = why
	out := claim(arrived())
	out.Status = summary.Unaccepted(out.Status, in)
	return out
}

// rollout is a PodSecurityRollout over one namespace, the sum of it changed first.
func rollout(over *v1alpha1.NamespaceRollout, changes ...func(*summary.RolloutInput)) *v1alpha1.PodSecurityRollout {
	in := summary.RolloutInput{
		Now: nine, Generation: 1, Server: version, Accepted: accepted,
		Namespaces: map[string]v1alpha1.NamespaceRolloutStatus{"shop": over.Status},
	}
	out := &v1alpha1.PodSecurityRollout{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "PodSecurityRollout"},
		ObjectMeta: metav1.ObjectMeta{Name: "platform", Generation: 1},
		Spec:       v1alpha1.PodSecurityRolloutSpec{Targets: []v1alpha1.Target{{Name: "all", NamespaceSelector: &v1alpha1.NamespaceSelector{}, Enforce: v1alpha1.LevelBaseline}}},
		Status:     summary.Rollout(v1alpha1.PodSecurityRolloutStatus{}, in),
	}
	for _, change := range changes {
		change(&in)
	}
	out.Status = summary.Rollout(out.Status, in)
	out.Spec.Suspend = ptr.To(in.Suspended)
	return out
}

// untouched is an object that the operator has not seen yet, edited one that was
// changed since it has, and deleted one that is going.
func untouched(object client.Object) client.Object {
	switch o := object.(type) {
	case *v1alpha1.PodSecurityRollout:
		o.Status = v1alpha1.PodSecurityRolloutStatus{}
	case *v1alpha1.NamespaceRollout:
		o.Status = v1alpha1.NamespaceRolloutStatus{}
	}
	return object
}

func edited(object client.Object) client.Object {
	object.SetGeneration(object.GetGeneration() + 1)
	return object
}

func deleted(object client.Object) client.Object {
	object.SetDeletionTimestamp(&metav1.Time{Time: nine})
	return object
}

// states are the table.
func states() map[string]state {
	const inProgress, current, failed = status.InProgressStatus, status.CurrentStatus, status.FailedStatus
	overdue := func(in *summary.RolloutInput) { in.Now, in.Deadline = nine.Add(8*24*time.Hour), 7*24*time.Hour }
	return map[string]state{
		"rollout: not looked at yet":      {untouched(rollout(claim(arrived()))), inProgress, "Progressing", "not looked at", inProgress},
		"rollout: edited since":           {edited(rollout(claim(arrived()))), inProgress, "Progressing", "not looked at", inProgress},
		"rollout: being deleted":          {deleted(rollout(claim(arrived()))), status.TerminatingStatus, "Progressing", "deleted", current},
		"rollout: selects nothing":        {rollout(claim(arrived()), func(in *summary.RolloutInput) { in.Namespaces = nil }), current, "Healthy", "NoNamespaces", current},
		"rollout: soaking for a week":     {rollout(gated(soaking)), current, "Healthy", "Soaking: 0 of 1 namespaces complete", inProgress},
		"rollout: waiting for a turn":     {rollout(gated(waitingForTurn)), current, "Healthy", "AwaitingTurn", inProgress},
		"rollout: inconclusive":           {rollout(gated(unsynced)), current, "Healthy", "Inconclusive", inProgress},
		"rollout: blocked by violations":  {rollout(gated(violating)), current, "Healthy", "Blocked: 0 of 1 namespaces complete, 1 blocked", inProgress},
		"rollout: blocked by Argo CD":     {rollout(gated(conflicting)), current, "Healthy", "Blocked", inProgress},
		"rollout: suspended":              {rollout(gated(suspended), func(in *summary.RolloutInput) { in.Suspended = true }), current, "Healthy", "Suspended", inProgress},
		"rollout: observing":              {rollout(gated(observed), func(in *summary.RolloutInput) { in.Observe = true }), current, "Healthy", "Observing", inProgress},
		"rollout: complete":               {rollout(claim(arrived())), current, "Healthy", "Complete: 1 of 1 namespaces complete", current},
		"rollout: refused":                {rollout(claim(arrived()), func(in *summary.RolloutInput) { in.Accepted = refused }), failed, "Degraded", "VersionNotServed: target pins", failed},
		"rollout: past its deadline":      {rollout(gated(violating), overdue), failed, "Degraded", "ProgressDeadlineExceeded", failed},
		"namespace: not looked at yet":    {untouched(claim(arrived())), inProgress, "Progressing", "not looked at", inProgress},
		"namespace: approved since":       {edited(gated(unapproved)), inProgress, "Progressing", "not looked at", inProgress},
		"namespace: being deleted":        {deleted(claim(arrived())), status.TerminatingStatus, "Progressing", "deleted", current},
		"namespace: climbing":             {gated(func(*gate.Input) {}), current, "Healthy", "Climbing", inProgress},
		"namespace: soaking for a week":   {gated(soaking), current, "Healthy", "Soaking: enforce=baseline:v1.37 waits until", inProgress},
		"namespace: violating":            {gated(violating), current, "Healthy", "Violations: Deployment web", inProgress},
		"namespace: awaiting approval":    {gated(unapproved), current, "Healthy", "AwaitingApproval", inProgress},
		"namespace: labels of Argo CD":    {gated(conflicting), current, "Healthy", `LabelConflict: enforce=baseline:v1.37 waits: field manager "argocd-controller" owns`, inProgress},
		"namespace: a write was refused":  {gated(writeRefused), current, "Healthy", "WriteRefused: admission webhook", inProgress},
		"namespace: pods are refused":     {claim(with(arrived(), func(in *summary.NamespaceInput) { in.Rejected = []v1alpha1.Rejection{{Message: "refused"}} })), current, "Healthy", "Rejecting", inProgress},
		"namespace: complete":             {claim(arrived()), current, "Healthy", "Complete: The target is reached", current},
		"namespace: ahead of the target":  {claim(with(arrived(), func(in *summary.NamespaceInput) { in.Ahead = []v1alpha1.Mode{v1alpha1.ModeWarn} })), current, "Healthy", "AheadOfTarget", current},
		"namespace: the spec is refused":  {unaccepted(refused), failed, "Degraded", "VersionNotServed: target pins", failed},
		"namespace: no rollout stands by": {unaccepted(summary.Acceptance{Reason: v1alpha1.ReasonNotOwned, Message: "made by hand"}), failed, "Degraded", "NotOwned", failed},
	}
}

// asServed is an object as the API server answers it: with the defaults of its
// definition in config/crd/bases.
func asServed(t *testing.T, object client.Object) *unstructured.Unstructured {
	t.Helper()
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		t.Fatal(err)
	}
	kind := object.GetObjectKind().GroupVersionKind().Kind
	defaulting.Default(content, schemaOf(t, kind))
	return &unstructured.Unstructured{Object: content}
}

// schemaOf answers the schema of a kind.
func schemaOf(t *testing.T, kind string) *schema.Structural {
	t.Helper()
	file := map[string]string{"PodSecurityRollout": "podsecurityrollouts", "NamespaceRollout": "namespacerollouts"}[kind]
	data, err := os.ReadFile(filepath.Join(root, "config", "crd", "bases", "rollout.podsecurity.dev_"+file+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(data, &crd); err != nil {
		t.Fatal(err)
	}
	var internal apiextensions.JSONSchemaProps
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(crd.Spec.Versions[0].Schema.OpenAPIV3Schema, &internal, nil); err != nil {
		t.Fatal(err)
	}
	structural, err := schema.NewStructural(&internal)
	if err != nil {
		t.Fatal(err)
	}
	return structural
}
