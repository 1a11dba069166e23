// SPDX-License-Identifier: Apache-2.0

// Command metricsdoc writes docs/metrics.md: every metric of the operator, from
// the declarations in internal/metrics.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/podsecurity-rollout/operator/internal/metrics"
)

const head = `# Metrics

<!-- Generated from internal/metrics by ` + "`make generate`" + `. Change the Go code there. -->

The operator serves these on ` + "`--metrics-bind-address`" + `, beside those of
[controller-runtime](https://book.kubebuilder.io/reference/metrics-reference) and the Go runtime. Labels are bounded: names of rollouts
and namespaces, and words of the API, never those of pods or workloads. The states are explained in [conditions.md](conditions.md), the
alerts in [alerts.md](alerts.md).

` + "`config/prometheus`" + ` has a ServiceMonitor and a PrometheusRule, ` + "`config/grafana/dashboard.json`" + ` a dashboard. A namespace has two
series, and a few more while it is held; where that is too many, drop ` + "`podsecurity_rollout_namespace_.*`" + ` and
` + "`podsecurity_rollout_violating_workloads`" + ` by ` + "`metricRelabelings`" + `: what is counted by rollout stays. A scrape that is not by that
ServiceMonitor needs ` + "`honor_labels: true`" + `: the label ` + "`namespace`" + ` is the one that is rolled out, not the operator's.
`

func main() {
	to := flag.String("to", "docs/metrics.md", "Markdown file to write")
	flag.Parse()
	if err := os.WriteFile(*to, page(), 0o600); err != nil {
		fmt.Fprintln(os.Stderr, "metricsdoc:", err)
		os.Exit(1)
	}
}

func page() []byte {
	out := bytes.NewBufferString(head)
	for _, section := range metrics.Sections() {
		fmt.Fprintf(out, "\n## %s\n\n%s\n\n| name | type | labels | meaning |\n| --- | --- | --- | --- |\n", section.Title, section.Text)
		for _, m := range section.Metrics {
			fmt.Fprintf(out, "| `%s` | %s | %s | %s |\n", m.Name, m.Type, labels(m.Labels), strings.ReplaceAll(m.Help, "|", `\|`))
		}
	}
	return out.Bytes()
}

func labels(names []string) string {
	quoted := make([]string, 0, len(names))
	for _, name := range names {
		quoted = append(quoted, "`"+name+"`")
	}
	return strings.Join(quoted, ", ")
}
