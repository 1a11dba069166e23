// SPDX-License-Identifier: Apache-2.0

package monitoring

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/api"
	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"github.com/podsecurity-rollout/operator/test/controlplane"
	"github.com/podsecurity-rollout/operator/test/e2e/await"
)

// soon is how long a test waits for what ought to take a few seconds. It is for a
// machine busy with other things.
const soon = 2 * time.Minute

// newcomer is a namespace that comes while Prometheus looks on. It climbs to warn
// and then soaks.
const newcomer = `
apiVersion: v1
kind: Namespace
metadata: {name: newcomer}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: newcomer}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: registry.example/web}]
`

// soak has every enforce rung of the demo's rollout wait for a day.
const soak = `{"spec":{"strategy":{"enforce":{"soak":"24h"}}}}`

// query is an expression of the dashboard.
type query struct{ panel, expr string }

// queries answers every expression of the dashboard, as Grafana sends it when all
// rollouts are chosen.
func queries(t *testing.T) []query {
	t.Helper()
	var dashboard struct {
		Panels []struct {
			Type    string `json:"type"`
			Title   string `json:"title"`
			Targets []struct {
				Expr string `json:"expr"`
			} `json:"targets"`
		} `json:"panels"`
		Templating struct {
			List []struct {
				Name     string `json:"name"`
				AllValue string `json:"allValue"`
			} `json:"list"`
		} `json:"templating"`
	}
	if err := json.Unmarshal(read(t, "config", "grafana", "dashboard.json"), &dashboard); err != nil {
		t.Fatal(err)
	}
	variables := []string{"$__rate_interval", "1m"}
	for _, v := range dashboard.Templating.List {
		variables = append(variables, "$"+v.Name, v.AllValue)
	}
	fill := strings.NewReplacer(variables...)
	var all []query
	for _, panel := range dashboard.Panels {
		if panel.Type != "row" && len(panel.Targets) == 0 {
			t.Errorf("panel %q asks nothing", panel.Title)
		}
		for _, target := range panel.Targets {
			all = append(all, query{panel.Title, fill.Replace(target.Expr)})
		}
	}
	return all
}

// scene is the demo's cluster, with the operator on it and Prometheus scraping it.
type scene struct {
	dir, metrics string
	prometheus   promv1.API
}

// TestPrometheus has a real Prometheus scrape the operator on what the demo has left.
func TestPrometheus(t *testing.T) {
	s := openScene(t)
	t.Run("dashboard", s.dashboard)
	t.Run("alerts", s.alerts)
	t.Run("conventions", s.conventions)
}

// dashboard has every query of the dashboard answer numbers.
func (s *scene) dashboard(t *testing.T) {
	for _, q := range queries(t) {
		await.Until(t, soon, func() error {
			value, warnings, err := s.prometheus.Query(t.Context(), q.expr, time.Now())
			if err != nil || len(warnings) > 0 {
				return fmt.Errorf("panel %q: %s: %w, warnings %q", q.panel, q.expr, err, warnings)
			}
			if vector, ok := value.(model.Vector); !ok || !hasNumber(vector) {
				return fmt.Errorf("panel %q: %s answers %v", q.panel, q.expr, value)
			}
			return nil
		})
	}
}

func hasNumber(vector model.Vector) bool {
	for _, sample := range vector {
		if !math.IsNaN(float64(sample.Value)) {
			return true
		}
	}
	return false
}

// alerts has Prometheus evaluate every rule, and none fire for what the demo shows.
func (s *scene) alerts(t *testing.T) {
	await.Until(t, soon, func() error {
		result, err := s.prometheus.Rules(t.Context(), nil)
		if err != nil {
			return err
		}
		evaluated := 0
		for _, group := range result.Groups {
			for _, each := range group.Rules {
				alert, ok := each.(promv1.AlertingRule)
				if !ok || alert.Health != promv1.RuleHealthGood {
					return fmt.Errorf("%v is not evaluated: %s", each, alert.LastError)
				}
				if len(alert.Alerts) > 0 {
					t.Errorf("alert %s is due: %v", alert.Name, alert.Alerts)
				}
				evaluated++
			}
		}
		if want := len(alerts(t)); evaluated != want {
			return fmt.Errorf("%d alerts are evaluated, want %d", evaluated, want)
		}
		return nil
	})
}

// conventions has promtool check what the operator serves of its own.
func (s *scene) conventions(t *testing.T) {
	var own bytes.Buffer
	for line := range bytes.Lines(s.scrape(t)) {
		name := bytes.TrimPrefix(bytes.TrimPrefix(line, []byte("# HELP ")), []byte("# TYPE "))
		if bytes.HasPrefix(name, []byte("podsecurity_rollout_")) {
			own.Write(line)
		}
	}
	if own.Len() == 0 {
		t.Fatal("the operator serves none of its own metrics")
	}
	check := exec.CommandContext(t.Context(), tool(t, "promtool"), "check", "metrics")
	check.Stdin = &own
	if out, err := check.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}

func openScene(t *testing.T) *scene {
	t.Helper()
	for _, program := range []string{"kube-controller-manager", "kubectl"} {
		if _, err := os.Stat(filepath.Join(controlplane.DefaultAssets(), program)); err != nil {
			t.Skipf("no %s among the binaries (%v): run `make controlplane`, and unset %s", program, err, controlplane.AssetsEnv)
		}
	}
	s := &scene{dir: filepath.Join(t.TempDir(), "cluster"), metrics: "http://" + freeAddress(t) + "/metrics"}
	s.playDemo(t)
	s.startOperator(t)
	s.startPrometheus(t)
	s.kubectl(t, "", "patch", "psr", "whole-cluster", "--type=merge", "-p", soak)
	s.kubectl(t, newcomer, "apply", "-f", "-")
	return s
}

// playDemo plays the demo, which leaves its cluster running.
func (s *scene) playDemo(t *testing.T) {
	t.Helper()
	t.Cleanup(func() {
		if err := controlplane.Stop(s.dir); err != nil {
			t.Errorf("stopping the cluster: %v", err)
		}
	})
	demo := exec.CommandContext(t.Context(), "go", "run", "./hack/demo", "-dir", s.dir)
	demo.Dir = root
	if out, err := demo.CombinedOutput(); err != nil {
		t.Fatalf("playing the demo: %v\n%s", err, out)
	}
}

// startOperator starts the operator that the demo has built, by the demo's credentials for it.
func (s *scene) startOperator(t *testing.T) {
	t.Helper()
	address := strings.TrimSuffix(strings.TrimPrefix(s.metrics, "http://"), "/metrics")
	start(t, filepath.Join(root, "bin", "manager"),
		"--kubeconfig="+filepath.Join(s.dir, "config", "manager.kubeconfig"),
		"--leader-elect", "--leader-election-namespace=podsecurity-rollout-system",
		"--health-probe-bind-address=0", "--metrics-secure=false", "--metrics-bind-address="+address)
	await.Until(t, soon, func() error {
		if text, err := s.get(t.Context()); err != nil || !bytes.Contains(text, []byte("podsecurity_rollout_namespaces{")) {
			return fmt.Errorf("the operator does not tell of namespaces yet: %w", err)
		}
		return nil
	})
}

// startPrometheus starts Prometheus with the alerts, and waits until it has scraped.
func (s *scene) startPrometheus(t *testing.T) {
	t.Helper()
	dir, address := t.TempDir(), freeAddress(t)
	config := filepath.Join(dir, "prometheus.yaml")
	write(t, config, fmt.Appendf(nil, `
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [%s]
scrape_configs:
- job_name: podsecurity-rollout
  honor_labels: true
  static_configs: [{targets: [%s]}]
`, ruleFile(t, dir), strings.TrimSuffix(strings.TrimPrefix(s.metrics, "http://"), "/metrics")))
	start(t, tool(t, "prometheus"), "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address)
	client, err := api.NewClient(api.Config{Address: "http://" + address})
	if err != nil {
		t.Fatal(err)
	}
	s.prometheus = promv1.NewAPI(client)
	await.Until(t, soon, func() error {
		value, _, err := s.prometheus.Query(t.Context(), "count_over_time(up[1m]) > 2 and up == 1", time.Now())
		if err != nil {
			return err
		}
		if vector, ok := value.(model.Vector); !ok || len(vector) != 1 {
			return fmt.Errorf("the operator is not scraped yet: %v", value)
		}
		return nil
	})
}

func (s *scene) kubectl(t *testing.T, input string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(controlplane.DefaultAssets(), "kubectl"), args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+filepath.Join(s.dir, "kubeconfig"))
	cmd.Stdin = strings.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("kubectl %v: %v\n%s", args, err, out)
	}
}

func (s *scene) scrape(t *testing.T) []byte {
	t.Helper()
	text, err := s.get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func (s *scene) get(ctx context.Context) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.metrics, http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("scraping answers %s", response.Status)
	}
	return io.ReadAll(response.Body)
}
