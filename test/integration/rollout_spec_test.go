// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/robfig/cron/v3"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

// What the API server says, where more than one case is told the same.
const (
	wantWarn        = "Invalid value: warn must be at least as strict as enforce: raise warn, lower enforce, or leave warn out to follow enforce"
	wantAudit       = "Invalid value: audit must be at least as strict as enforce: raise audit, lower enforce, or leave audit out to follow enforce"
	wantLevel       = `Unsupported value: %q: supported values: "privileged", "baseline", "restricted"`
	wantVersion     = `Invalid value: %q: version must be "Cluster" (the API server's own minor, pinned), a pin such as "v1.37", or "latest"`
	wantName        = "Invalid value: %q: name must be a DNS label: lower case letters, digits and '-', beginning and ending with a letter or digit"
	wantUnreachable = "Invalid value: a %s with an empty namespaceSelector selects every namespace, so those after it are never reached: move it to the end"
	wantMatchKey    = `Invalid value: each key of matchLabels must be a label key such as "env" or "example.com/team"`
	wantOurKey      = "the operator writes the pod-security.kubernetes.io labels, so a namespace would leave the selection as it climbs: select by another label"
	wantLabelValue  = "Invalid value: %q: a label value is at most 63 letters, digits, '-', '_' or '.', beginning and ending with a letter or digit"
	wantValues      = "Invalid value: values must name at least one value for the operators In and NotIn, and be left out for Exists and DoesNotExist"
	wantSoak        = `Invalid value: %q: soak must be a duration such as "30m" or "24h", at most 8760h`
	wantBake        = `Invalid value: %q: bake must be a duration such as "10m" or "2h", at most 168h`
	wantDeadline    = `Invalid value: %q: progressDeadline must be a duration such as "720h", at least 1m and at most 8760h`
	wantDuration    = `Invalid value: %q: duration must be a duration such as "62h" or "90m", at least 1m and at most 8760h`
	wantTogether    = "Invalid value: schedule and duration go together: give the duration the window stays open for, or leave both out for a budget that always applies"
	wantSchedule    = `Invalid value: %q: schedule must be five cron fields, minute (0-59) hour (0-23) day (1-31) month (1-12) weekday (0-6 or sun-sat), such as "0 18 * * fri", or a descriptor such as "@daily"; times are UTC`
	wantBudget      = `Invalid value: %q: namespaces must be a count such as "5" or a percentage from "1%%" to "100%%"; to let nothing start, write "0"`
	wantMinComplete = `Invalid value: %s: minComplete must be a count such as 5 or a percentage from "0%%" to "100%%"`
	wantExcluded    = "Invalid value: %q: each excluded namespace must be the name of a namespace, not a pattern: use targets' namespaceSelector to leave out by label"
	wantApproval    = `Invalid value: %q: approvedEnforce must be the pending rung as status.next.to writes it, such as "baseline:v1.37"`
	// wantUnchecked comes beside an error that keeps the rules from being run.
	wantUnchecked = "some validation rules were not checked because the object was invalid"
)

// Parts of a spec, in YAML's flow style.
const (
	all  = "targets: [{name: all, namespaceSelector: {}, enforce: baseline}]"
	wave = all + "\nstrategy: {waves: [{name: dev, namespaceSelector: {matchLabels: {env: dev}}, minComplete: %s}]}"
)

// long is one character longer than a label value may be.
var long = strings.Repeat("a", 64)

func target(fields string) string {
	return fmt.Sprintf("targets: [{name: all, namespaceSelector: {}, %s}]", fields)
}

func selector(s string) string {
	return fmt.Sprintf("targets: [{name: all, namespaceSelector: %s, enforce: baseline}]", s)
}

func strategy(s string) string {
	return all + "\nstrategy: {" + s + "}"
}

func targets(n int) string {
	var b strings.Builder
	b.WriteString("targets:\n")
	for i := range n {
		fmt.Fprintf(&b, "- {name: t%d, namespaceSelector: {matchLabels: {n: t%d}}, enforce: baseline}\n", i, i)
	}
	return b.String()
}

// refusal is a spec and what the API server says against it, no more and no less.
type refusal struct {
	spec string
	want []string
}

// acceptedSpecs are what people write.
var acceptedSpecs = map[string]string{
	"the smallest":                      all,
	"every field":                       everyField,
	"observe, suspended, take over":     all + "\nmode: Observe\nsuspend: true\nlabelConflicts: TakeOver",
	"warn and audit stricter":           target("enforce: baseline, warn: restricted, audit: restricted"),
	"enforce privileged, warn baseline": target("enforce: privileged, warn: baseline"),
	"all three alike":                   target("enforce: restricted, warn: restricted, audit: restricted"),
	"version Cluster":                   target("enforce: baseline, version: Cluster"),
	"version latest":                    target("enforce: baseline, version: latest"),
	"version v1.0":                      target("enforce: baseline, version: v1.0"),
	"version not released yet":          target("enforce: baseline, version: v1.99"),
	"64 targets":                        targets(64),
	"all operators":                     selector("{matchExpressions: [{key: a, operator: In, values: [b, c]}, {key: example.com/a, operator: NotIn, values: ['']}, {key: c, operator: Exists}, {key: d, operator: DoesNotExist, values: []}]}"),
	"empty label value":                 selector("{matchLabels: {a: ''}}"),
	"longest label value":               selector("{matchLabels: {a: " + long[:63] + "}}"),
	"empty matchLabels":                 selector("{matchLabels: {}}"),
	"nothing excluded":                  all + "\nexcludedNamespaces: []",
	"other namespaces excluded":         all + "\nexcludedNamespaces: [kube-system, monitoring]",
	"every field of strategy empty":     strategy("audit: {}, warn: {}, enforce: {}"),
	"requirements lifted":               strategy("audit: {require: None}, warn: {require: None}"),
	"durations as Go writes them":       strategy("audit: {soak: 1h30m0s}, warn: {soak: 1.5s}, enforce: {soak: 8760h, bake: 168h0m0s}"),
	"shortest durations":                strategy("audit: {soak: 0s}, enforce: {soak: 500ms, bake: 0s}, progressDeadline: 1m"),
	"the freeze over the weekend":       strategy("budgets: [{namespaces: 10%}, {namespaces: '0', schedule: 0 18 * * fri, duration: 62h}]"),
	"a descriptor for a schedule":       strategy("budgets: [{namespaces: '5', schedule: '@daily', duration: 8h0m0s}]"),
	"minComplete as a number":           fmt.Sprintf(wave, "5"),
	"minComplete as a string":           fmt.Sprintf(wave, "'5'"),
	"minComplete 0%":                    fmt.Sprintf(wave, "0%"),
	"the last wave takes the rest":      strategy("waves: [{name: dev, namespaceSelector: {matchLabels: {env: dev}}}, {name: rest, namespaceSelector: {}}]"),
	"report gates":                      strategy("enforce: {reports: [{source: falco, minSeverity: high}, {source: kyverno}]}"),
}

// refusedTargets are mistakes in spec.targets.
var refusedTargets = map[string]refusal{
	"no targets":            {spec: "mode: Apply", want: []string{"spec.targets: Required value", wantUnchecked}},
	"empty list of targets": {spec: "targets: []", want: []string{"spec.targets: Invalid value: 0: spec.targets in body should have at least 1 items", "spec.targets: Invalid value: name at least one target, such as {name: everyone, namespaceSelector: {}, enforce: baseline}"}},
	"65 targets":            {spec: targets(65), want: []string{"spec.targets: Too many: 65: must have at most 64 items", wantUnchecked}},
	"target without a name": {spec: "targets: [{namespaceSelector: {}, enforce: baseline}]", want: []string{"spec.targets[0].name: Required value", wantUnchecked}},
	"target without a selector": {spec: "targets: [{name: all, enforce: baseline}]",
		want: []string{"spec.targets[0].namespaceSelector: Required value", wantUnchecked}},
	"target without enforce": {spec: "targets: [{name: all, namespaceSelector: {}}]", want: []string{"spec.targets[0].enforce: Required value", wantUnchecked}},
	"two targets of a name": {spec: "targets: [{name: a, namespaceSelector: {matchLabels: {a: a}}, enforce: baseline}, {name: a, namespaceSelector: {}, enforce: baseline}]",
		want: []string{`spec.targets[1]: Duplicate value: {"name":"a"}`}},
	"bad name of a target": {spec: "targets: [{name: All, namespaceSelector: {}, enforce: baseline}]", want: []string{"spec.targets[0].name: " + fmt.Sprintf(wantName, "All")}},
	"target after one for everything": {spec: "targets: [{name: a, namespaceSelector: {}, enforce: baseline}, {name: b, namespaceSelector: {matchLabels: {a: b}}, enforce: restricted}]",
		want: []string{"spec.targets: " + fmt.Sprintf(wantUnreachable, "target")}},
	"warn less strict":           {spec: target("enforce: restricted, warn: baseline"), want: []string{"spec.targets[0]: " + wantWarn}},
	"audit less strict":          {spec: target("enforce: baseline, audit: privileged"), want: []string{"spec.targets[0]: " + wantAudit}},
	"warn and audit less strict": {spec: target("enforce: restricted, warn: baseline, audit: privileged"), want: []string{"spec.targets[0]: " + wantWarn, "spec.targets[0]: " + wantAudit}},
	"unknown level in enforce":   {spec: target("enforce: strict"), want: []string{"spec.targets[0].enforce: " + fmt.Sprintf(wantLevel, "strict"), wantUnchecked}},
	"unknown level in warn":      {spec: target("enforce: baseline, warn: Restricted"), want: []string{"spec.targets[0].warn: " + fmt.Sprintf(wantLevel, "Restricted"), wantUnchecked}},
	"unknown level in audit":     {spec: target("enforce: baseline, audit: none"), want: []string{"spec.targets[0].audit: " + fmt.Sprintf(wantLevel, "none"), wantUnchecked}},
	"version v2.1":               {spec: target("enforce: baseline, version: v2.1"), want: []string{"spec.targets[0].version: " + fmt.Sprintf(wantVersion, "v2.1")}},
	"version without v":          {spec: target("enforce: baseline, version: '1.37'"), want: []string{"spec.targets[0].version: " + fmt.Sprintf(wantVersion, "1.37")}},
	"version with a zero":        {spec: target("enforce: baseline, version: v1.037"), want: []string{"spec.targets[0].version: " + fmt.Sprintf(wantVersion, "v1.037")}},
	"version with a patch":       {spec: target("enforce: baseline, version: v1.37.2"), want: []string{"spec.targets[0].version: " + fmt.Sprintf(wantVersion, "v1.37.2")}},
	"version v1":                 {spec: target("enforce: baseline, version: v1"), want: []string{"spec.targets[0].version: " + fmt.Sprintf(wantVersion, "v1")}},
	"version Latest":             {spec: target("enforce: baseline, version: Latest"), want: []string{"spec.targets[0].version: " + fmt.Sprintf(wantVersion, "Latest")}},
	"version cluster":            {spec: target("enforce: baseline, version: cluster"), want: []string{"spec.targets[0].version: " + fmt.Sprintf(wantVersion, "cluster")}},
}

// refusedSelectors are mistakes in a namespaceSelector.
var refusedSelectors = map[string]refusal{
	"unknown operator": {spec: selector("{matchExpressions: [{key: a, operator: Equals, values: [b]}]}"),
		want: []string{`spec.targets[0].namespaceSelector.matchExpressions[0].operator: Unsupported value: "Equals": supported values: "In", "NotIn", "Exists", "DoesNotExist"`, wantUnchecked}},
	"bad key of an expression": {spec: selector("{matchExpressions: [{key: a/b/c, operator: Exists}]}"),
		want: []string{`spec.targets[0].namespaceSelector.matchExpressions[0].key: Invalid value: "a/b/c": key must be a label key such as "env" or "example.com/team"`}},
	"In without values":      {spec: selector("{matchExpressions: [{key: a, operator: In}]}"), want: []string{"spec.targets[0].namespaceSelector.matchExpressions[0]: " + wantValues}},
	"NotIn of no values":     {spec: selector("{matchExpressions: [{key: a, operator: NotIn, values: []}]}"), want: []string{"spec.targets[0].namespaceSelector.matchExpressions[0]: " + wantValues}},
	"Exists with values":     {spec: selector("{matchExpressions: [{key: a, operator: Exists, values: [b]}]}"), want: []string{"spec.targets[0].namespaceSelector.matchExpressions[0]: " + wantValues}},
	"bad value of In":        {spec: selector("{matchExpressions: [{key: a, operator: In, values: [-b]}]}"), want: []string{"spec.targets[0].namespaceSelector.matchExpressions[0].values[0]: " + fmt.Sprintf(wantLabelValue, "-b")}},
	"bad key of matchLabels": {spec: selector("{matchLabels: {'a b': c}}"), want: []string{"spec.targets[0].namespaceSelector.matchLabels: " + wantMatchKey}},
	"bad value of matchLabels": {spec: selector("{matchLabels: {a: b c}}"),
		want: []string{"spec.targets[0].namespaceSelector.matchLabels[a]: " + fmt.Sprintf(wantLabelValue, "b c")}},
	"label value too long": {spec: selector("{matchLabels: {a: " + long + "}}"),
		want: []string{"spec.targets[0].namespaceSelector.matchLabels.a: Too long: may not be more than 63 bytes", wantUnchecked}},
	"expression over the operator's labels": {spec: selector("{matchExpressions: [{key: pod-security.kubernetes.io/enforce, operator: DoesNotExist}]}"),
		want: []string{`spec.targets[0].namespaceSelector.matchExpressions[0].key: Invalid value: "pod-security.kubernetes.io/enforce": ` + wantOurKey}},
	"the operator's labels": {spec: selector("{matchLabels: {pod-security.kubernetes.io/warn: baseline}}"),
		want: []string{"spec.targets[0].namespaceSelector.matchLabels: Invalid value: " + wantOurKey}},
}

// refusedFields are mistakes in the other fields of the spec.
var refusedFields = map[string]refusal{
	"unknown mode":            {spec: all + "\nmode: DryRun", want: []string{`spec.mode: Unsupported value: "DryRun": supported values: "Apply", "Observe"`, wantUnchecked}},
	"unknown conflict policy": {spec: all + "\nlabelConflicts: Force", want: []string{`spec.labelConflicts: Unsupported value: "Force": supported values: "Yield", "TakeOver"`, wantUnchecked}},
	"excluded by a pattern":   {spec: all + "\nexcludedNamespaces: ['kube-*']", want: []string{"spec.excludedNamespaces[0]: " + fmt.Sprintf(wantExcluded, "kube-*")}},
	"excluded twice":          {spec: all + "\nexcludedNamespaces: [a, a]", want: []string{`spec.excludedNamespaces[1]: Duplicate value: "a"`}},
}

// refusedStrategies are mistakes in the pace of the modes.
var refusedStrategies = map[string]refusal{
	"audit soak in days":         {spec: strategy("audit: {soak: 1d}"), want: []string{"spec.strategy.audit.soak: " + fmt.Sprintf(wantSoak, "1d")}},
	"warn soak without a unit":   {spec: strategy("warn: {soak: '10'}"), want: []string{"spec.strategy.warn.soak: " + fmt.Sprintf(wantSoak, "10")}},
	"enforce soak below zero":    {spec: strategy("enforce: {soak: -1h}"), want: []string{"spec.strategy.enforce.soak: " + fmt.Sprintf(wantSoak, "-1h")}},
	"enforce soak of years":      {spec: strategy("enforce: {soak: 8761h}"), want: []string{"spec.strategy.enforce.soak: " + fmt.Sprintf(wantSoak, "8761h")}},
	"soak past any number":       {spec: strategy("enforce: {soak: 99999999999h}"), want: []string{"spec.strategy.enforce.soak: " + fmt.Sprintf(wantSoak, "99999999999h")}},
	"bake of a word":             {spec: strategy("enforce: {bake: soon}"), want: []string{"spec.strategy.enforce.bake: " + fmt.Sprintf(wantBake, "soon")}},
	"bake of weeks":              {spec: strategy("enforce: {bake: 169h}"), want: []string{"spec.strategy.enforce.bake: " + fmt.Sprintf(wantBake, "169h")}},
	"deadline in weeks":          {spec: strategy("progressDeadline: 2w"), want: []string{"spec.strategy.progressDeadline: " + fmt.Sprintf(wantDeadline, "2w")}},
	"deadline shorter than soak": {spec: strategy("audit: {soak: 48h}, progressDeadline: 24h"), want: []string{"spec.strategy: Invalid value: progressDeadline must be longer than every soak and the bake, or a rollout that does as it was told counts as Stalled"}},
	"unknown requirement":        {spec: strategy("audit: {require: Some}"), want: []string{`spec.strategy.audit.require: Unsupported value: "Some": supported values: "Compliant", "None"`, wantUnchecked}},
	"enforce without compliance": {spec: strategy("enforce: {require: None}"), want: []string{`strict decoding error: unknown field "spec.strategy.enforce.require"`}},
	"unknown approval":           {spec: strategy("enforce: {approval: Maybe}"), want: []string{`spec.strategy.enforce.approval: Unsupported value: "Maybe": supported values: "Automatic", "Manual"`, wantUnchecked}},
	"unknown answer to refusals": {spec: strategy("enforce: {onRejection: Ignore}"), want: []string{`spec.strategy.enforce.onRejection: Unsupported value: "Ignore": supported values: "Hold", "Rollback"`, wantUnchecked}},
	"unknown severity": {spec: strategy("enforce: {reports: [{source: falco, minSeverity: severe}]}"),
		want: []string{`spec.strategy.enforce.reports[0].minSeverity: Unsupported value: "severe": supported values: "info", "low", "medium", "high", "critical"`, wantUnchecked}},
	"two gates of a source": {spec: strategy("enforce: {reports: [{source: falco}, {source: falco}]}"), want: []string{`spec.strategy.enforce.reports[1]: Duplicate value: {"source":"falco"}`}},
}

// refusedWaves are mistakes in spec.strategy.waves.
var refusedWaves = map[string]refusal{
	"two waves of a name": {spec: strategy("waves: [{name: a, namespaceSelector: {matchLabels: {a: a}}}, {name: a, namespaceSelector: {matchLabels: {a: b}}}]"),
		want: []string{`spec.strategy.waves[1]: Duplicate value: {"name":"a"}`}},
	"bad name of a wave": {spec: strategy("waves: [{name: wave_1, namespaceSelector: {}}]"), want: []string{"spec.strategy.waves[0].name: " + fmt.Sprintf(wantName, "wave_1")}},
	"wave after one for everything": {spec: strategy("waves: [{name: a, namespaceSelector: {}}, {name: b, namespaceSelector: {matchLabels: {a: b}}}]"),
		want: []string{"spec.strategy.waves: " + fmt.Sprintf(wantUnreachable, "wave")}},
	"minComplete 110%":    {spec: fmt.Sprintf(wave, "110%"), want: []string{"spec.strategy.waves[0].minComplete: " + fmt.Sprintf(wantMinComplete, `"110%"`)}},
	"minComplete -1":      {spec: fmt.Sprintf(wave, "-1"), want: []string{"spec.strategy.waves[0].minComplete: " + fmt.Sprintf(wantMinComplete, "-1")}},
	"minComplete '-1'":    {spec: fmt.Sprintf(wave, "'-1'"), want: []string{"spec.strategy.waves[0].minComplete: " + fmt.Sprintf(wantMinComplete, `"-1"`)}},
	"minComplete most":    {spec: fmt.Sprintf(wave, "most"), want: []string{"spec.strategy.waves[0].minComplete: " + fmt.Sprintf(wantMinComplete, `"most"`)}},
	"minComplete 1000000": {spec: fmt.Sprintf(wave, "1000000"), want: []string{"spec.strategy.waves[0].minComplete: " + fmt.Sprintf(wantMinComplete, "1000000")}},
}

// refusedBudgets are mistakes in spec.strategy.budgets.
var refusedBudgets = map[string]refusal{
	"no budgets":               {spec: strategy("budgets: []"), want: []string{"spec.strategy.budgets: Invalid value: 0: spec.strategy.budgets in body should have at least 1 items"}},
	"budget of 110%":           {spec: strategy("budgets: [{namespaces: 110%}]"), want: []string{"spec.strategy.budgets[0].namespaces: " + fmt.Sprintf(wantBudget, "110%")}},
	"budget of 0%":             {spec: strategy("budgets: [{namespaces: 0%}]"), want: []string{"spec.strategy.budgets[0].namespaces: " + fmt.Sprintf(wantBudget, "0%")}},
	"budget of -1":             {spec: strategy("budgets: [{namespaces: '-1'}]"), want: []string{"spec.strategy.budgets[0].namespaces: " + fmt.Sprintf(wantBudget, "-1")}},
	"budget of abc":            {spec: strategy("budgets: [{namespaces: abc}]"), want: []string{"spec.strategy.budgets[0].namespaces: " + fmt.Sprintf(wantBudget, "abc")}},
	"budget as a number":       {spec: strategy("budgets: [{namespaces: 5}]"), want: []string{`spec.strategy.budgets[0].namespaces: Invalid value: "integer": spec.strategy.budgets[0].namespaces in body must be of type string: "integer"`, wantUnchecked}},
	"schedule without an end":  {spec: strategy("budgets: [{namespaces: '0', schedule: 0 18 * * fri}]"), want: []string{"spec.strategy.budgets[0]: " + wantTogether}},
	"duration without a start": {spec: strategy("budgets: [{namespaces: '0', duration: 62h}]"), want: []string{"spec.strategy.budgets[0]: " + wantTogether}},
	"budget's duration too short": {spec: strategy("budgets: [{namespaces: '0', schedule: '@daily', duration: 59s}]"),
		want: []string{"spec.strategy.budgets[0].duration: " + fmt.Sprintf(wantDuration, "59s")}},
	"budget's duration in days": {spec: strategy("budgets: [{namespaces: '0', schedule: '@daily', duration: 2d}]"),
		want: []string{"spec.strategy.budgets[0].duration: " + fmt.Sprintf(wantDuration, "2d")}},
	"schedule of four fields": {spec: strategy("budgets: [{namespaces: '0', schedule: 0 18 * *, duration: 1h}]"),
		want: []string{"spec.strategy.budgets[0].schedule: " + fmt.Sprintf(wantSchedule, "0 18 * *")}},
	"unknown field": {spec: all + "\nexcludeNamespaces: [a]", want: []string{`strict decoding error: unknown field "spec.excludeNamespaces"`}},
}

// TestRolloutSpecAccepted applies specs that are as they should be.
func TestRolloutSpecAccepted(t *testing.T) {
	c := newClient(t)
	for name, spec := range acceptedSpecs {
		t.Run(name, func(t *testing.T) {
			object := parse(t, "PodSecurityRollout", spec)
			object.SetName("accepted")
			compareRefusal(t, nil, create(t, c, object))
		})
	}
}

// TestRolloutSpecRefused applies specs with mistakes, and reads what people are
// told to do about them.
func TestRolloutSpecRefused(t *testing.T) {
	c := newClient(t)
	for _, cases := range []map[string]refusal{
		refusedTargets, refusedSelectors, refusedFields, refusedStrategies, refusedWaves, refusedBudgets,
	} {
		for name, tc := range cases {
			t.Run(name, func(t *testing.T) {
				object := parse(t, "PodSecurityRollout", tc.spec)
				object.SetName("refused")
				compareRefusal(t, tc.want, create(t, c, object))
			})
		}
	}
}

// everyField sets each field of the spec, the way the documentation does.
const everyField = `
mode: Apply
suspend: false
targets:
- name: payments
  namespaceSelector: {matchLabels: {team: payments}, matchExpressions: [{key: env, operator: In, values: [dev, prod]}]}
  enforce: restricted
- name: everyone-else
  namespaceSelector: {}
  enforce: baseline
  warn: restricted
  audit: restricted
  version: Cluster
excludedNamespaces: [kube-system, kube-public, kube-node-lease]
strategy:
  audit: {require: Compliant, soak: 0s}
  warn: {require: None, soak: 1h}
  enforce:
    soak: 24h
    approval: Manual
    bake: 10m
    onRejection: Rollback
    reports: [{source: falco, minSeverity: high}]
  waves:
  - {name: dev, namespaceSelector: {matchLabels: {env: dev}}}
  - {name: prod, namespaceSelector: {matchLabels: {env: prod}}, minComplete: 90%}
  budgets:
  - {namespaces: 10%}
  - {namespaces: "0", schedule: "0 18 * * fri", duration: 62h}
  progressDeadline: 720h
labelConflicts: Yield
`

// TestSamplesAccepted applies what config/samples tells people to begin with.
func TestSamplesAccepted(t *testing.T) {
	c := newClient(t)
	files, err := filepath.Glob(filepath.Join("..", "..", "config", "samples", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("looking for samples: %d files, error %v", len(files), err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatalf("reading a sample: %v", err)
		}
		object := &unstructured.Unstructured{}
		if err := yaml.Unmarshal(data, object); err != nil {
			t.Fatalf("parsing %s: %v", file, err)
		}
		if object.GroupVersionKind().Group != v1alpha1.GroupVersion.Group {
			continue
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			compareRefusal(t, nil, create(t, c, object))
		})
	}
}

// TestNamespaceRolloutSpec is TestRolloutSpec for the other kind.
func TestNamespaceRolloutSpec(t *testing.T) {
	const name = v1alpha1.NamespaceRolloutName
	cases := map[string]struct {
		name string
		spec string
		want []string
	}{
		"empty":                {name: name},
		"baseline approved":    {name: name, spec: `approvedEnforce: "baseline:v1.37"`},
		"restricted at latest": {name: name, spec: `approvedEnforce: "restricted:latest"`},

		"another name": {name: "shop", want: []string{"<nil>: Invalid value: a NamespaceRollout must be named pod-security: there is one for each namespace, and the operator makes it"}},
		"approval without a version": {name: name, spec: "approvedEnforce: baseline",
			want: []string{"spec.approvedEnforce: " + fmt.Sprintf(wantApproval, "baseline")}},
		"approval of a mode":         {name: name, spec: `approvedEnforce: "enforce=baseline:v1.37"`, want: []string{"spec.approvedEnforce: " + fmt.Sprintf(wantApproval, "enforce=baseline:v1.37")}},
		"approval of privileged":     {name: name, spec: `approvedEnforce: "privileged:v1.37"`, want: []string{"spec.approvedEnforce: " + fmt.Sprintf(wantApproval, "privileged:v1.37")}},
		"approval of Cluster":        {name: name, spec: `approvedEnforce: "baseline:Cluster"`, want: []string{"spec.approvedEnforce: " + fmt.Sprintf(wantApproval, "baseline:Cluster")}},
		"approval of a bad version":  {name: name, spec: `approvedEnforce: "baseline:1.37"`, want: []string{"spec.approvedEnforce: " + fmt.Sprintf(wantApproval, "baseline:1.37")}},
		"approval of an unknown one": {name: name, spec: `approvedEnforce: "strict:v1.37"`, want: []string{"spec.approvedEnforce: " + fmt.Sprintf(wantApproval, "strict:v1.37")}},
		"unknown field":              {name: name, spec: "approved: true", want: []string{`strict decoding error: unknown field "spec.approved"`}},
	}
	c := newClient(t)
	namespace := newNamespace(t, nil).Name
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			object := parse(t, "NamespaceRollout", tc.spec)
			object.SetName(tc.name)
			object.SetNamespace(namespace)
			compareRefusal(t, tc.want, create(t, c, object))
		})
	}
}

// TestScheduleAsParsed compares what the API server takes for a schedule with
// what the library that the operator reads it by can parse.
func TestScheduleAsParsed(t *testing.T) {
	cases := map[string]struct{ accepted, parsed bool }{
		"0 18 * * fri":               {accepted: true, parsed: true},
		"0 18 * * FRI":               {accepted: true, parsed: true},
		"*/15 0-6,22,23 1,15 * ?":    {accepted: true, parsed: true},
		"5/10 0 1-7/2 jan-mar 1-5":   {accepted: true, parsed: true},
		"59 23 31 12 6":              {accepted: true, parsed: true},
		"00 09 01 01 0":              {accepted: true, parsed: true},
		"0  18  *  *  fri":           {accepted: true, parsed: true},
		"0 0 * * mon,wed-fri":        {accepted: true, parsed: true},
		"@weekly":                    {accepted: true, parsed: true},
		"@midnight":                  {accepted: true, parsed: true},
		"60 * * * *":                 {},
		"* 24 * * *":                 {},
		"* * 0 * *":                  {},
		"* * 32 * *":                 {},
		"* * * 0 *":                  {},
		"* * * 13 *":                 {},
		"* * * * 7":                  {},
		"* * * * freitag":            {},
		"* * * janvier *":            {},
		"*/0 * * * *":                {},
		"* * * *":                    {},
		"0 * * * * *":                {},
		"1-2-3 * * * *":              {},
		"@reboot":                    {},
		"friday evening":             {},
		"TZ=Europe/Zurich 0 9 * * *": {parsed: true}, // all times are UTC
		"@every 1h":                  {parsed: true}, // begins when the operator does
		"1,,2 * * * *":               {parsed: true}, // something was left out
		"0 20-6 * * *":               {accepted: true},
		"0 0 * * fri-mon":            {accepted: true},
	}
	c := newClient(t)
	for schedule, tc := range cases {
		t.Run(schedule, func(t *testing.T) {
			object := parse(t, "PodSecurityRollout", strategy(fmt.Sprintf("budgets: [{namespaces: '0', schedule: %q, duration: 1h}]", schedule)))
			object.SetName("schedule")
			want := []string{"spec.strategy.budgets[0].schedule: " + fmt.Sprintf(wantSchedule, schedule)}
			if tc.accepted {
				want = nil
			}
			compareRefusal(t, want, create(t, c, object))
			if _, err := cron.ParseStandard(schedule); (err == nil) != tc.parsed {
				t.Errorf("cron.ParseStandard(%q) answers the error %v, want parsed: %t", schedule, err, tc.parsed)
			}
		})
	}
}

// everyone is the least of targets, as a Go client writes it.
var everyone = []v1alpha1.Target{{Name: "all", NamespaceSelector: &v1alpha1.NamespaceSelector{}, Enforce: v1alpha1.LevelBaseline}}

// wantDefaults is the spec of everyone with all that was left out.
const wantDefaults = `
mode: Apply
suspend: false
targets: [{name: all, namespaceSelector: {}, enforce: baseline, version: Cluster}]
excludedNamespaces: [kube-system, kube-public, kube-node-lease]
strategy:
  audit: {require: Compliant, soak: 0s}
  warn: {require: Compliant, soak: 0s}
  enforce: {soak: 0s, approval: Automatic, bake: 10m, onRejection: Hold}
  budgets: [{namespaces: 10%}]
labelConflicts: Yield
`

// defaultsCases are specs as a file or as a Go client sends them.
var defaultsCases = map[string]struct {
	file   string
	client *v1alpha1.PodSecurityRolloutSpec
	want   string
}{
	"a file": {file: all, want: wantDefaults},
	"a file with empty fields": {
		file: all + "\nstrategy: {audit: {}, warn: null, enforce: {soak: null}, budgets: null}\nexcludedNamespaces: null",
		want: wantDefaults,
	},
	"a Go client": {
		client: &v1alpha1.PodSecurityRolloutSpec{Targets: everyone},
		want:   wantDefaults,
	},
	"a Go client with an empty strategy": {
		client: &v1alpha1.PodSecurityRolloutSpec{Targets: everyone, Strategy: &v1alpha1.Strategy{}},
		want:   wantDefaults,
	},
	"a Go client with empty strategies": {
		client: &v1alpha1.PodSecurityRolloutSpec{Targets: everyone, Strategy: &v1alpha1.Strategy{
			Audit: &v1alpha1.ModeStrategy{}, Warn: &v1alpha1.ModeStrategy{}, Enforce: &v1alpha1.EnforceStrategy{}, Budgets: []v1alpha1.Budget{},
		}},
		want: wantDefaults,
	},
	"a Go client that excludes nothing": {
		client: &v1alpha1.PodSecurityRolloutSpec{Targets: everyone, ExcludedNamespaces: []string{}},
		want:   strings.Replace(wantDefaults, "[kube-system, kube-public, kube-node-lease]", "[]", 1),
	},
	"a wave, a budget and durations": {
		client: &v1alpha1.PodSecurityRolloutSpec{
			Suspend: ptr.To(true),
			Targets: everyone,
			Strategy: &v1alpha1.Strategy{
				Enforce: &v1alpha1.EnforceStrategy{Soak: &metav1.Duration{Duration: 24 * time.Hour}, Bake: &metav1.Duration{}},
				Waves:   []v1alpha1.Wave{{Name: "all", NamespaceSelector: &v1alpha1.NamespaceSelector{}}},
				Budgets: []v1alpha1.Budget{{Namespaces: "0", Schedule: "@weekly", Duration: &metav1.Duration{Duration: 62 * time.Hour}}},
			},
		},
		want: `
mode: Apply
suspend: true
targets: [{name: all, namespaceSelector: {}, enforce: baseline, version: Cluster}]
excludedNamespaces: [kube-system, kube-public, kube-node-lease]
strategy:
  audit: {require: Compliant, soak: 0s}
  warn: {require: Compliant, soak: 0s}
  enforce: {soak: 24h0m0s, approval: Automatic, bake: 0s, onRejection: Hold}
  waves: [{name: all, namespaceSelector: {}, minComplete: 100%}]
  budgets: [{namespaces: "0", schedule: "@weekly", duration: 62h0m0s}]
labelConflicts: Yield
`,
	},
}

// TestRolloutDefaults is what `kubectl get -o yaml` shows of specs that leave
// things out, whether a file or a Go client does.
func TestRolloutDefaults(t *testing.T) {
	c := newClient(t)
	for name, tc := range defaultsCases {
		t.Run(name, func(t *testing.T) {
			object := parse(t, "PodSecurityRollout", tc.file)
			if tc.client != nil {
				object.Object["spec"] = asSent(t, tc.client)
			}
			object.SetName("defaults")
			if err := create(t, c, object); err != nil {
				t.Fatalf("creating the rollout: %v", err)
			}
			want := parse(t, "PodSecurityRollout", tc.want)
			if diff := cmp.Diff(want.Object["spec"], object.Object["spec"]); diff != "" {
				t.Errorf("spec after defaulting (-want +got):\n%s", diff)
			}
		})
	}
}

// parse makes an object of one of our kinds from its spec in YAML.
func parse(t *testing.T, kind, spec string) *unstructured.Unstructured {
	t.Helper()
	fields := map[string]any{}
	if err := yaml.Unmarshal([]byte(spec), &fields); err != nil {
		t.Fatalf("parsing the spec: %v\n%s", err, spec)
	}
	object := &unstructured.Unstructured{Object: map[string]any{"spec": fields}}
	object.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind))
	return object
}

// asSent is a spec as a Go client sends it.
func asSent(t *testing.T, spec *v1alpha1.PodSecurityRolloutSpec) map[string]any {
	t.Helper()
	data, err := json.Marshal(spec)
	if err != nil {
		t.Fatalf("writing the spec: %v", err)
	}
	fields := map[string]any{}
	if err := json.Unmarshal(data, &fields); err != nil {
		t.Fatalf("reading the spec: %v", err)
	}
	return fields
}

// create asks the API server for everything of a creation but to store it.
func create(t *testing.T, c client.Client, object client.Object) error {
	t.Helper()
	return c.Create(t.Context(), object, client.DryRunAll, client.FieldValidation(metav1.FieldValidationStrict))
}

// compareRefusal compares what the API server said, one line a cause, with what
// it is to say, in any order. wantUnchecked stands for its line in short.
func compareRefusal(t *testing.T, want []string, err error) {
	t.Helper()
	got := causes(err)
	want = slices.Sorted(slices.Values(want))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what the API server said (-want +got):\n%s", diff)
	}
}

// causes lists what an error of the API server says is wrong, sorted.
func causes(err error) []string {
	if err == nil {
		return nil
	}
	var status *apierrors.StatusError
	if !errors.As(err, &status) || status.ErrStatus.Details == nil || len(status.ErrStatus.Details.Causes) == 0 {
		_, message, _ := strings.Cut(err.Error(), "strict decoding error")
		return []string{"strict decoding error" + message}
	}
	var lines []string
	for _, cause := range status.ErrStatus.Details.Causes {
		line := cause.Field + ": " + cause.Message
		if strings.Contains(line, wantUnchecked) {
			line = wantUnchecked
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return lines
}
