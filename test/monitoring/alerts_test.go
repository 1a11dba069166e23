// SPDX-License-Identifier: Apache-2.0

package monitoring

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// rule is an alert.
type rule struct {
	Alert       string            `json:"alert"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

// prometheusRule is the PrometheusRule of config/prometheus. Its spec is what a rule file of Prometheus is.
type prometheusRule struct {
	Spec struct {
		Groups []struct {
			Rules []rule `json:"rules"`
		} `json:"groups"`
	} `json:"spec"`
}

// ruleFile writes the rules to a directory as Prometheus reads them, and answers the path of the file.
func ruleFile(t *testing.T, dir string) string {
	t.Helper()
	var object struct {
		Spec map[string]any `json:"spec"`
	}
	if err := yaml.Unmarshal(read(t, "config", "prometheus", "prometheus_rule.yaml"), &object); err != nil {
		t.Fatal(err)
	}
	data, err := yaml.Marshal(object.Spec)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "rules.yaml")
	write(t, path, data)
	return path
}

func alerts(t *testing.T) []rule {
	t.Helper()
	var object prometheusRule
	if err := yaml.Unmarshal(read(t, "config", "prometheus", "prometheus_rule.yaml"), &object); err != nil {
		t.Fatal(err)
	}
	var all []rule
	for _, group := range object.Spec.Groups {
		all = append(all, group.Rules...)
	}
	if len(all) == 0 {
		t.Fatal("there are no alerts")
	}
	return all
}

// TestRules has promtool check the rules and run their tests.
func TestRules(t *testing.T) {
	dir := t.TempDir()
	rules := ruleFile(t, dir)
	tests := filepath.Join(dir, "alerts_test.yaml")
	write(t, tests, read(t, "config", "prometheus", "alerts_test.yaml"))
	for _, args := range [][]string{
		{"check", "rules", "--lint=all", "--lint-fatal", rules},
		{"test", "rules", tests},
	} {
		if out, err := exec.CommandContext(t.Context(), tool(t, "promtool"), args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args[:2], " "), err, out)
		}
	}
}

// TestRulesThatAreBroken has the tests of the rules notice an alert that never fires.
func TestRulesThatAreBroken(t *testing.T) {
	source := string(read(t, "config", "prometheus", "prometheus_rule.yaml"))
	tests := read(t, "config", "prometheus", "alerts_test.yaml")
	for what, change := range map[string][2]string{
		"blocked":    {"7 * 86400", "70 * 86400"},
		"rejecting":  {"podsecurity_rollout_namespace_rejected_workloads", "podsecurity_rollout_rejected_workloads"},
		"stalled":    {`condition="Stalled"`, `condition="Ready"`},
		"disagrees":  {"disagrees == 1", "disagrees == 0"},
		"behind":     {"server_standards_minor - podsecurity_rollout_known", "known_standards_minor - podsecurity_rollout_server"},
		"absent":     {"absent(podsecurity_rollout_build_info)", "absent(up)"},
		"suspension": {`{state!~"Suspended|Observing"}`, ""},
	} {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			if strings.Count(source, change[0]) != 1 {
				t.Fatalf("the rules do not have %q once", change[0])
			}
			_, spec, _ := strings.Cut(strings.Replace(source, change[0], change[1], 1), "\nspec:\n")
			write(t, filepath.Join(dir, "rules.yaml"), []byte(spec))
			path := filepath.Join(dir, "alerts_test.yaml")
			write(t, path, tests)
			out, err := exec.CommandContext(t.Context(), tool(t, "promtool"), "test", "rules", path).CombinedOutput()
			if err == nil || !strings.Contains(string(out), "FAILED") {
				t.Errorf("the tests pass without %q (%v):\n%s", change[0], err, out)
			}
		})
	}
}

// TestAlertsAreWhole has every alert say what is wrong and what to do, and tested.
func TestAlertsAreWhole(t *testing.T) {
	tests := string(read(t, "config", "prometheus", "alerts_test.yaml"))
	runbook := string(read(t, "docs", "alerts.md"))
	severity := regexp.MustCompile(`^(warning|critical)$`)
	for _, a := range alerts(t) {
		for _, name := range []string{"summary", "description"} {
			if a.Annotations[name] == "" {
				t.Errorf("%s has no %s", a.Alert, name)
			}
		}
		if !severity.MatchString(a.Labels["severity"]) {
			t.Errorf("%s is of severity %q", a.Alert, a.Labels["severity"])
		}
		page, anchor, _ := strings.Cut(a.Annotations["runbook_url"], "#")
		if !strings.HasSuffix(page, "/docs/alerts.md") || anchor != strings.ToLower(a.Alert) || !strings.Contains(runbook, "\n## "+a.Alert+"\n") {
			t.Errorf("%s has the runbook %q, which is no section of docs/alerts.md", a.Alert, a.Annotations["runbook_url"])
		}
		if strings.Count(tests, "alertname: "+a.Alert+"\n") < 2 {
			t.Errorf("%s is not tested to fire and not to fire", a.Alert)
		}
	}
}
