// SPDX-License-Identifier: Apache-2.0

package preview

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	psaapi "k8s.io/pod-security-admission/api"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/cli/cluster"
	"github.com/podsecurity-rollout/operator/internal/cli/output"
	"github.com/podsecurity-rollout/operator/internal/cli/survey"
	"github.com/podsecurity-rollout/operator/internal/fleet"
	"github.com/podsecurity-rollout/operator/internal/gate"
	"github.com/podsecurity-rollout/operator/internal/ladder"
	"github.com/podsecurity-rollout/operator/internal/nslabels"
)

// Plan is what a rollout would do: the document that -o json and yaml write.
type Plan struct {
	output.Header
	Rollout       string          `json:"rollout"`
	ServerVersion string          `json:"serverVersion"`
	Namespaces    []NamespacePlan `json:"namespaces"`
	// NotSelected counts the namespaces that no target selects, or that are excluded.
	NotSelected int `json:"notSelected"`
}

// NamespacePlan is what it would do in one namespace.
type NamespacePlan struct {
	Name   string `json:"name"`
	Target string `json:"target"`
	Wave   string `json:"wave,omitempty"`
	// Ahead are the modes that are stricter or newer than the target; they stay.
	Ahead []v1alpha1.Mode `json:"ahead,omitempty"`
	// Rungs are those left to climb, in order; none when the target is reached.
	Rungs []RungPlan `json:"rungs"`
}

// RungPlan is whether a rung would go by today's evidence.
type RungPlan struct {
	Rung string `json:"rung"`
	Goes bool   `json:"goes"`
	// Reason and Message say what holds it.
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message,omitempty"`
	// Soak and Approval are the pace, which comes on top, as do Reports: the sources of
	// reports that hold the rung while they fail. A preview does not read those.
	Soak     string            `json:"soak,omitempty"`
	Approval bool              `json:"approval,omitempty"`
	Reports  []string          `json:"reports,omitempty"`
	Held     []output.Workload `json:"violatingWorkloads,omitempty"`
}

// reached is how many rungs would go before the first that is held.
func (n NamespacePlan) reached() int {
	for i, r := range n.Rungs {
		if !r.Goes {
			return i
		}
	}
	return len(n.Rungs)
}

// decode reads one PodSecurityRollout, strictly, and gives what it leaves out the defaults that the API server would.
func decode(data []byte) (*v1alpha1.PodSecurityRollout, error) {
	data, err := onlyDocument(data)
	if err != nil {
		return nil, err
	}
	decoder := serializer.NewCodecFactory(cluster.Scheme(), serializer.EnableStrict).UniversalDeserializer()
	object, kind, err := decoder.Decode(data, nil, nil)
	if err != nil {
		return nil, err
	}
	rollout, ok := object.(*v1alpha1.PodSecurityRollout)
	if !ok {
		return nil, fmt.Errorf("it holds a %s, not one PodSecurityRollout of %s", kind.Kind, v1alpha1.GroupVersion)
	}
	if len(rollout.Spec.Targets) == 0 {
		return nil, errors.New("spec.targets names no target")
	}
	setDefaults(&rollout.Spec)
	return rollout, nil
}

// onlyDocument answers the one YAML document of a file that is not empty.
func onlyDocument(data []byte) ([]byte, error) {
	var only []byte
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(data)))
	for {
		document, err := reader.Read()
		switch {
		case errors.Is(err, io.EOF):
			return only, nil
		case err != nil:
			return nil, err
		case len(bytes.TrimSpace(document)) == 0:
		case only != nil:
			return nil, errors.New("it holds more than one document: one PodSecurityRollout is previewed at a time")
		default:
			only = document
		}
	}
}

// planOf answers what a rollout would do in the namespaces of a survey. It errs on a spec that the operator would not act on.
func planOf(s *survey.Survey, rollout *v1alpha1.PodSecurityRollout, now time.Time) (Plan, error) {
	plan := Plan{Header: output.NewHeader("RolloutPreview"), Rollout: rollout.Name, ServerVersion: s.Server.String(), Namespaces: []NamespacePlan{}}
	compiled, err := fleet.Compile(rollout)
	if err != nil {
		return plan, err
	}
	targets, err := targetsOf(rollout, s.Server)
	if err != nil {
		return plan, err
	}
	var members []fleet.Member
	for i := range s.Namespaces {
		ns := &s.Namespaces[i]
		matched := fleet.Namespace{Name: ns.Name, Labels: ns.Labels}
		target, selected := compiled.Target(matched)
		if !selected {
			plan.NotSelected++
			continue
		}
		members = append(members, fleet.Member{Namespace: matched})
		entry := NamespacePlan{Name: ns.Name, Target: rollout.Spec.Targets[target].Name}
		if err := entry.climb(s, survey.Case{Now: now, Namespace: ns, Rollout: rollout}, targets[target]); err != nil {
			return plan, err
		}
		plan.Namespaces = append(plan.Namespaces, entry)
	}
	turns := compiled.Strategy.Plan(members, now).Turns
	for i := range plan.Namespaces {
		plan.Namespaces[i].Wave = turns[plan.Namespaces[i].Name].Wave
	}
	return plan, nil
}

// targetsOf answers the policy that each target means. A version that the API server does not serve is an error, as it is to the operator.
func targetsOf(rollout *v1alpha1.PodSecurityRollout, server psaapi.Version) ([]psaapi.Policy, error) {
	var policies []psaapi.Policy
	for _, t := range rollout.Spec.Targets {
		policy, err := ladder.TargetPolicy(t, server)
		if err != nil {
			return nil, fmt.Errorf("spec.targets: %w", err)
		}
		if v := policy.Enforce.Version; !v.Latest() && server.Older(v) {
			return nil, fmt.Errorf("spec.targets: target %q pins version %s, which the API server at %s does not serve: pin %s or older, or use version: Cluster",
				t.Name, v.String(), server.String(), server.String())
		}
		policies = append(policies, policy)
	}
	return policies, nil
}

// climb asks the gate about each rung that is left.
func (n *NamespacePlan) climb(s *survey.Survey, c survey.Case, target psaapi.Policy) error {
	current := nslabels.Read(c.Namespace, s.Config.Defaults).Policy
	n.Ahead = ladder.Ahead(current, target, s.Server)
	n.Rungs = []RungPlan{}
	for _, rung := range ladder.Remaining(current, target, s.Server) {
		entry, err := rungPlan(s, c, rung)
		if err != nil {
			return fmt.Errorf("namespace %q: %w", c.Namespace.Name, err)
		}
		n.Rungs = append(n.Rungs, entry)
	}
	return nil
}

func rungPlan(s *survey.Survey, c survey.Case, rung ladder.Rung) (RungPlan, error) {
	question, err := s.Question(c, rung)
	if err != nil {
		return RungPlan{}, err
	}
	decision, held := gate.Held(question)
	entry := RungPlan{Rung: rung.String(), Goes: !held, Reason: decision.Reason, Message: decision.Message}
	if soak := survey.Soak(c.Rollout, rung.Mode); soak > 0 {
		entry.Soak = soak.String()
	}
	if rung.Mode == v1alpha1.ModeEnforce {
		entry.Approval, entry.Reports = survey.Manual(c.Rollout), survey.ReportSources(c.Rollout)
	}
	if decision.Reason == v1alpha1.ReasonViolations {
		entry.Held = output.ByWorkload(s.Evidence(c.Namespace.Name, rung.To).Violations)
	}
	return entry, nil
}
